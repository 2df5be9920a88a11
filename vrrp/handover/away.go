package handover

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"tandem/vrrp/fsm"
	"tandem/vrrp/peerlink"
)

// Times of a handover.
const (
	answerLimit = 500 * time.Millisecond // for a successor to prepare itself
	look        = 5 * time.Millisecond   // between two looks at the kernel's connections, of whose ends it tells nobody
	// idleGrace is how long connections without a request are left alone: a
	// client that asks again meanwhile gets its answer, with the word that it is
	// the last.
	idleGrace = 300 * time.Millisecond
	// goodbyeLimit is how long a master may take to say good-bye, and then to
	// be relieved.
	goodbyeLimit = 3 * time.Second
	// takeLimit is how long new connections are still sent on to a successor
	// that was told to take over and is not heard as master.
	takeLimit = 500 * time.Millisecond
	// gather is how long a handover that a backup has asked for waits for what
	// it asks for besides.
	gather = 20 * time.Millisecond
	// maxBound is the longest that a successor stays prepared, whatever the
	// master says: the longest drain_timeout, and the time for its good-bye.
	maxBound = time.Hour + goodbyeLimit
	// tail is for how long packets of neighbours that have not noticed the
	// change are still sent on.
	tail = 250 * time.Millisecond
)

// leg is one instance on its way.
type leg struct {
	Instance
	successor netip.Addr // of its peer link; not valid: none is known
	node      string     // the successor's name
	hardware  map[netip.Addr]string
	gone      bool
}

func (l *leg) addrs() []netip.Addr {
	var list []netip.Addr
	for _, a := range l.Addresses {
		list = append(list, a.Prefix.Addr())
	}
	return list
}

// Away hands over those of the instances that this node is master of, all if
// names is nil: connections are led to their end or to the successor, then leave
// is called, which has the router say good-bye (Stop, Demote, HandOver) and does
// not wait, and what follows is waited for. When ctx is done leave is called at
// once. gone are the instances that were handed over, the others stay. It comes
// after an Away that is under way.
func (h *Handover) Away(ctx context.Context, names []string, leave func()) (gone, stay []string) {
	for {
		h.await(ctx)
		if gone, stay, ok := h.run(ctx, names, leave); ok {
			return gone, stay
		}
	}
}

// await waits for the end of the Away under way, and brings it about when ctx
// is done.
func (h *Handover) await(ctx context.Context) {
	h.mu.Lock()
	cancel, ended := h.away, h.ended
	h.mu.Unlock()
	if cancel == nil {
		return
	}
	select {
	case <-ended:
	case <-ctx.Done():
		cancel()
		<-ended
	}
}

// run is Away, but not while another is under way.
func (h *Handover) run(ctx context.Context, names []string, leave func()) (gone, stay []string, ok bool) {
	h.mu.Lock()
	if h.away != nil {
		h.mu.Unlock()
		return nil, nil, false
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	h.away, h.ended = cancel, ended
	h.mu.Unlock()
	defer func() {
		cancel()
		h.mu.Lock()
		h.away, h.ended = nil, nil
		h.mu.Unlock()
		close(ended)
	}()

	legs := h.legs(names)
	if len(legs) == 0 {
		leave()
		return nil, nil, true
	}
	var addrs []netip.Addr
	for _, l := range legs {
		addrs = append(addrs, l.addrs()...)
	}
	begun := time.Now()
	h.c.Web.Drain(addrs)
	defer h.c.Web.Drain(nil)
	h.agree(ctx, legs)
	agreed := time.Now()
	detours := h.redirect(legs)
	defer detours.close()
	h.drain(ctx, legs, detours)
	drained := time.Now()
	leave()
	h.awaitRelief(legs, detours)
	took := Counts{Prepare: agreed.Sub(begun), Drain: drained.Sub(agreed), Relief: time.Since(drained)}
	h.c.Log("", fmt.Sprintf("handover: prepared in %v, connections ended in %v, relieved in %v; %d packets sent on",
		round(took.Prepare), round(took.Drain), round(took.Relief), detours.forwarded()))
	for _, l := range legs {
		if l.gone {
			gone = append(gone, l.Name)
			continue
		}
		stay = append(stay, l.Name)
		if l.hardware != nil {
			_ = h.c.Link.Send(l.Name, l.successor, peerlink.Handover{Step: peerlink.Cancel}) // its time ends anyway
		}
	}
	h.count(took, len(gone), len(stay))
	if len(detours.list) > 0 && len(stay) == 0 {
		select {
		case <-ctx.Done():
		case <-time.After(tail):
		}
	}
	return gone, stay, true
}

// count counts a handover that has ended.
func (h *Handover) count(took Counts, gone, stay int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	took.Done, took.Failed = h.counts.Done+uint64(gone), h.counts.Failed+uint64(stay)
	if gone == 0 {
		took.Prepare, took.Drain, took.Relief = h.counts.Prepare, h.counts.Drain, h.counts.Relief
	}
	h.counts = took
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// legs returns the instances that are to be handed over, with their successors.
func (h *Handover) legs(names []string) []*leg {
	ctx, cancel := context.WithTimeout(context.Background(), statusLimit)
	defer cancel()
	s, err := h.c.Router.Status(ctx)
	if err != nil {
		return nil
	}
	var legs []*leg
	for _, i := range s.Instances {
		if i.Role != fsm.Master || i.Leaving || names != nil && !slices.Contains(names, i.Name) {
			continue
		}
		inst, ok := h.instance(i.Name)
		if !ok {
			continue
		}
		l := &leg{Instance: inst}
		if p, ok := h.best(i.Name); ok {
			l.successor, l.node = p.Addr, p.Info.Node
		}
		legs = append(legs, l)
	}
	return legs
}

// best returns the backup that will win: of equal priorities the higher
// address (RFC 9568, 6.4.3).
func (h *Handover) best(instance string) (best peerlink.Session, ok bool) {
	var highest uint8
	for _, p := range h.c.Link.Sessions() {
		priority := h.priority(instance, p.Addr)
		if p.Instance != instance || p.Master || !p.Info.Handover || priority <= fsm.PriorityLow || p.Info.Health != "" {
			continue
		}
		if !ok || priority > highest || priority == highest && best.Addr.Less(p.Addr) {
			best, highest, ok = p, priority, true
		}
	}
	return best, ok
}

// priority returns with which priority a node was heard in VRRP; 0: it was not.
func (h *Handover) priority(instance string, a netip.Addr) uint8 {
	s, _ := h.c.Router.Speaker(instance, a)
	return s.Priority
}

// agree asks the successors to prepare themselves; those that cannot are left
// as they are, and take over as VRRP has it.
func (h *Handover) agree(ctx context.Context, legs []*leg) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	for _, l := range legs {
		if !l.successor.IsValid() || !l.Plain || l.Bound <= 0 || !h.adjacent(l) {
			continue
		}
		answers := make(chan answer, 1)
		h.mu.Lock()
		h.waiting[l.Name] = answers
		h.mu.Unlock()
		bound := l.Bound + goodbyeLimit
		err := h.c.Link.Send(l.Name, l.successor, peerlink.Handover{Step: peerlink.Prepare, Bound: bound.Milliseconds()})
		if err == nil {
			select {
			case a := <-answers:
				if a.said.Step == peerlink.Ready && a.from == l.successor {
					l.hardware = l.reachable(a.said.Hardware)
				} else {
					h.c.Log(l.Name, fmt.Sprintf("%s cannot prepare to take over: %s", l.node, a.said.Text))
				}
			case <-ctx.Done():
				h.c.Log(l.Name, l.node+" does not say whether it is prepared to take over")
			}
		}
		h.mu.Lock()
		delete(h.waiting, l.Name)
		h.mu.Unlock()
	}
}

// reachable returns the hardware addresses, of those that a successor gives, to
// which frames for this instance's addresses can go: those of one machine.
func (l *leg) reachable(given map[netip.Addr]string) map[netip.Addr]string {
	hardware := map[netip.Addr]string{}
	for _, a := range l.addrs() {
		mac, err := net.ParseMAC(given[a])
		if group := err == nil && mac[0]&1 != 0; err == nil && len(mac) == 6 && !group {
			hardware[a] = mac.String()
		}
	}
	return hardware
}

// adjacent reports whether the successor is on the network that the addresses
// are on, so that a frame for its hardware address reaches it.
func (h *Handover) adjacent(l *leg) bool {
	for _, a := range l.Addresses {
		iface, err := h.c.Kernel.Interface(a.Interface)
		if err != nil {
			return false
		}
		on := slices.ContainsFunc(iface.Addresses, func(p netip.Prefix) bool { return p.Contains(l.successor) })
		if !on {
			return false
		}
	}
	return true
}
