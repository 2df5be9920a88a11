package upstream

import "testing"

func TestParseLocation(t *testing.T) {
	for _, c := range []struct {
		text string
		want Location
		err  string
	}{
		{"h", Location{Host: "h", Port: 80, Default: 80}, ""},
		{"h:81/x:2?y", Location{Host: "h", Port: 81, Written: true, URI: "/x:2?y", Default: 80}, ""},
		{"h?y", Location{Host: "h", Port: 80, URI: "?y", Default: 80}, ""},
		{"unix:/a/b:/uri", Location{Host: "/a/b", Unix: true, URI: "/uri", Default: 80, Literal: true, Addr: UnixAddr("/a/b")}, ""},
		{"", Location{}, "no host"},
		{":80", Location{}, "no host"},
		{"h:0", Location{}, "invalid port"},
		{"h:65536", Location{}, "invalid port"},
		{"h:8x", Location{}, "invalid port"},
		{"[::1", Location{}, "invalid host"},
		{"[::1]x", Location{}, "invalid host"},
		{"[x]", Location{}, "invalid IPv6 address"},
		{"unix:", Location{}, "no path in the unix domain socket"},
	} {
		got, err := ParseLocation(c.text, 80, true)
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%q: error %v, want %s", c.text, err, c.err)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%q: %+v %v, want %+v", c.text, got, err, c.want)
		}
	}
	if l, err := ParseLocation("[::1]:81", 80, false); err != nil || l.Addr.String() != "[::1]:81" {
		t.Errorf("[::1]:81: %+v %v", l, err)
	}
	if _, err := ParseLocation("h/x", 80, false); err == nil {
		t.Error("a URI where none may be")
	}
}

func FuzzParseLocation(f *testing.F) {
	for _, s := range []string{"h:1/u", "[::1]:2?x", "unix:/a:/b", "1.2.3.4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLocation(text, 80, true)
		if err == nil && (l.Host == "" || !l.Unix && (l.Port < 1 || l.Port > 65535)) {
			t.Errorf("%q: %+v", text, l)
		}
	})
}
