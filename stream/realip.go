package stream

import (
	"net/netip"

	"tandem/session"
	"tandem/session/realip"
)

// RealIP is nginx's realip module: the client's address is that of the PROXY header,
// if it has come from an address that set_real_ip_from names.
var RealIP = realIP()

func realIP() *Module {
	m := Shared(realip.Module)
	m.Init = func(st *Stream) error {
		if st.Any(func(l *session.Level) bool { return realip.Trusted(l) != nil }) {
			st.Handle(session.Begin, takeProxied)
		}
		return nil
	}
	return m
}

func takeProxied(s *session.Session) session.Code {
	h, trusted := s.ProxyHeader(), realip.Trusted(s.Level())
	if h == nil || trusted == nil || !trusted.Contains(s.RemoteAddr().Addr()) {
		return session.Declined
	}
	if addr, err := netip.ParseAddr(string(h.Source)); err == nil {
		s.SetRemote(netip.AddrPortFrom(addr, h.SourcePort))
	}
	return session.Declined
}
