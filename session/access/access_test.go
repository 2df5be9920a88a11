package access_test

import (
	"strings"
	"testing"

	"tandem/session"
	"tandem/session/access"
	"tandem/session/sessiontest"
)

func TestTheFirstRuleThatFitsDecides(t *testing.T) {
	for _, c := range []struct {
		rules string
		want  map[string]session.Code
	}{
		{"", map[string]session.Code{"192.0.2.1:1": session.OK}},
		{"deny 192.0.2.0/24;", map[string]session.Code{"192.0.2.1:1": 403, "198.51.100.1:1": session.OK, "unix:": session.OK}},
		{"allow 192.0.2.1; deny all;", map[string]session.Code{"192.0.2.1:1": session.OK, "192.0.2.2:1": 403, "unix:": 403}},
		{"deny all; allow 192.0.2.1;", map[string]session.Code{"192.0.2.1:1": 403}},
		{"deny unix:;", map[string]session.Code{"192.0.2.1:1": session.OK, "unix:": 403}},
		{"allow unix:; deny ::/0; deny 0.0.0.0/0;", map[string]session.Code{"192.0.2.1:1": 403, "[2001:db8::1]:1": 403, "unix:": session.OK}},
		// An address of IPv4 that came through a socket of IPv6.
		{"deny 192.0.2.1;", map[string]session.Code{"[::ffff:192.0.2.1]:1": 403}},
	} {
		s := sessiontest.Start(t, "server { "+c.rules+" }", access.Module(nil))
		for peer, want := range c.want {
			if got := s.Session(0, s.Client(peer)).Serve(); got != want {
				t.Errorf("%s %s: %d, want %d", c.rules, peer, got, want)
			}
		}
	}
}

func TestRulesOfOnesOwnReplaceThoseOutside(t *testing.T) {
	s := sessiontest.Start(t, "deny 192.0.2.1; server { } server { allow 192.0.2.1; }", access.Module(nil))
	for i, want := range []session.Code{403, session.OK} {
		if got := s.Session(i, s.Client("192.0.2.1:1")).Serve(); got != want {
			t.Errorf("server %d: %d, want %d", i, got, want)
		}
	}
}

func TestRefusalsAreLoggedUnlessAnotherMayAllow(t *testing.T) {
	another := false
	s := sessiontest.Start(t, "server { deny all; }", access.Module(func(*session.Session) bool { return another }))
	s.Session(0, s.Client("192.0.2.1:1")).Serve()
	want := "*1 access forbidden by rule, client: 192.0.2.1, server: test"
	if got := s.ErrorLog(); !strings.Contains(got, want) {
		t.Errorf("the log has %q, want %q", got, want)
	}
	before := s.ErrorLog()
	another = true
	if s.Session(0, s.Client("192.0.2.1:1")).Serve() != 403 || s.ErrorLog() != before {
		t.Errorf("the log has %q", s.ErrorLog())
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"deny nowhere;":        `invalid parameter "nowhere"`,
		"allow 192.0.2.0/33;":  `invalid parameter "192.0.2.0/33"`,
		"allow 192.0.2.1/24;":  `low address bits of 192.0.2.1/24 are meaningless`,
		"allow 2001:db8::1/0;": `low address bits of 2001:db8::1/0 are meaningless`,
	} {
		_, errs := sessiontest.Load(t, nil, "server { "+text+" }", access.Module(nil))
		if len(errs) != 1 || errs[0].Msg != want {
			t.Errorf("%s: %v, want %s", text, errs, want)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	s := sessiontest.Start(t, "server { deny 192.0.2.0/24; allow all; }", access.Module(nil))
	x := s.Session(0, s.Client("198.51.100.1:1"))
	if n := testing.AllocsPerRun(100, func() { x.Serve() }); n > 0 {
		t.Errorf("%v allocations a session", n)
	}
}
