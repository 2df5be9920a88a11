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
