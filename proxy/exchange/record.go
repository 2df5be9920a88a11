package exchange

import (
	"sync"
	"time"

	"tandem/session"
	"tandem/web"
)

// state is one try, as the variables tell it.
type state struct {
	peer     string // "" separates the tries before and after an internal redirect
	status   int
	queue    time.Duration // waited for a peer
	connect  time.Duration // -1: did not come so far
	header   time.Duration
	response time.Duration
	length   int64 // of the response's body
	received int64
	sent     int64
}

// record is what is known of all exchanges of a request: it outlives internal
// redirects.
type record struct {
	states    []state
	exchanges []*Exchange
	end       func() // made once
}

var recordSlot = session.NewRecord[record]()

var records = sync.Pool{New: func() any { return new(record) }}

// recordOf returns the record of r, made if there is none yet.
func recordOf(r *web.Request) *record {
	if rec := recordSlot.Of(&r.Session); rec != nil {
		return rec
	}
	rec := records.Get().(*record)
	if rec.end == nil {
		rec.end = rec.release
	}
	recordSlot.Set(&r.Session, rec)
	r.OnEnd(rec.end)
	return rec
}

// begin adds an exchange; after an internal redirect a separator stands
// between its tries and those before.
func (rec *record) begin(x *Exchange) {
	if len(rec.exchanges) > 0 {
		rec.states = append(rec.states, state{connect: -1, header: -1, response: -1})
	}
	rec.exchanges = append(rec.exchanges, x)
}

// last returns the latest exchange, nil without one.
func (rec *record) last() *Exchange {
	if rec == nil || len(rec.exchanges) == 0 {
		return nil
	}
	return rec.exchanges[len(rec.exchanges)-1]
}

// release gives everything back when the request has ended.
func (rec *record) release() {
	for _, x := range rec.exchanges {
		x.release()
	}
	clear(rec.exchanges)
	clear(rec.states)
	rec.exchanges, rec.states = rec.exchanges[:0], rec.states[:0]
	records.Put(rec)
}
