package web

import (
	"fmt"
	"net"
	"time"
)

// Pace spreads a response over time, as limit_rate says. The zero Pace does not.
type Pace struct {
	r     *Request
	rate  int64 // bytes a second, 0: no limit
	after int64 // bytes that are sent before the limit begins
	begin int64 // the second in which the request came
	sent  int64 // bytes, head included
	rest  time.Duration
}

// NewPace returns the pace of the response to r, as it is settled when that
// begins.
func NewPace(r *Request) Pace {
	p := Pace{r: r, rate: r.Rate()}
	if p.rate > 0 {
		p.after, p.begin = r.RateAfter(), r.Start.Unix()
	}
	return p
}

// Limited reports whether there is a limit: then nothing is to be sent without
// Room.
func (p *Pace) Limited() bool { return p.rate > 0 }

// next returns how long to wait, or else how many bytes may be sent now.
func (p *Pace) next(now time.Time) (n int64, wait time.Duration) {
	if p.rest > 0 {
		wait, p.rest = p.rest, 0
		return 0, wait
	}
	limit := p.rate*(now.Unix()-p.begin+1) - (p.sent - p.after)
	if limit <= 0 {
		return 0, time.Duration(-limit*1000/p.rate+1) * time.Millisecond
	}
	return limit, 0
}

// Took notes that n bytes have been sent; the next ones wait for as long as
// these should have taken.
func (p *Pace) Took(n int64) {
	before := max(p.sent-p.after, 0)
	p.sent += n
	p.rest = time.Duration((max(p.sent-p.after, 0)-before)*1000/p.rate) * time.Millisecond
}

// Room waits until something may be sent, and returns how much of n bytes. It
// fails when the client leaves meanwhile.
func (p *Pace) Room(n int64) (int64, error) {
	for {
		allowed, wait := p.next(time.Now())
		if allowed > 0 {
			return min(allowed, n), nil
		}
		p.r.carrier.Slow()
		if !p.r.Wait(wait) {
			return 0, errClientLeft
		}
	}
}

// errClientLeft reports a client that closed its connection before the end of
// the response.
var errClientLeft = fmt.Errorf("client prematurely closed connection: %w", net.ErrClosed)
