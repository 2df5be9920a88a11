package block

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"tandem/internal/contain"
	"tandem/internal/errorlog"
	"tandem/internal/resolver"
	nc "tandem/nginxconf"
	"tandem/proxy/upstream"
)

// lookup is a server of an upstream whose addresses are looked up again and
// again while the configuration is at work.
type lookup struct {
	block   *block
	pos     nc.Pos // of the directive that names it
	server  *upstream.Server
	name    string
	port    uint16
	service string // "": addresses of the name
	// resolver is that of a server with resolve; nil: the host's own, as
	// /etc/hosts and /etc/resolv.conf say, for names that nginx looks up once.
	resolver *resolver.Resolver
	timeout  time.Duration
	valid    time.Time // of what is known
}

// Times of looking names up with the host's own resolver.
const (
	startTimeout = 5 * time.Second  // when the configuration is read
	hostTimeout  = 10 * time.Second // afterwards
	hostsValid   = 30 * time.Second // of what does not say
	retryAfter   = time.Second      // at least, after a failure
)

// errNoName is what a lookup finds when there is no such name.
var errNoName = resolver.ErrNotFound

// find looks the addresses up.
func (l *lookup) find(ctx context.Context) (addrs []upstream.Resolved, valid time.Time, err error) {
	var found []resolver.Addr
	switch {
	case l.resolver == nil:
		found, valid, err = resolver.System.LookupAddrs(ctx, l.name)
	case l.service != "":
		found, valid, err = l.resolver.LookupSRV(ctx, l.service, l.name)
	default:
		found, valid, err = l.resolver.LookupAddrs(ctx, l.name)
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	return l.resolved(found), valid, nil
}

// resolved makes peers' addresses of what a resolver found. Of a service, all
// servers but those of the first priority are backups.
func (l *lookup) resolved(found []resolver.Addr) []upstream.Resolved {
	addrs := make([]upstream.Resolved, 0, len(found))
	for _, f := range found {
		a := upstream.Resolved{Addr: netip.AddrPortFrom(f.IP, l.port)}
		if l.service != "" {
			a.Addr = netip.AddrPortFrom(f.IP, f.Port)
			a.Name, a.Weight, a.Backup = f.Name, int(f.Weight), f.Priority != found[0].Priority
		}
		addrs = append(addrs, a)
	}
	return addrs
}

// run looks the addresses up whenever they are no longer valid, until ctx ends.
// What is known stays in use when a lookup fails.
func (l *lookup) run(ctx context.Context) {
	for {
		t := time.NewTimer(max(time.Until(l.valid), time.Millisecond))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		limited, cancel := context.WithTimeout(ctx, l.limit())
		addrs, valid, err := l.find(limited)
		cancel()
		if ctx.Err() != nil {
			return
		}
		l.take(addrs, valid, err, time.Now())
	}
}

func (l *lookup) limit() time.Duration {
	if l.resolver == nil {
		return hostTimeout
	}
	return l.timeout
}

// take puts the result of a lookup to work.
func (l *lookup) take(addrs []upstream.Resolved, valid time.Time, err error, now time.Time) {
	if err != nil {
		l.log(err)
		l.valid = now.Add(max(l.timeout, retryAfter))
		if !errors.Is(err, errNoName) || l.resolver == nil {
			return
		}
		// The name has gone, and nginx takes that for an answer.
		l.valid = now.Add(l.resolver.Negative() + time.Second)
	}
	l.block.group.Resolved(l.server, addrs)
	if err == nil {
		l.valid = valid.Add(time.Second)
		if l.resolver == nil && valid.Sub(now) < hostsValid {
			l.valid = now.Add(hostsValid)
		}
	}
}

func (l *lookup) log(err error) {
	log := l.block.realm.Log
	if l.service != "" {
		log.Printf(errorlog.Error, "service %s of %s could not be resolved (%v)", l.service, l.name, err)
		return
	}
	log.Printf(errorlog.Error, "%s could not be resolved (%v)", l.name, err)
}

// lookUpHosts finds the addresses of the servers that are named without
// resolve, all at once. A name that is not found is looked for again later,
// while nginx would not start; there is a warning for each.
func lookUpHosts(lookups []*lookup) (warnings nc.Errors) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	var wait sync.WaitGroup
	failed := make([]error, len(lookups))
	for i, l := range lookups {
		if l.resolver != nil {
			continue
		}
		wait.Add(1)
		go func() {
			defer wait.Done()
			defer contain.Recover("looking up a back end's name")
			addrs, valid, err := l.find(ctx)
			failed[i] = err
			l.take(addrs, valid, err, time.Now())
		}()
	}
	wait.Wait()
	for i, err := range failed {
		if err != nil {
			warnings = append(warnings, &nc.Error{Pos: lookups[i].pos, Severity: nc.Warn, Err: err,
				Msg: fmt.Sprintf("host not found in upstream \"%s\" (%v), it is looked up again and again", lookups[i].name, err)})
		}
	}
	return warnings
}

// recall gives a server with resolve the addresses that it had before a
// reload, until they are looked up.
func (l *lookup) recall(previous *blocks) {
	for _, b := range previous.list {
		if b.group == nil || b.name != l.block.name {
			continue
		}
		for _, old := range b.lookups {
			if old.resolver != nil && old.name == l.name && old.service == l.service {
				addrs := b.group.AddressesOf(old.server)
				for i := range addrs {
					if l.service == "" {
						addrs[i].Addr = netip.AddrPortFrom(addrs[i].Addr.Addr(), l.port)
					}
				}
				l.block.group.Resolved(l.server, addrs)
				return
			}
		}
	}
}
