package resolver

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"tandem/internal/resolver"
	"tandem/session"
)

// Dialer connects to hosts that a resolver looks up.
type Dialer struct {
	Names *resolver.Resolver // nil: there is none
	Limit time.Duration      // for looking a name up
	// System is whether names are looked up as the system does without Names;
	// otherwise only addresses are connected to.
	System bool
}

// DialerOf returns that of a level.
func DialerOf(l *session.Level) *Dialer {
	names, limit := Of(l)
	return &Dialer{Names: names, Limit: limit}
}

// DialContext connects to a host and port: to the first of the host's addresses
// that takes a connection.
func (d *Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err == nil || d.System && d.Names == nil {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	if d.Names == nil {
		return nil, fmt.Errorf("no resolver defined to resolve %s", host)
	}
	lookup, cancel := context.WithTimeout(ctx, d.Limit)
	defer cancel()
	found, _, err := d.Names.LookupAddrs(lookup, host)
	if err != nil {
		return nil, fmt.Errorf("%s could not be resolved (%w)", host, err)
	}
	for _, a := range found {
		var conn net.Conn
		if conn, err = new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(a.IP.String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}
