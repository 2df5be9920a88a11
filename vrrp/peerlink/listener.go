package peerlink

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

// Bounds of what others can have here.
const (
	maxSessions  = 64 // connections at a place
	maxGreetings = 32 // of them whose other side is not known yet
	maxOfOne     = 8  // of these, from one address
	// heardWithin is how long ago a node may have spoken for its instance when it
	// connects.
	heardWithin = 10 * time.Second
)

// listener is the listening socket of a place. Several instances can share it.
type listener struct {
	Place
	Listener
	min int // TTL that is demanded of all

	// Guarded by Link.mu.
	open      int
	greetings map[netip.Addr]int
}

// listen opens the sockets that the instances need, and closes the others.
// Called with l.mu held.
func (l *Link) listen() {
	wanted := map[Place]Hops{}
	for _, i := range l.instances {
		p, ok := l.place(i)
		if !ok {
			continue
		}
		h := i.hops(netip.Addr{})
		for k := range i.Peers {
			if least := int(i.Peers[k].TTLMin); k == 0 || least < h.Min {
				h.Min = least
			}
		}
		if before, shared := wanted[p]; shared {
			h.Min = min(h.Min, before.Min)
		}
		wanted[p] = h
	}
	for p, nl := range l.listeners {
		if _, ok := wanted[p]; !ok {
			_ = nl.Close()
			delete(l.listeners, p)
		}
	}
	for p, h := range wanted {
		if nl := l.listeners[p]; nl != nil {
			if nl.min != h.Min {
				nl.min = h.Min
				_ = nl.Demand(h) // what arrives from further away is refused later
			}
			continue
		}
		nl, err := l.transport.Listen(p, h)
		if err != nil {
			l.logf("", "peer link on %v: %v: only VRRP's own timers apply", p.addrPort(), err)
			continue
		}
		one := &listener{Place: p, Listener: nl, min: h.Min, greetings: map[netip.Addr]int{}}
		l.listeners[p] = one
		l.wait.Go(func() { l.accept(one) })
	}
}

// accept serves the connections of one place.
func (l *Link) accept(nl *listener) {
	for {
		conn, err := nl.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || l.ctx.Err() != nil {
				return
			}
			time.Sleep(100 * time.Millisecond) // out of descriptors: connections can wait
			continue
		}
		addr := conn.Remote()
		if why := l.admit(nl, addr); why != "" {
			l.refused.count(l, why, addr)
			conn.Cut()
			continue
		}
		l.wait.Go(func() {
			s := l.newSession(conn, addr)
			defer func() { _ = s.conn.Close() }()
			err := s.answer(nl)
			l.greeted(nl, addr)
			if err == nil {
				err = s.converse()
			}
			l.mu.Lock()
			nl.open--
			l.mu.Unlock()
			l.complain(s, err)
		})
	}
}

// admit says why a connection is closed unheard; "" if it is not.
func (l *Link) admit(nl *listener, addr netip.Addr) refusal {
	l.mu.Lock()
	defer l.mu.Unlock()
	expected := false
	for _, i := range l.instances {
		if p, ok := l.place(i); ok && p == nl.Place && l.speaks(i, addr) {
			expected = true
			break
		}
	}
	waiting := 0
	for _, n := range nl.greetings {
		waiting += n
	}
	switch {
	case !expected:
		return strangers
	case nl.open >= maxSessions, waiting >= maxGreetings, nl.greetings[addr] >= maxOfOne:
		return tooMany
	}
	nl.open++
	nl.greetings[addr]++
	return ""
}

// speaks reports whether a node was heard to speak for the instance of late.
func (l *Link) speaks(i *Instance, addr netip.Addr) bool {
	if len(i.Peers) > 0 && i.peer(addr) == nil {
		return false
	}
	at := l.vrrp.Heard(i.Name, addr)
	return !at.IsZero() && time.Since(at) < heardWithin
}

// greeted ends what is bounded by maxGreetings.
func (l *Link) greeted(nl *listener, addr netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if nl.greetings[addr]--; nl.greetings[addr] <= 0 {
		delete(nl.greetings, addr)
	}
}

// complain tells why a connection from a node that was heard has ended, if that
// is not the common way.
func (l *Link) complain(s *session, err error) {
	var r *refusedError
	if errors.As(err, &r) && l.ctx.Err() == nil {
		l.refused.count(l, r.reason, s.addr)
	}
}
