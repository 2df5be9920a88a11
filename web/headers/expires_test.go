package headers

import (
	"testing"
	"time"
)

func TestParseExpires(t *testing.T) {
	for _, c := range []struct {
		kind expiresKind
		word string
		want expires
		err  string
	}{
		{expiresAccess, "epoch", expires{kind: expiresEpoch}, ""},
		{expiresAccess, "max", expires{kind: expiresMax}, ""},
		{expiresAccess, "off", expires{kind: expiresOff}, ""},
		{expiresAccess, "5", expires{kind: expiresAccess, seconds: 5}, ""},
		{expiresAccess, "+5m", expires{kind: expiresAccess, seconds: 300}, ""},
		{expiresAccess, "-1", expires{kind: expiresAccess, seconds: -1}, ""},
		{expiresAccess, "@15h30m", expires{kind: expiresDaily, seconds: 55800}, ""},
		{expiresAccess, "@25h", expires{}, "daily time value must be less than 24 hours"},
		{expiresAccess, "x", expires{}, "invalid value"},
		{expiresAccess, "", expires{}, "invalid value"},
		{expiresAccess, "--1", expires{}, "invalid value"},
		{expiresModified, "1d", expires{kind: expiresModified, seconds: 86400}, ""},
		{expiresModified, "max", expires{}, "invalid value"},
		{expiresModified, "@1h", expires{}, "daily time cannot be used with \"modified\" parameter"},
	} {
		got, err := parseExpires(c.kind, c.word)
		if message := errorText(err); got != c.want && err == nil || message != c.err {
			t.Errorf("%q: %+v %q, want %+v %q", c.word, got, message, c.want, c.err)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestNextTime(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	for _, c := range []struct{ now, want string }{
		{"2026-03-01T10:00:00", "2026-03-01T15:30:00"},
		{"2026-03-01T15:30:00", "2026-03-02T15:30:00"},
		{"2026-02-28T16:00:00", "2026-03-01T15:30:00"},
		// The clocks go forward in the night.
		{"2026-03-28T16:00:00", "2026-03-29T15:30:00"},
	} {
		const layout = "2006-01-02T15:04:05"
		now, err := time.ParseInLocation(layout, c.now, berlin)
		if err != nil {
			t.Fatal(err)
		}
		if got := time.Unix(nextTime(now, 15*3600+30*60), 0).In(berlin).Format(layout); got != c.want {
			t.Errorf("after %s: %s, want %s", c.now, got, c.want)
		}
	}
}
