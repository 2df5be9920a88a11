package handover

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"time"

	"tandem/vrrp"
	"tandem/vrrp/detour"
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
	h.c.Log("", fmt.Sprintf("handover: prepared in %v, connections ended in %v, relieved in %v; %d packets sent on",
		round(agreed.Sub(begun)), round(drained.Sub(agreed)), round(time.Since(drained)), detours.forwarded()))
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
	if len(detours.list) > 0 && len(stay) == 0 {
		select {
		case <-ctx.Done():
		case <-time.After(tail):
		}
	}
	return gone, stay, true
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

// detours are those of one Away.
type detours struct {
	list    []Detour
	packets uint64 // that were sent on by those that are closed
}

func (d *detours) forwarded() uint64 {
	n := d.packets
	for _, one := range d.list {
		n += one.Forwarded()
	}
	return n
}

func (d *detours) close() {
	d.packets = d.forwarded()
	for _, one := range d.list {
		one.Close()
	}
	d.list = nil
}

// redirect begins to send new connections on, for each interface and successor.
func (h *Handover) redirect(legs []*leg) *detours {
	type way struct{ iface, to string }
	ways := map[way][]netip.Addr{}
	for _, l := range legs {
		for _, a := range l.Addresses {
			if to := l.hardware[a.Prefix.Addr()]; to != "" {
				w := way{a.Interface, to}
				ways[w] = append(ways[w], a.Prefix.Addr())
			}
		}
	}
	begun := &detours{}
	for w, addrs := range ways {
		to, err := net.ParseMAC(w.to)
		if err == nil {
			h.c.Privileged(func() {
				var d Detour
				if d, err = h.c.Redirect(detour.Config{Interface: w.iface, Addresses: addrs, To: to, Listeners: h.c.Web.Listeners()}); err == nil {
					begun.list = append(begun.list, d)
				}
			})
		}
		if err != nil {
			h.c.Log("", fmt.Sprintf("new connections cannot be sent on to the successor: %v", err))
			h.forget(legs, addrs)
		}
	}
	return begun
}

// deserted reports whether a successor that new connections are sent on to is
// gone, or does not serve any longer. They are this node's again then, and VRRP
// finds a new master by its own timers.
func (h *Handover) deserted(legs []*leg) bool {
	peers := h.c.Link.Sessions()
	for _, l := range legs {
		well := slices.ContainsFunc(peers, func(p peerlink.Session) bool {
			return p.Instance == l.Name && p.Addr == l.successor && p.Info.Health == ""
		})
		if l.hardware != nil && !well {
			h.c.Log(l.Name, l.node+" is gone: its connections come here again")
			return true
		}
	}
	return false
}

// forget notes that connections to the addresses are not sent on.
func (h *Handover) forget(legs []*leg, addrs []netip.Addr) {
	for _, l := range legs {
		for _, a := range addrs {
			delete(l.hardware, a)
		}
	}
}

// drain waits until the connections to the addresses have ended: all of them
// where new ones are sent on, else those that are there now.
func (h *Handover) drain(ctx context.Context, legs []*leg, detours *detours) {
	var bound time.Duration
	var addrs []netip.Addr
	sentOn := map[netip.Addr]bool{}
	for _, l := range legs {
		bound = max(bound, l.Bound)
		for _, a := range l.addrs() {
			addrs = append(addrs, a)
			sentOn[a] = l.hardware[a] != ""
		}
	}
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	listeners := h.c.Web.Listeners()
	begun := time.Now()
	var first map[detour.Flow]bool
	for {
		if len(detours.list) > 0 && h.deserted(legs) {
			detours.close()
			clear(sentOn)
			for _, l := range legs {
				l.hardware = nil
			}
		}
		now, err := h.c.Connections(addrs, listeners)
		if err != nil {
			h.c.Log("", err.Error())
			return
		}
		if first == nil {
			first = now
		}
		left := 0
		for f := range now {
			if first[f] || sentOn[f.Local.Addr()] {
				left++
			}
		}
		if left <= h.c.Web.Silent(idleGrace, false) {
			break
		}
		select {
		case <-ctx.Done():
			h.c.Log("", fmt.Sprintf("%d connections are cut: they have not ended within %v", left, round(time.Since(begun))))
			return
		case <-time.After(look):
		}
		if time.Since(begun) > idleGrace {
			h.c.Web.EndIdle()
		}
	}
	h.c.Web.Silent(idleGrace, true)
}

// awaitRelief tells the successors when good-bye has been said, and waits until
// they were heard. New connections are not sent on for longer than takeLimit.
func (h *Handover) awaitRelief(legs []*leg, detours *detours) {
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeLimit)
	defer cancel()
	soon, cancelSoon := context.WithTimeout(ctx, takeLimit)
	defer cancelSoon()
	told := map[string]bool{}
	if !h.relieved(soon, legs, told) {
		detours.close()
		h.relieved(ctx, legs, told)
	}
}

// relieved waits until no leg is about to leave any longer, and notes which are
// gone. It tells the successors to take over as soon as good-bye has been said,
// each once; told has those, by instance. ok is false if ctx was done before.
func (h *Handover) relieved(ctx context.Context, legs []*leg, told map[string]bool) (ok bool) {
	for {
		before, open := maps.Clone(told), false
		s, err := h.c.Router.Await(ctx, func(s vrrp.Status) bool {
			waits := false
			for _, l := range legs {
				i, ok := find(s, l.Name)
				if !ok || i.Role != fsm.Master {
					continue
				}
				if i.Leaving && !before[l.Name] {
					return true
				}
				waits = waits || i.Leaving || !before[l.Name]
			}
			return !waits
		})
		late := err != nil && ctx.Err() != nil
		if late {
			s, err = h.now()
		}
		if err != nil && !late {
			for _, l := range legs {
				l.gone = true // with the router
			}
			return true
		}
		for _, l := range legs {
			i, ok := find(s, l.Name)
			switch {
			case !ok:
			case i.Role != fsm.Master:
				l.gone = true
			case i.Leaving:
				open = true
				if !told[l.Name] && l.hardware != nil {
					_ = h.c.Link.Send(l.Name, l.successor, peerlink.Handover{Step: peerlink.Take}) // VRRP's own timers hold without it
				}
				told[l.Name] = true
			case !told[l.Name]:
				open = true // good-bye is still to be said
			}
		}
		if late || !open {
			return !open
		}
	}
}

func find(s vrrp.Status, name string) (vrrp.InstanceStatus, bool) {
	for _, i := range s.Instances {
		if i.Name == name {
			return i, true
		}
	}
	return vrrp.InstanceStatus{}, false
}

// asked hands over to a backup that wants to be master, if it would win. A node
// asks for all of its instances at about the same time, and they go together.
func (h *Handover) asked(instance string, from netip.Addr) {
	if why := h.refusal(instance, from); why != "" {
		h.refuse(instance, from, why)
		return
	}
	h.c.Log(instance, fmt.Sprintf("%v asks to take over", from))
	h.mu.Lock()
	h.asks[instance] = from
	first := len(h.asks) == 1
	h.mu.Unlock()
	if !first {
		return
	}
	time.Sleep(gather)
	for done := false; !done; {
		h.await(context.Background())
		done = h.giveWay()
	}
}

func (h *Handover) refuse(instance string, to netip.Addr, why string) {
	_ = h.c.Link.Send(instance, to, peerlink.Handover{Step: peerlink.Refuse, Text: why}) // it claims anyway
}

// giveWay hands over to all that have asked. ok is false if another Away is under
// way.
func (h *Handover) giveWay() (ok bool) {
	h.mu.Lock()
	asks := maps.Clone(h.asks)
	h.mu.Unlock()
	var names []string
	for instance, from := range asks {
		if why := h.refusal(instance, from); why != "" {
			// Somebody else was faster.
			h.refuse(instance, from, why)
			delete(asks, instance)
			continue
		}
		names = append(names, h.group(instance)...)
	}
	var gone []string
	if len(names) > 0 {
		gone, _, ok = h.run(context.Background(), names, func() {
			for instance := range asks {
				h.c.Router.HandOver(instance)
			}
		})
		if !ok {
			return false
		}
	}
	for instance, from := range asks {
		if !slices.Contains(gone, instance) {
			h.refuse(instance, from, "it did not come about")
		}
	}
	h.mu.Lock()
	clear(h.asks)
	h.mu.Unlock()
	return true
}

// refusal says why an instance is not handed over to a backup; "" if it is.
func (h *Handover) refusal(instance string, from netip.Addr) string {
	s, ok := h.status(context.Background(), instance)
	if !ok || s.Role != fsm.Master {
		return "not master"
	}
	if i, ok := h.instance(instance); !ok || i.Bound <= 0 {
		return "its drain_timeout is 0"
	}
	for _, p := range h.c.Link.Sessions() {
		if p.Instance != instance || p.Addr != from {
			continue
		}
		if own := h.priority(instance, from); own < s.Priority || own == s.Priority && from.Less(s.Source) {
			return fmt.Sprintf("priority %d against %d", own, s.Priority)
		}
		return ""
	}
	return "not known"
}

// group returns the members of the instance's sync group, which move together.
func (h *Handover) group(instance string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), statusLimit)
	defer cancel()
	s, err := h.c.Router.Status(ctx)
	if err == nil {
		for _, g := range s.Groups {
			if slices.Contains(g.Members, instance) {
				return g.Members
			}
		}
	}
	return []string{instance}
}
