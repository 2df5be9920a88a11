package limit

import (
	"errors"
	"fmt"

	"tandem/internal/errorlog"
	"tandem/internal/flow"
	nc "tandem/nginxconf"
	"tandem/session"
)

// Connections is the limit_conn module:
//
//	limit_conn_zone KEY zone=NAME:SIZE;
//	limit_conn NAME N;
//	limit_conn_status, limit_conn_log_level, limit_conn_dry_run
//
// What it counts is sessions: in http, requests being answered, one to a connection
// in HTTP/1.
func Connections(come Arrivals) func(session.Contexts) *session.Module {
	return func(in session.Contexts) *session.Module {
		return &session.Module{
			Name: "limit_conn",
			Commands: append([]nc.Command{
				{Name: "limit_conn_zone", In: in.Block, Arity: nc.Take2, Set: readConnZone},
				{Name: "limit_conn", In: in.Levels, Arity: nc.Take2, Set: readConnLimit},
			}, refusalCommands(in.Levels, "limit_conn", connSlot, func(c *connSettings) *refusal { return &c.refusal })...),
			Variables: []session.Variable{{Name: "limit_conn_status", Get: statusVariable(connOutcome)}},
			Init: func(r *session.Realm) error {
				if r.Any(func(l *session.Level) bool { return connSlot.Of(l).limits != nil }) {
					r.Handle(session.Limit, func(s *session.Session) session.Code { return limitConnections(s, come) })
					come.KeepOrder(r)
				}
				return nil
			},
		}
	}
}

// Arrivals is what a server knows of the order in which its clients come and
// leave. nginx's worker takes one after another; a limit that refuses the first of
// two and takes the second is not what its operator expects.
type Arrivals interface {
	// KeepOrder has a server, whose block has limits, know of it.
	KeepOrder(*session.Realm)
	// Earlier returns how many connections have come before that of the session and
	// have not been here yet.
	Earlier(*session.Session) int
	// AwaitEarlier waits until they have, or wait for their clients.
	AwaitEarlier(*session.Session)
	// OnLeave has f called once, from any goroutine: when the client is seen to have
	// left, or else when the session has ended.
	OnLeave(s *session.Session, f func())
}

type connSettings struct {
	limits []connLimit
	refusal
}

// connLimit is one limit_conn.
type connLimit struct {
	zone *session.Zone
	max  int
}

// connZone is what a zone of limit_conn holds in one configuration.
type connZone struct {
	key    *session.Template
	counts countTable
}

var (
	connSlot = session.NewLevelSlot(func(c, p *connSettings) error {
		if c.limits == nil {
			c.limits = p.limits
		}
		c.inherit(&p.refusal)
		return nil
	})
	connOutcome = session.NewRecord[outcome]()
)

const connKind = "limit_conn"

func readConnZone(s *nc.Scope, d *nc.Directive) error {
	z, err := readZone(s, d, invalidParameter)
	if err != nil {
		return err
	}
	return z.declare(s, d, connKind, func(old any) (any, error) {
		if before, ok := old.(*connZone); ok {
			if before.key.Text != z.key.Text {
				return nil, changedKey("limit_conn_zone", z.name, z.key.Text, before.key.Text)
			}
			return &connZone{z.key, before.counts}, nil
		}
		return &connZone{z.key, countTable{newTable[count](z.size)}}, nil
	})
}

func readConnLimit(s *nc.Scope, d *nc.Directive) error {
	b := session.BlockOf(s)
	zone, err := b.Realm.Zone(d, connKind, d.Args[0])
	if err != nil {
		return err
	}
	c := connSlot.Of(b.Level)
	for _, other := range c.limits {
		if other.zone == zone {
			return nc.ErrDuplicate
		}
	}
	n, err := nc.ParseNumber(d.Args[1])
	if err != nil || n == 0 {
		return fmt.Errorf("invalid number of connections \"%s\"", d.Args[1])
	}
	if n > 65535 {
		return errors.New("connection limit must be less 65536")
	}
	c.limits = append(c.limits, connLimit{zone, n})
	return nil
}

// maxConnKey is how long a key may be in bytes.
const maxConnKey = 255

func limitConnections(s *session.Session, come Arrivals) session.Code {
	c := connSlot.Of(s.Level())
	if c.limits == nil || connOutcome.Of(s.Main()) != nil || s.IsOwn() {
		return session.Declined
	}
	var room [8]*node[count]
	taken := room[:0]
	for i := range c.limits {
		l := &c.limits[i]
		zone := l.zone.Data().(*connZone)
		key := zone.key.Append(s, s.Scratch())
		var n *node[count]
		ok := true
		switch {
		case len(key) == 0:
		case len(key) > maxConnKey:
			s.Logf(errorlog.Error, "the value of the \"%s\" key is more than 255 bytes: \"%s\"", zone.key.Text, key)
		default:
			connOutcome.Set(s.Main(), &passed)
			n, ok = zone.counts.admit(s, come, key, l.max)
		}
		s.Unscratch(key)
		if !ok {
			if n != nil {
				dry := ""
				if c.dryRun.V {
					dry = ", dry run,"
				}
				s.Logf(c.level.V, "limiting connections%s by zone \"%s\"", dry, l.zone.Name)
			}
			for _, n := range taken {
				n.value.in.leave(n)
			}
			if c.dryRun.V {
				connOutcome.Set(s.Main(), &rejectedDryRun)
				return session.Declined
			}
			connOutcome.Set(s.Main(), &rejected)
			return session.Code(c.status.V)
		}
		if n != nil {
			taken = append(taken, n)
		}
	}
	for _, n := range taken {
		come.OnLeave(s, n.value.done)
	}
	return session.Declined
}

// count is the state of a key under limit_conn.
type count struct {
	now  int // requests being answered
	in   countTable
	done func() // ends one of them
}

// countTable holds the counts of a zone. Those that have come to 0 stay as long
// as there is room, for the key's next request.
type countTable struct{ *table[count] }

// admit is enter, in nginx's order: connections that have come before this one
// are counted first, as long as there are places for them, and clients that have
// left count no more.
func (t countTable) admit(s *session.Session, come Arrivals, key []byte, max int) (n *node[count], ok bool) {
	if n, ok = t.enter(key, max-come.Earlier(s)); ok {
		return n, ok
	}
	come.AwaitEarlier(s)
	flow.TellClosed()
	return t.enter(key, max)
}

// enter counts one more request for a key; not ok if there are enough already,
// or, when n is nil, if there is no room for another key.
func (t countTable) enter(key []byte, max int) (n *node[count], ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n = t.lookup(key); n == nil {
		if n = t.make(key); n == nil {
			return nil, false
		}
	}
	if n.value.now >= max {
		return n, false
	}
	n.value.now++
	return n, true
}

// make adds a key, in place of one without requests if need be.
func (t countTable) make(key []byte) *node[count] {
	n := t.insert(key)
	for old := t.root.prev; n == nil && old != &t.root; {
		before := old.prev
		if old.value.now == 0 {
			t.remove(old)
			n = t.insert(key)
		}
		old = before
	}
	if n != nil {
		n.value = count{in: t, done: func() { t.leave(n) }}
	}
	return n
}

// leave ends a request that enter has counted.
func (t countTable) leave(n *node[count]) {
	t.mu.Lock()
	n.value.now--
	t.mu.Unlock()
}
