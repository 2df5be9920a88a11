package nginxconf

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestParseNumber(t *testing.T) {
	for text, want := range map[string]int{
		"0": 0, "7": 7, "007": 7, "9223372036854775807": math.MaxInt,
		"": -1, "-1": -1, "+1": -1, "1 ": -1, "1k": -1, "0x1": -1, "9223372036854775808": -1, "99999999999999999999": -1,
	} {
		got, err := ParseNumber(text)
		if err != nil {
			got = -1
			if err != ErrInvalidNumber {
				t.Errorf("ParseNumber(%q): error %v", text, err)
			}
		}
		if got != want {
			t.Errorf("ParseNumber(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestParseSizeAndOffset(t *testing.T) {
	for _, test := range []struct {
		text         string
		size, offset int64
	}{
		{"0", 0, 0},
		{"1024", 1024, 1024},
		{"8k", 8192, 8192},
		{"8K", 8192, 8192},
		{"2m", 2 << 20, 2 << 20},
		{"2M", 2 << 20, 2 << 20},
		{"3g", -1, 3 << 30},
		{"3G", -1, 3 << 30},
		{"8388607m", 8388607 << 20, 8388607 << 20},
		{"9223372036854775807", math.MaxInt64, math.MaxInt64},
		{"9007199254740991k", 9007199254740991 << 10, 9007199254740991 << 10},
		{"9007199254740992k", -1, -1},
		{"8589934591G", -1, 8589934591 << 30},
		{"8589934592G", -1, -1},
		{"9223372036854775808", -1, -1},
		{"", -1, -1},
		{"k", -1, -1},
		{"1kb", -1, -1},
		{"1.5m", -1, -1},
		{"-1", -1, -1},
		{"1 k", -1, -1},
		{"1t", -1, -1},
	} {
		check := func(name string, got int64, err error, want int64) {
			if err != nil {
				got = -1
			}
			if got != want || err != nil && err != ErrInvalidValue {
				t.Errorf("%s(%q) = %d, %v, want %d", name, test.text, got, err, want)
			}
		}
		size, err := ParseSize(test.text)
		check("ParseSize", size, err, test.size)
		offset, err := ParseOffset(test.text)
		check("ParseOffset", offset, err, test.offset)
	}
}

func TestParseTimes(t *testing.T) {
	const day = 24 * time.Hour
	for _, test := range []struct {
		text      string
		msec, sec time.Duration
	}{
		{"0", 0, 0},
		{"60", time.Minute, time.Minute},
		{"60s", time.Minute, time.Minute},
		{"5m", 5 * time.Minute, 5 * time.Minute},
		{"1h30m", 90 * time.Minute, 90 * time.Minute},
		{"1h 30m", 90 * time.Minute, 90 * time.Minute},
		{"1h30", time.Hour + 30*time.Second, time.Hour + 30*time.Second},
		{"1d2h3m4s", 26*time.Hour + 3*time.Minute + 4*time.Second, 26*time.Hour + 3*time.Minute + 4*time.Second},
		{"2w", 14 * day, 14 * day},
		{"100ms", 100 * time.Millisecond, -1},
		{"1s500ms", 1500 * time.Millisecond, -1},
		{"1m500ms", time.Minute + 500*time.Millisecond, -1},
		{"1M", -1, 30 * day},
		{"1y", -1, 365 * day},
		{"1y1M1w1d", -1, 403 * day},
		{"30 ", 30 * time.Second, 30 * time.Second},
		{"1 2", 3 * time.Second, 3 * time.Second},
		{" 5", 5 * time.Second, 5 * time.Second},
		{"1hm", time.Hour, time.Hour},
		{"1s30", 31 * time.Second, 31 * time.Second},
		{"31536000000s", math.MaxInt64, math.MaxInt64}, // 1,000 years: as long as can be
		{"9223372036854775", math.MaxInt64, math.MaxInt64},
		{"9223372036854776", -1, math.MaxInt64},
		{"9223372036854775807s", -1, math.MaxInt64},
		{"9223372036854775808s", -1, -1},
		{"", -1, -1},
		{"h", -1, -1},
		{" ", -1, -1},
		{"1m1h", -1, -1},
		{"1h1h", -1, -1},
		{"1 2s", -1, -1},
		{"1s 2 ", -1, -1},
		{"-1s", -1, -1},
		{"1.5s", -1, -1},
		{"1S", -1, -1},
		{"1min", -1, -1},
		{"5ms1s", -1, -1},
	} {
		check := func(name string, got time.Duration, err error, want time.Duration) {
			if err != nil {
				got = -1
			}
			if got != want || err != nil && err != ErrInvalidValue {
				t.Errorf("%s(%q) = %v, %v, want %v", name, test.text, got, err, want)
			}
		}
		msec, err := ParseMsec(test.text)
		check("ParseMsec", msec, err, test.msec)
		sec, err := ParseSec(test.text)
		check("ParseSec", sec, err, test.sec)
	}
}

func TestParseBufs(t *testing.T) {
	if got, err := ParseBufs("8", "4k"); err != nil || got != (Bufs{8, 4096}) {
		t.Errorf("8 4k: %v, %v", got, err)
	}
	for _, args := range [][2]string{{"0", "4k"}, {"8", "0"}, {"x", "4k"}, {"8", "4g"}, {"-1", "1"}} {
		if got, err := ParseBufs(args[0], args[1]); err != ErrInvalidValue {
			t.Errorf("%v: %v, %v", args, got, err)
		}
	}
}

// nginx and the parse functions must agree on which of many random values are
// valid.
func TestRandomValuesAsNginx(t *testing.T) {
	nginx := newPeer(t)
	for _, slot := range []struct {
		directive string
		parse     func(string) error
	}{
		{"worker_rlimit_nofile", func(s string) error { _, err := ParseNumber(s); return err }},
		{"client_body_buffer_size", func(s string) error { _, err := ParseSize(s); return err }},
		{"client_max_body_size", func(s string) error { _, err := ParseOffset(s); return err }},
		{"send_timeout", func(s string) error { _, err := ParseMsec(s); return err }},
		{"open_file_cache_valid", func(s string) error { _, err := ParseSec(s); return err }},
	} {
		rnd := rand.New(rand.NewPCG(*randomSeed, 0))
		pieces := []string{"0", "1", "9", "12", "922337203685477580", "7", "8", "k", "K", "m", "M", "g", "G", "y", "w", "d", "h", "s", "ms", " ", "-", "x"}
		for range *randomRounds / 5 {
			var b strings.Builder
			for range 1 + rnd.IntN(6) {
				b.WriteString(pieces[rnd.IntN(len(pieces))])
			}
			text := b.String()
			format := "events {}\nhttp {\n%s \"%s\";\n}\nmarker;\n"
			if slot.directive == "worker_rlimit_nofile" {
				format = "%s \"%s\";\nevents {}\nmarker;\n"
			}
			conf := nginx.write(t, "nginx.conf", fmt.Sprintf(format, slot.directive, text))
			theirs := nginx.complaint(t, conf, "")
			ours := ""
			if err := slot.parse(text); err != nil {
				ours = fmt.Sprintf(`"%s" directive %s`, slot.directive, err)
			}
			in := strings.LastIndex(theirs, " in ")
			if strings.HasPrefix(theirs, `unknown directive "marker"`) && ours != "" ||
				!strings.HasPrefix(theirs, `unknown directive "marker"`) && ours != theirs[:in] {
				t.Errorf("%s %q: nginx says %q, here %q", slot.directive, text, theirs, ours)
			}
		}
	}
}
