package realip_test

import (
	"net/netip"
	"testing"

	"tandem/session/realip"
	"tandem/session/sessiontest"
)

func TestTrusted(t *testing.T) {
	s := sessiontest.Start(t, `set_real_ip_from 192.0.2.0/24; set_real_ip_from 2001:db8::/32; set_real_ip_from localhost;
	server { }
	server { set_real_ip_from unix:; }`, realip.Module)
	for _, c := range []struct {
		server int
		addr   string
		want   bool
	}{
		{0, "192.0.2.7", true}, {0, "198.51.100.1", false}, {0, "2001:db8::1", true}, {0, "127.0.0.1", true},
		{1, "192.0.2.7", false},
	} {
		trusted := realip.Trusted(s.Session(c.server, s.Client("unix:")).Level())
		if got := trusted.Contains(netip.MustParseAddr(c.addr)); got != c.want {
			t.Errorf("server %d, %s: %v, want %v", c.server, c.addr, got, c.want)
		}
	}
	if trusted := realip.Trusted(s.Session(1, s.Client("unix:")).Level()); !trusted.Contains(netip.Addr{}) {
		t.Error("a unix socket is not trusted")
	}
}

func TestNobodyIsTrustedWithoutTheDirective(t *testing.T) {
	s := sessiontest.Start(t, "server { }", realip.Module)
	if trusted := realip.Trusted(s.Session(0, s.Client("unix:")).Level()); trusted != nil {
		t.Errorf("trusted is %v", trusted)
	}
}

func TestTheAddressThatWasReplacedIsKnown(t *testing.T) {
	s := sessiontest.Start(t, "server { }", realip.Module)
	c := s.Client("192.0.2.1:1234")
	x := s.Session(0, c)
	x.SetRemote(netip.MustParseAddrPort("198.51.100.1:0"))
	for name, want := range map[string]string{
		"$remote_addr": "198.51.100.1", "$remote_port": "", "$realip_remote_addr": "192.0.2.1", "$realip_remote_port": "1234",
	} {
		if got := x.Value(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if next := s.Session(0, c); next.Value("$remote_addr") != "192.0.2.1" || next.RemoteChanged() {
		t.Error("the next session of the client has the address of the one before")
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"set_real_ip_from a/b;":          `host not found in set_real_ip_from "a/b"`,
		"set_real_ip_from 192.0.2.1/24;": `low address bits of 192.0.2.1/24 are meaningless`,
	} {
		_, errs := sessiontest.Load(t, nil, text+" server { }", realip.Module)
		if len(errs) != 1 || errs[0].Msg != want {
			t.Errorf("%s: %v, want %s", text, errs, want)
		}
	}
}
