package block

import (
	"context"
	"net/netip"

	"tandem/internal/errorlog"
	"tandem/proxy/upstream"
	"tandem/session/resolver"
	"tandem/web"
)

// FindTarget returns the peers for a host that is named at run time: those of
// the upstream block of that name, the address that it is, or those that the
// resolver finds. Otherwise the code is what to answer.
func FindTarget(r *web.Request, l upstream.Location) (Target, web.Code) {
	if b := blocksSlot.Of(r.Realm()).lookup(l.Host, l.Port, l.Written); b != nil {
		return Ref{b}.Target(), web.OK
	}
	if l.Port == 0 && !l.Unix {
		r.Logf(errorlog.Error, "no port in upstream \"%s\"", l.Host)
		return Target{}, 500
	}
	group, code := findGroup(r, l)
	return Target{Group: group, Name: l.Host}, code
}

// findGroup makes a group for one request.
func findGroup(r *web.Request, l upstream.Location) (*upstream.Group, web.Code) {
	s := upstream.Server{Name: l.Host, Weight: 1, MaxFails: 1, FailTimeout: defaultFailTimeout}
	if l.Literal {
		s.Addrs = []upstream.Addr{l.Addr}
		return upstream.NewGroup(l.Host, []upstream.Server{s}, nil), web.OK
	}
	res, timeout := resolver.Of(r.Level())
	if res == nil {
		r.Logf(errorlog.Error, "no resolver defined to resolve %s", l.Host)
		return nil, 502
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	r.WatchClient(cancel)
	addrs, _, err := res.LookupAddrs(ctx, l.Host)
	r.StopWatch()
	r.Waited()
	if err != nil {
		r.Logf(errorlog.Error, "%s could not be resolved (%v)", l.Host, err)
		return nil, 502
	}
	for _, a := range addrs {
		s.Addrs = append(s.Addrs, upstream.TCPAddr(netip.AddrPortFrom(a.IP, uint16(l.Port))))
	}
	return upstream.NewGroup(l.Host, []upstream.Server{s}, nil), web.OK
}
