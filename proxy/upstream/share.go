package upstream

import (
	"slices"
	"time"
)

// Shared is a Link that carries several requests at once.
type Shared interface {
	Link
	// Vacant reports whether it may carry another one.
	Vacant() bool
}

// Share has others Join a link in use, which is the caller's until Leave.
func (p *Pool) Share(i *Idle) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i.users = 1
	p.shared = append(p.shared, i)
}

// Join returns a shared link to the address that is in use and vacant, or else an
// idle one; nil: there is none. It is the caller's, too, until Leave.
func (p *Pool) Join(addr Addr, tag any) Link {
	if i := p.joinBusy(addr, tag); i != nil {
		return i.link
	}
	i := p.take(addr, tag)
	if i == nil {
		return nil
	}
	p.Share(i)
	return i.link
}

func (p *Pool) joinBusy(addr Addr, tag any) *Idle {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range p.shared {
		if i.addr == addr && i.tag == tag && i.link.(Shared).Vacant() {
			i.users++
			return i
		}
	}
	return nil
}

// Leave ends the use of a shared link. Unless keep is set nobody joins it any
// more. The last one to leave has it kept, or else closed.
func (p *Pool) Leave(i *Idle, now time.Time, keep bool) {
	p.mu.Lock()
	i.users--
	at := slices.Index(p.shared, i)
	keep = keep && at >= 0
	if at >= 0 && (!keep || i.users == 0) {
		p.shared = slices.Delete(p.shared, at, at+1)
	}
	last := i.users == 0
	p.mu.Unlock()
	switch {
	case !last:
	case keep:
		p.Put(i, now)
	default:
		_ = i.link.Close()
	}
}

// Dial is a link to be shared that somebody is making. Others wait for it instead of
// making one each.
type Dial struct {
	addr    Addr
	tag     any
	waiting int
	done    chan struct{}
	failed  bool // as it would for those who wait
}

// Dialing returns the link that is being made to the address, which the caller is to
// wait for, unless so many do already, or else (own) one that is for the caller to
// make: Dialed is to be called in any case.
func (p *Pool) Dialing(addr Addr, tag any, most int) (d *Dial, own bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.dials {
		if d.addr == addr && d.tag == tag && d.waiting < most {
			d.waiting++
			return d, false
		}
	}
	d = &Dial{addr: addr, tag: tag, waiting: 1, done: make(chan struct{})}
	p.dials = append(p.dials, d)
	return d, true
}

// Dialed tells those who wait that they may Join a link, or look again; failed: that
// they would fare alike.
func (p *Pool) Dialed(d *Dial, failed bool) {
	p.mu.Lock()
	if i := slices.Index(p.dials, d); i >= 0 {
		p.dials = slices.Delete(p.dials, i, i+1)
	}
	d.failed = failed
	p.mu.Unlock()
	close(d.done)
}

// Done is closed by Dialed.
func (d *Dial) Done() <-chan struct{} { return d.done }

// Failed reports, after Done, what Dialed was told.
func (d *Dial) Failed() bool { return d.failed }
