package ranges

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		value  string
		length int64
		limit  int
		want   string
	}{
		{"0-9", 1000, unlimited, "0-10"},
		{" 0 - 9 ", 1000, unlimited, "0-10"},
		{"-10", 1000, unlimited, "990-1000"},
		{"-5000", 1000, unlimited, "0-1000"},
		{"- 10", 1000, unlimited, "416"},
		{"990-", 1000, unlimited, "990-1000"},
		{"990-5000", 1000, unlimited, "990-1000"},
		{"0-0", 1000, unlimited, "0-1"},
		{"999-999", 1000, unlimited, "999-1000"},
		{"1000-", 1000, unlimited, "416"},
		{"5-4", 1000, unlimited, "416"},
		{"-0", 1000, unlimited, "416"},
		{"-0", 0, unlimited, "200"},
		{"0-0", 0, unlimited, "200"},
		{"1-", 0, unlimited, "416"},
		{"", 1000, unlimited, "416"},
		{"-", 1000, unlimited, "416"},
		{"x-9", 1000, unlimited, "416"},
		{"0-x", 1000, unlimited, "416"},
		{"0-9x", 1000, unlimited, "416"},
		{"0-9,", 1000, unlimited, "416"},
		{"0 9", 1000, unlimited, "416"},
		{"9", 1000, unlimited, "416"},
		{"0-9,-10, 10-19", 1000, unlimited, "0-10 990-1000 10-20"},
		{"0-9,2000-3000", 1000, unlimited, "0-10"},
		{"0-999,0-999", 1000, unlimited, "200"},
		{"0-,0-,0-", 1000, unlimited, "200"},
		{"0-9,5-4,20-29", 1000, 2, "0-10 20-30"},
		{"0-9,20-29,40-49", 1000, 2, "200"},
		{"0-9,20-29,x", 1000, 1, "200"},
		{"0-9,x", 1000, 1, "416"},
		{"9223372036854775807-", 1000, unlimited, "416"},
		{"9223372036854775808-", 1000, unlimited, "416"},
		{"0-9223372036854775807", 1000, unlimited, "0-1000"},
		{"0-9223372036854775808", 1000, unlimited, "416"},
		{"-9223372036854775807", 1000, unlimited, "0-1000"},
		{"0-,1-", math.MaxInt64, unlimited, "416"},
		{strings.Repeat("0-0,", 20) + "0-0", 1000, unlimited, "200"},
		{strings.Repeat("0-0,", 20) + "0-0", 1000, 30, strings.Repeat("0-1 ", 20) + "0-1"},
	} {
		spans, what := parse([]byte(c.value), c.length, c.limit, nil)
		if got := describe(spans, what); got != c.want {
			t.Errorf("%q of %d bytes, at most %d: %s, want %s", c.value, c.length, c.limit, got, c.want)
		}
	}
}

func describe(spans []span, what verdict) string {
	switch what {
	case ignore:
		return "200"
	case unsatisfiable:
		return "416"
	}
	var words []string
	for _, s := range spans {
		words = append(words, strconv.FormatInt(s.start, 10)+"-"+strconv.FormatInt(s.end, 10))
	}
	return strings.Join(words, " ")
}

// FuzzParse holds what comes out of any header to what makes it safe to send,
// and against a reading with strings.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"0-9", "-10", "990-", " 1 - 2 , 3-4,-5", "0-9223372036854775808", "0-,0-", ",", "5-4,1-1"} {
		f.Add([]byte(seed), int64(1000), 3)
	}
	f.Add([]byte("0-,1-"), int64(math.MaxInt64), unlimited)
	f.Fuzz(func(t *testing.T, value []byte, length int64, limit int) {
		if length < 0 || limit == 0 || limit < unlimited {
			t.Skip()
		}
		before := slices.Clone(value)
		spans, what := parse(value, length, limit, nil)
		if string(before) != string(value) {
			t.Fatal("the header was changed")
		}
		if (what == partial) != (len(spans) > 0) {
			t.Fatalf("%d ranges with verdict %d", len(spans), what)
		}
		if limit != unlimited && len(spans) > limit {
			t.Fatalf("%d ranges, at most %d allowed", len(spans), limit)
		}
		var total int64
		for _, s := range spans {
			if s.start < 0 || s.start >= s.end || s.end > length {
				t.Fatalf("range %v of %d bytes", s, length)
			}
			total += s.len()
		}
		if len(spans) > 1 && total > length {
			t.Fatalf("%d bytes in ranges of %d", total, length)
		}
		if got, want := describe(spans, what), parseWords(string(value), length, limit); got != want {
			t.Fatalf("%q of %d, at most %d: %s, want %s", value, length, limit, got, want)
		}
	})
}

// parseWords says the same as parse, without care for speed.
func parseWords(value string, length int64, limit int) string {
	number := func(s string) (int64, bool) {
		if s == "" || strings.Trim(s, "0123456789") != "" {
			return 0, false
		}
		n, err := strconv.ParseInt(s, 10, 64)
		return n, err == nil
	}
	var words []string
	var total int64
	for _, part := range strings.Split(value, ",") {
		part = strings.Trim(part, " ")
		first, last, ok := strings.Cut(part, "-")
		if !ok {
			return "416"
		}
		var start, end int64
		switch {
		case part[0] == '-':
			n, ok := number(last)
			if !ok {
				return "416"
			}
			start, end = max(length-n, 0), length
		default:
			if start, ok = number(strings.TrimRight(first, " ")); !ok {
				return "416"
			}
			end = length
			if last = strings.TrimLeft(last, " "); last != "" {
				n, ok := number(last)
				if !ok {
					return "416"
				}
				if n < length {
					end = n + 1
				}
			}
		}
		if start < end {
			if total > math.MaxInt64-(end-start) {
				return "416"
			}
			total += end - start
			if limit != unlimited && len(words) == limit {
				return "200"
			}
			words = append(words, strconv.FormatInt(start, 10)+"-"+strconv.FormatInt(end, 10))
		} else if start == 0 {
			return "200"
		}
	}
	n := int64(len(words))
	if n == 0 {
		return "416"
	}
	if n > 1 && (total > length || limit == unlimited && total-4096 > length-n*256) {
		return "200"
	}
	return strings.Join(words, " ")
}
