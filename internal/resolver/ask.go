package resolver

import (
	"context"
	"sort"
	"time"

	"tandem/internal/contain"
)

// askAddrs asks for the addresses of a name. Both versions are asked for at
// once; an error of one is the error of the name. alias is set when there are
// no addresses but another name to look up.
func (r *Resolver) askAddrs(ctx context.Context, name string) (addrs []Addr, ttl uint32, alias string, err error) {
	var types []recordType
	if !r.conf.NoIPv4 {
		types = append(types, typeA)
	}
	if !r.conf.NoIPv6 {
		types = append(types, typeAAAA)
	}
	server := r.nextServer()
	results := make([]chan result, len(types))
	for i, typ := range types {
		results[i] = make(chan result, 1)
		go func() {
			var got result
			if err := contain.Run("a question to a name server", func() { got.m, got.err = r.query(ctx, server, name, typ) }); err != nil {
				got.err = err
			}
			results[i] <- got
		}()
	}
	ttl = 1<<32 - 1
	empty := false
	for _, c := range results {
		got := <-c
		if got.err != nil {
			if err == nil {
				err = got.err
			}
			continue
		}
		ttl = min(ttl, got.m.ttl)
		for _, ip := range got.m.addrs {
			addrs = append(addrs, Addr{IP: ip})
		}
		// As in nginx it is the last answer that says whether there is an
		// alias to follow.
		alias, empty = got.m.cname, got.m.empty
	}
	switch {
	case err != nil:
		return nil, 0, "", err
	case len(addrs) > 0:
		return addrs, ttl, "", nil
	case empty, alias == "":
		return nil, 0, "", ErrNotFound
	}
	return nil, ttl, alias, nil
}

type result struct {
	m   message
	err error
}

// askServices asks for the servers of a service and their addresses. Servers
// whose names cannot be resolved are left out, unless all are.
func (r *Resolver) askServices(ctx context.Context, name string) (addrs []Addr, ttl uint32, alias string, err error) {
	m, err := r.query(ctx, r.nextServer(), name, typeSRV)
	switch {
	case err != nil:
		return nil, 0, "", err
	case m.empty:
		return nil, 0, "", ErrNotFound
	case len(m.srvs) == 0 && m.cname != "":
		return nil, m.ttl, m.cname, nil
	case len(m.srvs) == 0:
		return nil, 0, "", ErrNotFound
	}
	sort.SliceStable(m.srvs, func(i, j int) bool { return m.srvs[i].priority < m.srvs[j].priority })
	ttl = m.ttl
	for _, s := range m.srvs {
		ips, valid, failure := r.LookupAddrs(ctx, s.target)
		if failure != nil {
			r.log("%s could not be resolved (%v)", s.target, failure)
			if err == nil || failure == ErrNotFound {
				err = failure
			}
			continue
		}
		ttl = min(ttl, uint32(max(0, time.Until(valid)/time.Second)))
		for _, ip := range ips {
			addrs = append(addrs, Addr{IP: ip.IP, Port: s.port, Priority: s.priority, Weight: s.weight, Name: s.target})
		}
	}
	if len(addrs) == 0 {
		return nil, 0, "", err
	}
	return addrs, ttl, "", nil
}

// askName asks for the name of an address.
func (r *Resolver) askName(ctx context.Context, reverse string) (string, uint32, error) {
	m, err := r.query(ctx, r.nextServer(), reverse, typePTR)
	if err == nil && m.cname == "" {
		err = ErrNotFound
	}
	return m.cname, m.ttl, err
}
