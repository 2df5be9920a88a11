package block

import (
	"context"
	"errors"
	"net/netip"

	"tandem/internal/errorlog"
	"tandem/proxy/upstream"
	"tandem/session"
	"tandem/session/resolver"
)

// ErrNoPort says that a host that is named at run time has no port.
var ErrNoPort = errors.New("no port in upstream")

// errNotFound says that a name has no addresses.
var errNotFound = errors.New("host not found")

// FindTarget returns the peers for a host that is named at run time: those of the
// upstream block of that name, the address that it is, or those that the resolver
// finds. An error has been logged. watch is called when a name is looked up:
// leave ends that, and stop is called when it has ended.
func FindTarget(s *session.Session, l upstream.Location, watch func(leave func()) (stop func())) (Target, error) {
	if b := blocksSlot.Of(s.Realm()).lookup(l.Host, l.Port, l.Written); b != nil {
		return Ref{b}.Target(), nil
	}
	if l.Port == 0 && !l.Unix {
		s.Logf(errorlog.Error, "no port in upstream \"%s\"", l.Host)
		return Target{}, ErrNoPort
	}
	group, err := findGroup(s, l, watch)
	return Target{Group: group, Name: l.Host}, err
}

// findGroup makes a group for one session.
func findGroup(s *session.Session, l upstream.Location, watch func(leave func()) (stop func())) (*upstream.Group, error) {
	srv := upstream.Server{Name: l.Host, Weight: 1, MaxFails: 1, FailTimeout: defaultFailTimeout}
	if l.Literal {
		srv.Addrs = []upstream.Addr{l.Addr}
		return upstream.NewGroup(l.Host, []upstream.Server{srv}, nil), nil
	}
	res, timeout := resolver.Of(s.Level())
	if res == nil {
		s.Logf(errorlog.Error, "no resolver defined to resolve %s", l.Host)
		return nil, errNotFound
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	stop := watch(cancel)
	addrs, _, err := res.LookupAddrs(ctx, l.Host)
	stop()
	if err != nil {
		s.Logf(errorlog.Error, "%s could not be resolved (%v)", l.Host, err)
		return nil, err
	}
	for _, a := range addrs {
		srv.Addrs = append(srv.Addrs, upstream.TCPAddr(netip.AddrPortFrom(a.IP, uint16(l.Port))))
	}
	return upstream.NewGroup(l.Host, []upstream.Server{srv}, nil), nil
}
