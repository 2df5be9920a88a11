package virtual_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"tandem/internal/listen"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/session/sessiontest"
	"tandem/session/virtual"
)

// site is a server block with the directives listen and server_name.
type site struct {
	number  int // from 0, in the order of the configuration
	listens []virtual.Listen
	names   []virtual.Name
	shared  *session.Server
}

func (s *site) Virtual() ([]virtual.Listen, []virtual.Name, *session.Server) {
	return s.listens, s.names, s.shared
}

// sites are the servers of a configuration, and what came of their directives.
type sites struct {
	server *sessiontest.Server
	list   []*site
	ports  []*virtual.Port[*site]
	errs   nc.Errors
}

// read reads server blocks. As in http, a server without a name has the empty one,
// and the port of an address without one is 80.
func read(t *testing.T, conf string) *sites {
	t.Helper()
	all := &sites{}
	of := func(s *nc.Scope) *site {
		shared := session.BlockOf(s).Server
		for _, one := range all.list {
			if one.shared == shared {
				return one
			}
		}
		one := &site{number: len(all.list), shared: shared}
		all.list = append(all.list, one)
		return one
	}
	module := func(session.Contexts) *session.Module {
		return &session.Module{Name: "virtual", Commands: []nc.Command{
			{Name: "listen", In: nc.StreamServer, Arity: nc.OneMore, Set: func(s *nc.Scope, d *nc.Directive) error {
				more, err := virtual.ReadListen(d.Pos, d.Args, "80", func(word string) bool { return word == "own" })
				if err != nil {
					return err
				}
				srv := of(s)
				srv.listens, err = virtual.Add(srv.listens, more, d.Args[0])
				return err
			}},
			{Name: "server_name", In: nc.StreamServer, Arity: nc.OneMore, Set: func(s *nc.Scope, d *nc.Directive) error {
				names, err := virtual.ReadNames(s, d)
				srv := of(s)
				srv.names = append(srv.names, names...)
				return err
			}},
			{Name: "arrange", In: nc.Stream, Arity: nc.NoArgs, Set: func(s *nc.Scope, _ *nc.Directive) error {
				for _, one := range all.list {
					if one.names == nil {
						one.names = []virtual.Name{{}}
					}
				}
				all.ports = virtual.Arrange(s, all.list)
				return nil
			}},
		}}
	}
	all.server, all.errs = sessiontest.Load(t, nil, conf+"\narrange;", module)
	return all
}

// at returns the address that a connection to local comes to: of the socket that
// the kernel gives it.
func (all *sites) at(t *testing.T, local string) *virtual.Address[*site] {
	t.Helper()
	var addr net.Addr
	ap, err := netip.ParseAddrPort(local)
	if err == nil {
		addr = net.TCPAddrFromAddrPort(ap)
	} else {
		addr = &net.UnixAddr{Net: "unix", Name: local}
	}
	var wildcard *virtual.Port[*site]
	for _, p := range all.ports {
		switch a := p.Addr; {
		case a.IP == ap && err == nil, err != nil && a.Unix == local:
			return p.At(addr)
		case a.IsWildcard() && err == nil && a.IP.Port() == ap.Port() && a.IP.Addr().Is6() == ap.Addr().Is6():
			wildcard = p
		}
	}
	if wildcard == nil {
		t.Fatalf("nobody listens at %s", local)
	}
	return wildcard.At(addr)
}

// choose tells the number of the server that is chosen for a host at an address, or
// "default N" when no name of it is the host.
func (all *sites) choose(t *testing.T, local, host string) string {
	t.Helper()
	a := all.at(t, local)
	if a.Names != nil {
		x := all.server.Session(0, all.server.Client("192.0.2.1:1"))
		defer x.End()
		srv, ok := a.Names.Find(&x.Session, []byte(host))
		before, okBefore := a.Names.Match([]byte(host))
		if ok != okBefore || srv != before {
			t.Errorf("%s at %s: the name of a handshake chooses otherwise than that of a session", host, local)
		}
		if ok {
			if captured := x.Session.Capture(1); len(captured) > 0 {
				return fmt.Sprintf("%d %s", srv.number, captured)
			}
			return fmt.Sprint(srv.number)
		}
	}
	return fmt.Sprint("default ", a.Default.number)
}

// Which server a name chooses: the name itself, then the longest wildcard at the
// beginning, then at the end, then the first expression that matches, whatever the
// order of the servers; else the address's default.
func TestNameChoosesServer(t *testing.T) {
	all := read(t, `
		server { listen 192.0.2.1:80; server_name ~^(\w+)\.tail\.example$ ~^late; }
		server { listen 192.0.2.1:80; server_name www.*; }
		server { listen 192.0.2.1:80; server_name *.example; }
		server { listen 192.0.2.1:80; server_name *.tail.EXAMPLE; }
		server { listen 192.0.2.1:80; server_name WWW.tail.example; }
		server { listen 192.0.2.1:80; server_name .both.test; }
		server { listen 192.0.2.1:80; server_name ~^late2 ~^(?<who>[A-Z]+)\.caps$; }
		server { listen 192.0.2.1:80; server_name www.tail.*; }
		server { listen 192.0.2.1:80; server_name ""; }`)
	if len(all.errs) > 0 {
		t.Fatal(all.errs)
	}
	for host, want := range map[string]string{
		"www.tail.example": "4",
		"a.tail.example":   "3",
		"a.b.tail.example": "3",
		"tail.example":     "2",
		"www.tail.org":     "7",
		"www.org":          "1",
		"www.example":      "2",
		"both.test":        "5",
		"a.both.test":      "5",
		"aboth.test":       "default 0",
		"late":             "0",
		"late2":            "0", // both match
		"abc.caps":         "6 abc",
		"example":          "default 0",
		"":                 "8",
	} {
		if got := all.choose(t, "192.0.2.1:80", host); got != want {
			t.Errorf("%s: server %s, want %s", host, got, want)
		}
	}
	// No expression is asked about a request without a host.
	any := read(t, "server { listen 192.0.2.1:80; server_name a; } server { listen 192.0.2.1:80; server_name ~^; }")
	if got := any.choose(t, "192.0.2.1:80", "") + ", " + any.choose(t, "192.0.2.1:80", "b"); got != "default 0, 1" {
		t.Errorf("with and without a host: %s", got)
	}
	if srv := all.list[3]; virtual.First(srv.names) != "*.tail.example" || virtual.First(all.list[5].names) != "both.test" || virtual.First(nil) != "" {
		t.Errorf("first names %q, %q", virtual.First(srv.names), virtual.First(all.list[5].names))
	}
	if re := all.list[0].names[0].Regexp(); re == nil || !re.Match([]byte("a.tail.example")) || all.list[1].names[0].Regexp() != nil {
		t.Error("the expressions of names")
	}
}

// Which servers an address has, and which is its default. One socket for all
// addresses of a port serves those that did not ask for their own.
func TestAddressChoosesServers(t *testing.T) {
	all := read(t, `
		server { listen 80; server_name a; }
		server { listen 192.0.2.1:80; server_name a; }
		server { listen *:80 default_server; server_name b; }
		server { listen 192.0.2.2:80 bind; server_name a; }
		server { listen [::]:80 ipv6only=on; listen [2001:db8::1]:80; server_name c; }
		server { listen 192.0.2.1:80; server_name d; }
		server { listen unix:/run/a.sock; listen 192.0.2.1:81-82; }
		server { listen 192.0.2.3; server_name e; }
		server { listen 192.0.2.1:81 default_server; server_name f; }`)
	if len(all.errs) > 0 {
		t.Fatal(all.errs)
	}
	for _, c := range []struct{ local, host, want string }{
		{"198.51.100.1:80", "a", "0"},
		{"198.51.100.1:80", "x", "default 2"},
		{"192.0.2.1:80", "a", "1"},
		{"192.0.2.1:80", "b", "default 1"},
		{"192.0.2.1:80", "d", "5"},
		{"192.0.2.2:80", "b", "default 3"},
		{"192.0.2.3:80", "a", "default 7"},
		{"[2001:db8::2]:80", "c", "default 4"},
		{"[2001:db8::1]:80", "a", "default 4"},
		{"192.0.2.1:81", "", "6"},
		{"192.0.2.1:81", "x", "default 8"},
		{"192.0.2.1:82", "x", "default 6"},
		{"/run/a.sock", "x", "default 6"},
	} {
		if got := all.choose(t, c.local, c.host); got != c.want {
			t.Errorf("%s at %s: server %s, want %s", c.host, c.local, got, c.want)
		}
	}
	var sockets []string
	for _, p := range all.ports {
		n := 0
		p.Addresses(func(*virtual.Address[*site]) { n++ })
		sockets = append(sockets, fmt.Sprint(p.Addr, " ", n))
	}
	const want = "0.0.0.0:80 3, [::]:80 2, 192.0.2.2:80 1, unix:/run/a.sock 1, 192.0.2.1:81 1, 192.0.2.1:82 1"
	if got := strings.Join(sockets, ", "); got != want {
		t.Errorf("sockets, with how many addresses:\n%s, want\n%s", got, want)
	}
	// A connection through a wildcard socket of IPv6 that takes IPv4 as well.
	both := read(t, "server { listen [::]:80 ipv6only=off; } server { listen [::ffff:192.0.2.9]:80; server_name a; }")
	if a := both.at(t, "[::ffff:192.0.2.9]:80"); len(both.errs) > 0 || a.Default.number != 1 {
		t.Errorf("%v, server %d", both.errs, a.Default.number)
	}
}

// What one listen says of the address holds for all servers of it.
func TestAddressHasWhatAnyListenSays(t *testing.T) {
	all := read(t, `
		server { listen 192.0.2.1:80; listen 192.0.2.1:81; server_name a; }
		server { listen 192.0.2.1:80 ssl proxy_protocol backlog=7; server_name b; }
		server { listen 192.0.2.1:80 own; server_name c; }`)
	if len(all.errs) > 0 {
		t.Fatal(all.errs)
	}
	a, other := all.at(t, "192.0.2.1:80"), all.at(t, "192.0.2.1:81")
	if !a.TLS || !a.ProxyProtocol || len(a.Servers) != 3 || other.TLS || other.ProxyProtocol {
		t.Errorf("%+v, %+v", a, other)
	}
	if o := all.ports[0].Options; o.Backlog != 7 || !o.Bind || !o.IPv6Only {
		t.Errorf("options %+v", o)
	}
	if all.list[0].shared.AsksTLS != nil || all.list[1].shared.AsksTLS == nil {
		t.Error("who asks for TLS")
	}
	// The default server of an address answers every handshake itself.
	for i, want := range []int{0, 2, 2} {
		if got := virtual.Deputies(all.list[i], all.list, all.ports); len(got) != want {
			t.Errorf("server %d has %d deputies, want %d", i, len(got), want)
		}
	}
}

// What a listen says of its socket.
func TestListenOptions(t *testing.T) {
	for words, want := range map[string]listen.Options{
		"":                                      {IPv6Only: true},
		"default_server ssl proxy_protocol own": {IPv6Only: true},
		"bind":                                  {IPv6Only: true, Bind: true},
		"backlog=5 rcvbuf=8k sndbuf=1m":         {IPv6Only: true, Bind: true, Backlog: 5, RcvBuf: 8 << 10, SndBuf: 1 << 20},
		"fastopen=3 deferred reuseport":         {IPv6Only: true, Bind: true, FastOpen: 3, DeferAccept: true, ReusePort: true},
		"fastopen=0 rcvbuf=0":                   {IPv6Only: true, Bind: true},
		"multipath":                             {IPv6Only: true, Bind: true, Multipath: true},
		"ipv6only=off":                          {Bind: true},
		"ipv6only=on":                           {IPv6Only: true, Bind: true},
		"so_keepalive=on":                       {IPv6Only: true, Bind: true, KeepAlive: listen.Keepalive{Set: true, On: true}},
		"so_keepalive=off":                      {IPv6Only: true, Bind: true, KeepAlive: listen.Keepalive{Set: true}},
		"so_keepalive=30m::10":                  {IPv6Only: true, Bind: true, KeepAlive: listen.Keepalive{Set: true, On: true, Idle: 30 * 60e9, Count: 10}},
		"so_keepalive=:5":                       {IPv6Only: true, Bind: true, KeepAlive: listen.Keepalive{Set: true, On: true, Intvl: 5e9}},
		"so_keepalive=7":                        {IPv6Only: true, Bind: true, KeepAlive: listen.Keepalive{Set: true, On: true, Idle: 7e9}},
	} {
		all := read(t, "server { listen 192.0.2.1:80 "+words+"; }")
		if len(all.errs) > 0 || all.ports[0].Options != want {
			t.Errorf("%q: %v\n%+v, want\n%+v", words, all.errs, all.ports[0].Options, want)
		}
	}
	for _, words := range []string{"fastopen=1", "backlog=1", "deferred", "multipath", "ssl", "so_keepalive=off", "proxy_protocol", ""} {
		l := read(t, "server { listen 192.0.2.1:80 reuseport rcvbuf=1k "+words+"; }").list[0].listens[0]
		if want, _, _ := strings.Cut(words, "="); l.OnlyConnections() != want {
			t.Errorf("%q: %q concerns connections only", words, l.OnlyConnections())
		}
	}
}
