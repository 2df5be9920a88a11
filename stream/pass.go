package stream

import (
	"fmt"
	"net"
	"net/netip"

	"tandem/internal/errorlog"
	"tandem/internal/listen"
	nc "tandem/nginxconf"
	"tandem/session"
)

// Pass is nginx's pass module:
//
//	pass address;
//
// The connection goes on at a socket of the process that listens at the address, of
// http or of stream, as if it had come there.
var Pass = &Module{Name: "pass", Commands: []nc.Command{
	{Name: "pass", In: nc.StreamServer, Arity: nc.Take1, Set: readPass},
}}

// maxPasses is how often a connection may be passed on, as in nginx.
const maxPasses = 10

type passed struct{ to *session.Template }

var passSlot = session.NewLevelSlot[passed](nil)

func readPass(s *nc.Scope, d *nc.Directive) error {
	srv := ServerOf(s)
	c := passSlot.Of(&srv.Level)
	if c.to != nil {
		return nc.ErrDuplicate
	}
	var err error
	if c.to, err = srv.Stream.Template(d, d.Args[0]); err != nil {
		return err
	}
	var fixed *listen.Address
	if c.to.IsLiteral() {
		addr, err := passAddress(d.Args[0])
		if err != nil {
			return err
		}
		fixed = &addr
	}
	srv.Serve(func(s *Session) Code { return s.pass(c.to, fixed) })
	return nil
}

// passAddress reads an address that a connection may be passed to.
func passAddress(text string) (listen.Address, error) {
	if len(text) > 5 && text[:5] == "unix:" {
		return listen.Address{Unix: text[5:]}, nil
	}
	if ip, err := netip.ParseAddrPort(text); err == nil && ip.Port() != 0 {
		return listen.Address{IP: ip}, nil
	}
	a, err := net.ResolveTCPAddr("tcp", text)
	switch {
	case err != nil:
		return listen.Address{}, fmt.Errorf("host not found in \"%s\" of the \"pass\" directive", text)
	case a.Port == 0:
		return listen.Address{}, fmt.Errorf("no port in \"%s\" of the \"pass\" directive", text)
	}
	ip := a.AddrPort()
	return listen.Address{IP: netip.AddrPortFrom(ip.Addr().Unmap(), ip.Port())}, nil
}

// pass gives the connection to who listens at an address.
func (s *Session) pass(to *session.Template, fixed *listen.Address) Code {
	s.Doing("passing connection to port")
	if s.IsUDP() {
		s.Failf(errorlog.Error, "cannot pass udp connection")
		return StatusInternal
	}
	if t, ok := s.Conn.(*secured); ok && len(t.ahead) > 0 {
		s.Failf(errorlog.Error, "cannot pass connection with preread data")
		return StatusInternal
	}
	addr := fixed
	if addr == nil {
		text := to.Value(&s.Session)
		a, err := passAddress(string(text))
		if err != nil {
			s.Failf(errorlog.Error, "no addresses in pass \"%s\"", text)
			return StatusInternal
		}
		addr = &a
	}
	if s.passes >= maxPasses {
		s.Failf(errorlog.Error, "stream pass cycle")
		return StatusInternal
	}
	server := s.from.gen.Find(*addr)
	if server == nil {
		s.Failf(errorlog.Error, "port not found for \"%s\"", addr)
		return StatusOK
	}
	conn := s.Conn
	if t, ok := conn.(*secured); ok {
		conn = t.Conn
	}
	s.given = true
	if p, ok := server.(*port); ok {
		p.accept(conn, s.passes+1)
	} else {
		server.Accept(conn)
	}
	return StatusOK
}
