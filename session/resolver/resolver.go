// Package resolver holds the directives that say how names are resolved while
// requests are served:
//
//	resolver address ... [valid=time] [ipv4=on|off] [ipv6=on|off] [status_zone=zone];
//	resolver_timeout time;
//
// at every level. Like nginx, a name server given by name is
// looked up once, with the system's resolver, when the configuration is read.
package resolver

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/resolver"
	nc "tandem/nginxconf"
	"tandem/session"
)

// Module is resolver and resolver_timeout.
func Module(in session.Contexts) *session.Module {
	return &session.Module{Name: "resolver", Commands: []nc.Command{
		{Name: "resolver", In: in.Levels, Arity: nc.OneMore, Set: read},
		{Name: "resolver_timeout", In: in.Levels, Arity: nc.Take1,
			Set: nc.SetMsec(session.At(slot, func(c *settings) *nc.Value[time.Duration] { return &c.timeout }))},
	}}
}

// DefaultTimeout is resolver_timeout where it is not set.
const DefaultTimeout = 30 * time.Second

type settings struct {
	resolver nc.Value[*resolver.Resolver]
	timeout  nc.Value[time.Duration]
}

var slot = session.NewLevelSlot(func(c, p *settings) error {
	c.resolver.Inherit(p.resolver, nil)
	c.timeout.Inherit(p.timeout, DefaultTimeout)
	return nil
})

// Of returns the resolver of a level and how long it may take; nil: there is none.
func Of(l *session.Level) (*resolver.Resolver, time.Duration) {
	c := slot.Of(l)
	return c.resolver.V, c.timeout.V
}

func read(s *nc.Scope, d *nc.Directive) error {
	b := session.BlockOf(s)
	v := &slot.Of(b.Level).resolver
	if v.Set {
		return nc.ErrDuplicate
	}
	r, err := Read(b.Realm, d)
	*v = nc.Value[*resolver.Resolver]{V: r, Set: true}
	return err
}

// Read makes the resolver that a directive describes. What is wrong with
// answers goes to the error log of realm. Without a server there is none.
func Read(realm *session.Realm, d *nc.Directive) (*resolver.Resolver, error) {
	conf := resolver.Config{Log: func(m string) { realm.Log.Printf(errorlog.Error, "%s", m) }}
	for _, arg := range d.Args {
		name, value, ok := strings.Cut(arg, "=")
		var err error
		switch {
		case ok && name == "valid":
			conf.Valid, err = nc.ParseSec(value)
		case ok && name == "ipv4":
			conf.NoIPv4, err = off(value)
		case ok && name == "ipv6":
			conf.NoIPv6, err = off(value)
		case ok && name == "status_zone":
			// Counts the zone's queries for an API that is not there.
		default:
			servers, err := server(arg)
			if err != nil {
				return nil, err
			}
			conf.Servers = append(conf.Servers, servers...)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("invalid parameter: %s", arg)
		}
	}
	if conf.NoIPv4 && conf.NoIPv6 {
		return nil, fmt.Errorf("\"ipv4\" and \"ipv6\" cannot both be \"off\"")
	}
	if len(conf.Servers) == 0 {
		return nil, nil
	}
	return resolver.New(conf), nil
}

func off(value string) (bool, error) {
	on, err := nc.ParseFlag(value)
	return !on, err
}

// lookupTimeout bounds the looking up of a name server's own name.
const lookupTimeout = 5 * time.Second

// server returns the addresses of a name server, host[:port].
func server(text string) ([]netip.AddrPort, error) {
	host, port := text, "53"
	if h, p, err := net.SplitHostPort(text); err == nil {
		host, port = h, p
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return nil, fmt.Errorf("invalid port in resolver \"%s\"", text)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(ip, uint16(n))}, nil
	}
	if host == "" || strings.ContainsAny(host, "/ ") {
		return nil, fmt.Errorf("invalid host in resolver \"%s\"", text)
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("host not found in resolver \"%s\"", text)
	}
	var addrs []netip.AddrPort
	for _, ip := range ips {
		addrs = append(addrs, netip.AddrPortFrom(ip.Unmap(), uint16(n)))
	}
	return addrs, nil
}
