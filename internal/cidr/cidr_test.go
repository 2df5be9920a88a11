package cidr

import (
	"net/netip"
	"testing"
)

func TestParseAddr(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"127.0.0.1", "127.0.0.1"}, {"010.001.0.1", "10.1.0.1"}, {"1..2.3", "1.0.2.3"},
		{"255.255.255.255", ""}, {"1.2.3", ""}, {"1.2.3.4.5", ""}, {"1.2.3.256", ""}, {"1.2.3.4 ", ""}, {"", ""},
		{"::1", "::1"}, {"2001:DB8::a", "2001:db8::a"}, {"::ffff:1.2.3.4", "::ffff:1.2.3.4"}, {"fe80::1%eth0", ""}, {"x", ""},
	} {
		addr, ok := ParseAddr(c.text)
		if ok != (c.want != "") || ok && addr.String() != c.want {
			t.Errorf("%q: %v %v, want %q", c.text, addr, ok, c.want)
		}
	}
}

func TestParseAddrPort(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"1.2.3.4", "1.2.3.4:0"}, {"1.2.3.4:80", "1.2.3.4:80"}, {"::1", "[::1]:0"}, {"[::1]", "[::1]:0"}, {"[::1]:80", "[::1]:80"},
		{"1.2.3.4:0", ""}, {"1.2.3.4:65536", ""}, {"1.2.3.4:", ""}, {"1.2.3.4:x", ""}, {"[::1]80", ""}, {"[::1", ""}, {"[", ""}, {"[]", ""}, {"[]:1", ""}, {"", ""},
		{":80", ""},
	} {
		addr, ok := ParseAddrPort([]byte(c.text))
		if ok != (c.want != "") || ok && addr.String() != c.want {
			t.Errorf("%q: %v %v, want %q", c.text, addr, ok, c.want)
		}
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text, want string
		exact      bool
	}{
		{"10.0.0.0/8", "10.0.0.0/8", true}, {"10.1.0.0/8", "10.0.0.0/8", false}, {"10.0.0.1", "10.0.0.1/32", true}, {"0.0.0.0/0", "0.0.0.0/0", true},
		{"1.2.3.4/0", "0.0.0.0/0", false}, {"::/0", "::/0", true}, {"2001:db8::1/32", "2001:db8::/32", false}, {"::1", "::1/128", true},
		{"10.0.0.0/33", "", false}, {"10.0.0.0/", "", false}, {"10.0.0.0/-1", "", false}, {"::/129", "", false}, {"a", "", false},
	} {
		network, exact, ok := Parse(c.text)
		if ok != (c.want != "") || ok && (network.String() != c.want || exact != c.exact) {
			t.Errorf("%q: %v %v %v, want %q %v", c.text, network, exact, ok, c.want, c.exact)
		}
	}
}

func TestSet(t *testing.T) {
	var s Set
	for _, text := range []string{"10.0.0.0/8", "2001:db8::/32"} {
		p, _, _ := Parse(text)
		s.Add(p)
	}
	for _, c := range []struct {
		addr string
		want bool
	}{{"10.1.2.3", true}, {"11.0.0.0", false}, {"::ffff:10.0.0.1", true}, {"2001:db8::5", true}, {"2001:db9::5", false}} {
		if s.Contains(netip.MustParseAddr(c.addr)) != c.want {
			t.Errorf("%s: not %v", c.addr, c.want)
		}
	}
	if s.Contains(netip.Addr{}) {
		t.Error("unix sockets are in a set without them")
	}
	s.AddUnix()
	if !s.Contains(netip.Addr{}) {
		t.Error("unix sockets are not in a set with them")
	}
}

func FuzzParseAddrPort(f *testing.F) {
	for _, s := range []string{"1.2.3.4:80", "[::1]:80", "::ffff:1.2.3.4", "[", "1...", "%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ap, ok := ParseAddrPort([]byte(s))
		if !ok {
			return
		}
		if again, ok := ParseAddrPort([]byte(ap.Addr().String())); !ok || again.Addr() != ap.Addr() {
			t.Errorf("%q is %v, which reads as %v", s, ap, again)
		}
		if want, err := netip.ParseAddr(s); err == nil && want != ap.Addr() {
			t.Errorf("%q is %v, want %v", s, ap, want)
		}
	})
}
