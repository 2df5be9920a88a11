package resolver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"time"

	"tandem/internal/contain"
)

// Config is what a resolver is made of.
type Config struct {
	Servers []netip.AddrPort
	NoIPv4  bool          // addresses of version 4 are not asked for
	NoIPv6  bool          // nor those of version 6
	Valid   time.Duration // how long answers are kept; 0: as long as they say
	Resend  time.Duration // how long a server is waited for before the next is asked; 0: 5 seconds
	// Log takes what is wrong with answers; nil: nobody.
	Log func(message string)
}

// Resolver looks names up. It may be used by many goroutines.
type Resolver struct {
	conf Config

	mu      sync.Mutex
	cache   cache
	flights map[question]*flight
	turn    int // the server that the next question goes to
}

// New makes a resolver.
func New(conf Config) *Resolver {
	if conf.Resend == 0 {
		conf.Resend = resendAfter
	}
	return &Resolver{conf: conf, flights: make(map[question]*flight)}
}

// Servers returns how many name servers there are.
func (r *Resolver) Servers() int { return len(r.conf.Servers) }

// Negative returns how soon a name that does not exist is worth asking for
// again.
func (r *Resolver) Negative() time.Duration {
	if r.conf.Valid > 0 {
		return r.conf.Valid
	}
	return negative
}

const negative = 10 * time.Second

// Addr is an address that a name or service stands for.
type Addr struct {
	IP       netip.Addr
	Port     uint16 // of a service
	Priority uint16
	Weight   uint16
	Name     string // of the host that provides a service
}

// flight is a lookup under way, which any number of callers wait for.
type flight struct {
	done    chan struct{}
	answer  answer
	err     error
	waiting int
	cancel  context.CancelFunc
}

// LookupAddrs returns the addresses of a name and until when they are valid.
// Those of an answer that had been kept begin with any of them, so that those
// who take the first one take different ones. The error is an Error when the
// DNS said so or ctx has ended.
func (r *Resolver) LookupAddrs(ctx context.Context, name string) ([]Addr, time.Time, error) {
	return r.lookup(ctx, question{fold(name), kindAddrs})
}

// LookupSRV returns the addresses that provide a service of a domain, those of
// the most important servers first. service is a name as "http", which means
// _http._tcp, or all that goes before the domain as "_http._tcp.x".
func (r *Resolver) LookupSRV(ctx context.Context, service, domain string) ([]Addr, time.Time, error) {
	full := service + "." + domain
	if !strings.Contains(service, ".") {
		full = "_" + service + "._tcp." + domain
	}
	return r.lookup(ctx, question{fold(full), kindSRV})
}

// LookupPTR returns the name of an address.
func (r *Resolver) LookupPTR(ctx context.Context, addr netip.Addr) (string, error) {
	a, _, err := r.find(ctx, question{reverseName(addr), kindPTR})
	return a.name, err
}

func fold(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// reverseName is where the DNS keeps the name of an address.
func reverseName(addr netip.Addr) string {
	b := addr.AsSlice()
	var sb strings.Builder
	for i := len(b) - 1; i >= 0; i-- {
		if addr.Is4() {
			fmt.Fprintf(&sb, "%d.", b[i])
		} else {
			fmt.Fprintf(&sb, "%x.%x.", b[i]&15, b[i]>>4)
		}
	}
	if addr.Is4() {
		return sb.String() + "in-addr.arpa"
	}
	return sb.String() + "ip6.arpa"
}

func (r *Resolver) lookup(ctx context.Context, q question) ([]Addr, time.Time, error) {
	a, kept, err := r.find(ctx, q)
	if err != nil {
		return nil, time.Time{}, err
	}
	addrs := append([]Addr(nil), a.addrs...)
	if kept && q.kind == kindAddrs && len(addrs) > 1 {
		n := rand.IntN(len(addrs))
		addrs = append(addrs[n:], addrs[:n]...)
	}
	return addrs, a.valid, nil
}

// find returns the answer to q: what is kept, what a lookup under way brings,
// or what a new one does.
func (r *Resolver) find(ctx context.Context, q question) (a answer, kept bool, err error) {
	r.mu.Lock()
	if a, ok := r.cache.get(q, time.Now()); ok {
		r.mu.Unlock()
		return a, true, nil
	}
	f := r.flights[q]
	if f == nil {
		flying, cancel := context.WithCancel(context.WithoutCancel(ctx))
		f = &flight{done: make(chan struct{}), cancel: cancel}
		r.flights[q] = f
		go r.fly(flying, q, f)
	}
	f.waiting++
	r.mu.Unlock()

	select {
	case <-f.done:
		r.leave(q, f)
		return f.answer, false, f.err
	case <-ctx.Done():
		r.leave(q, f)
		return answer{}, false, ErrTimeout
	}
}

// leave ends the waiting of one caller; a lookup that nobody waits for ends.
func (r *Resolver) leave(q question, f *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.waiting--; f.waiting == 0 {
		f.cancel()
		if r.flights[q] == f {
			delete(r.flights, q)
		}
	}
}

// fly does a lookup.
func (r *Resolver) fly(ctx context.Context, q question, f *flight) {
	var a answer
	var err error
	if panicked := contain.Run("a lookup", func() { a, err = r.resolve(ctx, q, 0) }); panicked != nil {
		err = panicked
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flights[q] == f {
		delete(r.flights, q)
	}
	if err != nil && ctx.Err() != nil {
		err = ErrTimeout
	}
	f.answer, f.err = a, err
	close(f.done)
}

// maxAliases bounds a chain of CNAMEs.
const maxAliases = 50

// resolve asks the name servers, and follows aliases.
func (r *Resolver) resolve(ctx context.Context, q question, depth int) (answer, error) {
	if depth > maxAliases {
		return answer{}, ErrNotFound
	}
	if depth > 0 {
		r.mu.Lock()
		a, ok := r.cache.get(q, time.Now())
		r.mu.Unlock()
		if ok {
			return a, nil
		}
	}
	var a answer
	var ttl uint32
	var alias string
	var err error
	switch q.kind {
	case kindAddrs:
		a.addrs, ttl, alias, err = r.askAddrs(ctx, q.name)
	case kindSRV:
		a.addrs, ttl, alias, err = r.askServices(ctx, q.name)
	case kindPTR:
		a.name, ttl, err = r.askName(ctx, q.name)
	}
	if err != nil {
		if errors.Is(err, errBadName) {
			err = ErrNotFound
		}
		return answer{}, err
	}
	now := time.Now()
	a.valid = now.Add(r.keep(ttl))
	if alias != "" {
		target, err := r.resolve(ctx, question{alias, q.kind}, depth+1)
		if err != nil {
			return answer{}, err
		}
		a.addrs = target.addrs
		if target.valid.Before(a.valid) {
			a.valid = target.valid
		}
	}
	r.mu.Lock()
	r.cache.put(q, a, now)
	r.mu.Unlock()
	return a, nil
}

// keep returns how long an answer is kept.
func (r *Resolver) keep(ttl uint32) time.Duration {
	if r.conf.Valid > 0 {
		return r.conf.Valid
	}
	return time.Duration(ttl) * time.Second
}

// nextServer returns whose turn it is.
func (r *Resolver) nextServer() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.turn
	r.turn = (n + 1) % len(r.conf.Servers)
	return n
}

func (r *Resolver) log(format string, args ...any) {
	if r.conf.Log != nil {
		r.conf.Log(fmt.Sprintf(format, args...))
	}
}
