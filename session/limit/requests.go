package limit

import (
	"fmt"
	"math"
	"strings"
	"time"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/session"
)

// Requests is the limit_req module:
//
//	limit_req_zone KEY zone=NAME:SIZE rate=N r/s | r/m;
//	limit_req zone=NAME [burst=N] [nodelay | delay=N];
//	limit_req_status, limit_req_log_level, limit_req_dry_run
//
// wait lets a time pass in a session, and returns false, and sooner, when the
// client leaves meanwhile.
func Requests(wait func(*session.Session, time.Duration) bool) func(session.Contexts) *session.Module {
	return func(in session.Contexts) *session.Module {
		return &session.Module{
			Name: "limit_req",
			Commands: append([]nc.Command{
				{Name: "limit_req_zone", In: in.Block, Arity: nc.Take3, Set: readRequestZone},
				{Name: "limit_req", In: in.Levels, Arity: nc.Take123, Set: readRequestLimit},
			}, refusalCommands(in.Levels, "limit_req", requestSlot, func(c *requestSettings) *refusal { return &c.refusal })...),
			Variables: []session.Variable{{Name: "limit_req_status", Get: statusVariable(requestOutcome)}},
			Init: func(r *session.Realm) error {
				if r.Any(func(l *session.Level) bool { return requestSlot.Of(l).limits != nil }) {
					r.Handle(session.Limit, func(s *session.Session) session.Code { return limitRequests(s, wait) })
				}
				return nil
			},
		}
	}
}

type requestSettings struct {
	limits []requestLimit
	refusal

	delayLevel errorlog.Level // one less grave than level
}

// requestLimit is one limit_req.
type requestLimit struct {
	zone         *session.Zone
	burst, delay int64 // in thousandths of a request
}

// requestZone is what a zone of limit_req holds in one configuration.
type requestZone struct {
	key     *session.Template
	rate    int64 // thousandths of a request a second
	buckets bucketTable
}

var (
	requestSlot = session.NewLevelSlot(func(c, p *requestSettings) error {
		if c.limits == nil {
			c.limits = p.limits
		}
		c.inherit(&p.refusal)
		c.delayLevel = min(c.level.V+1, errorlog.Info)
		return nil
	})
	requestOutcome = session.NewRecord[outcome]()
)

const requestKind = "limit_req"

func readRequestZone(s *nc.Scope, d *nc.Directive) error {
	rate, scale := 1, 1
	z, err := readZone(s, d, func(word string) error {
		text, ok := strings.CutPrefix(word, "rate=")
		if !ok {
			return invalidParameter(word)
		}
		if number, ok := strings.CutSuffix(text, "r/s"); ok {
			text = number
		} else if number, ok := strings.CutSuffix(text, "r/m"); ok {
			text, scale = number, 60
		}
		var err error
		if rate, err = nc.ParseNumber(text); err != nil || rate == 0 || rate > math.MaxInt32 {
			return fmt.Errorf("invalid rate \"%s\"", word)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return z.declare(s, d, requestKind, func(old any) (any, error) {
		zone := &requestZone{key: z.key, rate: int64(rate) * 1000 / int64(scale)}
		if before, ok := old.(*requestZone); ok {
			if before.key.Text != z.key.Text {
				return nil, changedKey("limit_req", z.name, z.key.Text, before.key.Text)
			}
			zone.buckets = before.buckets
			return zone, nil
		}
		zone.buckets = bucketTable{newTable[bucket](z.size)}
		return zone, nil
	})
}

// noDelay is the delay= that nodelay stands for: more than any burst.
const noDelay = math.MaxInt64

func readRequestLimit(s *nc.Scope, d *nc.Directive) error {
	b := session.BlockOf(s)
	var l requestLimit
	thousands := func(text string) (int64, bool) {
		n, err := nc.ParseNumber(text)
		return int64(n) * 1000, err == nil && n > 0 && n <= math.MaxInt32
	}
	for _, word := range d.Args {
		name, text, _ := strings.Cut(word, "=")
		ok, err := true, error(nil)
		switch {
		case name == "zone" && name != word:
			l.zone, err = b.Realm.Zone(d, requestKind, text)
		case name == "burst" && name != word:
			l.burst, ok = thousands(text)
		case name == "delay" && name != word:
			l.delay, ok = thousands(text)
		case word == "nodelay":
			l.delay = noDelay
		default:
			return invalidParameter(word)
		}
		if !ok {
			return fmt.Errorf("invalid %s value \"%s\"", name, word)
		}
		if err != nil {
			return err
		}
	}
	if l.zone == nil {
		return fmt.Errorf("\"%s\" must have \"zone\" parameter", d.Name)
	}
	c := requestSlot.Of(b.Level)
	for _, other := range c.limits {
		if other.zone == l.zone {
			return nc.ErrDuplicate
		}
	}
	c.limits = append(c.limits, l)
	return nil
}

// maxRequestKey is how long a key may be in bytes.
const maxRequestKey = 65535

// clock returns milliseconds that only go forward.
var clock = func() func() int64 {
	// A bucket's last is never 0 but for one that has never been filled.
	start := time.Now().Add(-2 * staleAfter * time.Millisecond)
	return func() int64 { return time.Since(start).Milliseconds() }
}()

// clientClosed is the status of nginx's own for a client that has left.
const clientClosed session.Code = 499

func limitRequests(s *session.Session, wait func(*session.Session, time.Duration) bool) session.Code {
	c := requestSlot.Of(s.Level())
	if c.limits == nil || requestOutcome.Of(s.Main()) != nil || s.IsOwn() {
		return session.Declined
	}
	// The buckets of the limits that were asked, nil where a limit did not
	// concern the request. They stand beside the run so as to stay off the
	// heap.
	var room [8]*node[bucket]
	run := requestRun{s: s, settings: c, now: clock()}
	nodes, concerned := run.look(room[:0])
	if !concerned {
		return session.Declined
	}
	switch run.verdict {
	case tooMany, noRoom:
		return run.reject(nodes)
	}
	ms := run.account(nodes)
	if ms == 0 {
		requestOutcome.Set(s.Main(), &passed)
		return session.Declined
	}
	if !run.delay() || wait(s, time.Duration(ms)*time.Millisecond) {
		return session.Declined
	}
	s.Logf(errorlog.Info, "client prematurely closed connection")
	return clientClosed
}

// requestRun is one request on its way through the limits of its location.
type requestRun struct {
	s        *session.Session
	settings *requestSettings
	now      int64 // milliseconds
	verdict  verdict
	excess   int64
	by       *requestLimit // the limit that excess is of
}

func zoneOf(l *requestLimit) *requestZone { return l.zone.Data().(*requestZone) }

// look asks the zones one after the other until one refuses, and appends the
// buckets to nodes; concerned is false if no zone concerns the request.
func (q *requestRun) look(nodes []*node[bucket]) (asked []*node[bucket], concerned bool) {
	limits := q.settings.limits
	for i := range limits {
		l := &limits[i]
		q.by = l
		zone := zoneOf(l)
		key := zone.key.Append(q.s, q.s.Scratch())
		var n *node[bucket]
		switch {
		case len(key) == 0:
		case len(key) > maxRequestKey:
			q.s.Logf(errorlog.Error, "the value of the \"%s\" key is more than 65535 bytes: \"%s\"", zone.key.Text, key)
		default:
			concerned = true
			n, q.excess, q.verdict = zone.buckets.look(key, zone.rate, l.burst, q.now, i == len(limits)-1)
		}
		q.s.Unscratch(key)
		if n != nil && q.verdict == pinned {
			nodes = append(nodes, n)
			continue
		}
		nodes = append(nodes, nil)
		if n != nil || q.verdict == noRoom {
			return nodes, true
		}
	}
	q.excess = 0
	return nodes, concerned
}

// account takes the request in at all zones that were asked, and returns how
// many milliseconds it has to wait.
func (q *requestRun) account(nodes []*node[bucket]) int64 {
	longest := int64(0)
	if q.verdict == filled {
		longest = q.by.wait(q.excess)
	}
	for i := len(nodes) - 1; i >= 0; i-- {
		n := nodes[i]
		if n == nil {
			continue
		}
		l := &q.settings.limits[i]
		zone := zoneOf(l)
		excess := zone.buckets.settle(n, zone.rate, q.now)
		if ms := l.wait(excess); ms > longest {
			longest, q.excess, q.by = ms, excess, l
		}
	}
	return longest
}

// wait returns for how many milliseconds an excess delays a request.
func (l *requestLimit) wait(excess int64) int64 {
	if excess <= l.delay {
		return 0
	}
	return (excess - l.delay) * 1000 / zoneOf(l).rate
}

func (q *requestRun) dryRun() string {
	if q.settings.dryRun.V {
		return ", dry run"
	}
	return ""
}

func (q *requestRun) reject(nodes []*node[bucket]) session.Code {
	if q.verdict == tooMany {
		q.s.Logf(q.settings.level.V, "limiting requests%s, excess: %d.%03d by zone \"%s\"", q.dryRun(), q.excess/1000, q.excess%1000, q.by.zone.Name)
	} else {
		q.s.Logf(errorlog.Alert, "could not allocate node in limit_req zone \"%s\"", q.by.zone.Name)
	}
	for i, n := range nodes {
		if n != nil {
			zoneOf(&q.settings.limits[i]).buckets.release(n)
		}
	}
	if q.settings.dryRun.V {
		requestOutcome.Set(q.s.Main(), &rejectedDryRun)
		return session.Declined
	}
	requestOutcome.Set(q.s.Main(), &rejected)
	return session.Code(q.settings.status.V)
}

// delay tells that the request is to wait; false: it need not, this being a dry run.
func (q *requestRun) delay() bool {
	q.s.Logf(q.settings.delayLevel, "delaying request%s, excess: %d.%03d, by zone \"%s\"", q.dryRun(), q.excess/1000, q.excess%1000, q.by.zone.Name)
	if q.settings.dryRun.V {
		requestOutcome.Set(q.s.Main(), &delayedDryRun)
		return false
	}
	requestOutcome.Set(q.s.Main(), &delayed)
	return true
}
