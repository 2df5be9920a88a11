package web

import (
	"runtime"
	"slices"
	"sync"
	"time"

	"tandem/session"
)

// arrivals are the connections that have come lately and whose first request has
// not been through the pre-access phase, in the order in which they came. Their
// goroutines run in any order, where nginx's worker takes one after another; a
// limit on connections that refuses the first of two and takes the second is not
// what its operator expects.
type arrivals struct {
	mu    sync.Mutex
	conns []*Conn // at most maxArrivals
}

// maxArrivals is how many connections are kept in order: more than are accepted
// while a request waits for a processor, and few enough to be looked at one by one.
const maxArrivals = 64

// Arrivals is what http knows of the order in which its clients come and leave;
// see limit.Arrivals.
type Arrivals struct{}

// KeepOrder has Earlier and AwaitEarlier know of connections.
func (Arrivals) KeepOrder(r *session.Realm) {
	if h := r.Host().(host).http; h.arrivals == nil {
		h.arrivals = new(arrivals)
	}
}

// Earlier returns how many connections have come before that of a request and
// have not had their first one through this phase, if it is the first request of
// its own connection; otherwise 0, as for TLS.
func (Arrivals) Earlier(s *session.Session) int { return RequestOf(s).earlier() }

// AwaitEarlier waits until the connections that Earlier counts have had their
// first request through this phase, or wait for their clients.
func (Arrivals) AwaitEarlier(s *session.Session) { RequestOf(s).awaitEarlier() }

// OnLeave has f called once, from any goroutine: when the client is seen to have
// left and the request is given up for that, or else when the request has been
// logged. f must be quick.
func (Arrivals) OnLeave(s *session.Session, f func()) { RequestOf(s).onLeave(f) }

func (a *arrivals) add(c *Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.conns) == maxArrivals {
		a.conns = slices.Delete(a.conns, 0, 1)
	}
	a.conns = append(a.conns, c)
}

// before returns those that came before a client; none when it has arrived
// itself. The lock is held.
func (a *arrivals) before(client *Client) []*Conn {
	return a.conns[:max(a.find(client), 0)]
}

func (a *arrivals) find(client *Client) int {
	return slices.IndexFunc(a.conns, func(c *Conn) bool { return &c.Client == client })
}

// arrived says that a connection that comes later need not wait for the client.
func (c *Client) arrived() {
	a := c.arrivals
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if i := a.find(c); i >= 0 {
		a.conns = slices.Delete(a.conns, i, i+1)
	}
}

func (r *Request) arrived() {
	if r.ordinal == 1 {
		r.client.arrived()
	}
}

func (r *Request) earlier() int {
	a := r.client.arrivals
	if a == nil || r.ordinal != 1 {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.before(r.client))
}

// maxAwait is how long awaitEarlier waits at most: longer than a goroutine that
// has something to do waits for a processor on a machine that is busy.
const maxAwait = 100 * time.Millisecond

func (r *Request) awaitEarlier() {
	if r.earlier() == 0 {
		return
	}
	a := r.client.arrivals
	for end := time.Now().Add(maxAwait); a.underWayBefore(r.client) && time.Now().Before(end); {
		// Who is awaited may need this very processor.
		runtime.Gosched()
		time.Sleep(20 * time.Microsecond)
	}
}

func (a *arrivals) underWayBefore(client *Client) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.before(client), func(c *Conn) bool { return !c.Flow.Starved() })
}
