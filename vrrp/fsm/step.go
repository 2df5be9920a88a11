package fsm

import (
	"fmt"
	"net/netip"
	"time"

	"tandem/vrrp/packet"
)

// step carries an instance through one event: it returns the next state and what is to be done, in that order, appended
// to acts. It may become master only if mayLead, which a sync group may have something against. now must not go
// backwards; a jump forward is taken for a time in which the process did not run.
func step(c *Config, s State, ev Event, now time.Time, mayLead bool, acts []Action) (State, []Action) {
	m := machine{c: c, s: &s, now: now, mayLead: mayLead, acts: acts}
	m.step(ev)
	return s, m.acts
}

// machine is one step being made.
type machine struct {
	c       *Config
	s       *State
	now     time.Time
	mayLead bool
	acts    []Action
}

func (m *machine) step(ev Event) {
	m.detectStall()
	switch e := ev.(type) {
	case Start:
		m.start()
	case Stop:
		m.stop(e)
	case Timer:
		m.timer()
	case Advert:
		m.advert(e)
	case PriorityChanged:
		m.reprioritize(func() { m.s.Weights = e.Weights })
	case FaultSet:
		m.faultSet(e.Cause)
	case FaultCleared:
		m.faultCleared(e)
	case AddressLost:
		m.addressLost(e)
	case Resign:
		m.resign(e)
	case SelfOK:
		m.reprioritize(func() { m.s.Resigned, m.s.ResignedText = false, "" })
	case Demote:
		m.demote()
	case Promote:
		m.promote()
	case PeerGone:
		m.peerGone(e)
	case Linked:
		m.setLinked(e)
	case HandOver:
		m.handOver()
	case TakeOver:
		m.takeOver(e)
	case Reconfigured:
		m.reconfigured(e)
	case groupMaster:
		m.groupMaster(e)
	case groupBackup:
		m.groupBackup(e)
	case groupResigned:
		m.groupResigned(e)
	default:
		panic(fmt.Sprintf("fsm: event %T", ev))
	}
}

func (m *machine) do(a Action)              { m.acts = append(m.acts, a) }
func (m *machine) kinds(list ...ActionKind) { m.acts = appendKinds(m.acts, list) }
func (m *machine) log(format string, args ...any) {
	m.do(Action{Kind: Log, Reason: because(ByReport, format, args...)})
}

func appendKinds(acts []Action, list []ActionKind) []Action {
	for _, k := range list {
		acts = append(acts, Action{Kind: k})
	}
	return acts
}

// effective is the effective priority now.
func (m *machine) effective() uint8 { return m.c.Effective(m.s) }

// advertise sends an advert. RFC 9568, 6.4.3: "If the Adver_Timer fires, then: Send an ADVERTISEMENT; Reset the
// Adver_Timer to Advertisement_Interval".
func (m *machine) advertise(priority uint8) {
	m.do(Action{Kind: Advertise, Priority: priority})
	m.s.sent = m.now
	m.s.adver = m.now.Add(m.c.Interval)
}

// become changes the role; it is the last thing in a transition, so that the notification comes last.
func (m *machine) become(r Role, why Reason) {
	from := m.s.Role
	m.s.Role, m.s.Since, m.s.Why = r, m.now, why
	m.do(Action{Kind: Notify, From: from, To: r, Priority: m.effective(), Reason: why})
}

// waitDown sets the master-down timer. d counts from the end of the startup delay if that is still to come.
func (m *machine) waitDown(d time.Duration, by Code) {
	from := m.now
	if m.s.ready.After(from) {
		from = m.s.ready
	}
	m.s.down, m.s.downBy = from.Add(d), by
}

// reprioritize makes a change that may change the effective priority. While BACKUP the running timer is shifted by
// the difference in skew; a master tells it with its next advert.
func (m *machine) reprioritize(change func()) {
	before, skew := m.effective(), m.c.SkewTime(m.s)
	change()
	if m.effective() == before {
		return
	}
	if m.s.Role == Backup {
		m.s.down = m.s.down.Add(m.c.SkewTime(m.s) - skew)
	}
	if m.s.Role != Init && m.s.Role != Stopped {
		m.do(Action{Kind: NotifyPriority, Priority: m.effective()})
	}
	if m.s.Role == Master && before == PriorityLow && !m.low() {
		m.s.offer = time.Time{}
		if m.s.leaving == ByResign {
			m.stay()
		}
	}
}

// low says whether the instance competes with the lowest priority because it would rather not be master.
func (m *machine) low() bool { return m.s.Resigned || m.s.GroupResigned || m.s.Demoted }

// start is RFC 9568, 6.4.1, "Initialize", except that only an owner configured as "state MASTER" claims at once. A
// "state MASTER" of lower priority begins as BACKUP and waits the whole master-down time, as in keepalived.
func (m *machine) start() {
	if m.s.Role != Init || m.s.started {
		return
	}
	m.s.started = true
	if m.c.StartupDelay > 0 {
		m.s.ready = m.now.Add(m.c.StartupDelay)
	}
	if causes(m.s.Faults).faulty() {
		m.become(Fault, because(ByFault, "%s", causes(m.s.Faults)))
		return
	}
	if len(m.s.Faults) == 0 {
		m.leaveInit()
	}
}

// leaveInit goes to work: everything that had to be waited for is there.
func (m *machine) leaveInit() {
	m.s.MasterInterval = m.c.Interval
	if m.c.owner() && m.c.StartMaster && m.effective() == packet.PriorityOwner {
		m.s.Wants = true
		if m.mayLead && !m.s.ready.After(m.now) {
			m.becomeMaster(because(ByOwner, "owner of the addresses (priority 255)"))
			return
		}
		// In a sync group, or with a startup delay: at the first moment that all others want it too.
		m.waitDown(0, ByOwner)
		if !m.mayLead {
			m.waitDown(m.c.Interval, ByOwner)
		}
	} else {
		m.waitDown(m.c.MasterDown(m.s), ByTimeout)
	}
	m.become(Backup, because(ByStart, "started"))
}

// timer does what is due.
func (m *machine) timer() {
	due := func(t time.Time) bool { return !t.IsZero() && !t.After(m.now) }
	switch s := m.s; s.Role {
	case Backup:
		if due(s.down) {
			m.masterDown()
		}
	case Master:
		if s.Leaving() {
			if due(s.leave) {
				m.handoverExpired()
			}
			return
		}
		if due(s.adver) {
			planned := s.adver
			m.advertise(m.effective())
			// The schedule is kept when the timer fires a little late, so that the lateness does not add up.
			if next := planned.Add(m.c.Interval); next.After(m.now) {
				s.adver = next
			}
			m.countRogue()
		}
		m.announceDue(due)
		if due(s.offer) {
			m.offer()
		}
	}
}

// masterDown is the expiry of the master-down timer. RFC 9568, 6.4.2: "If the Active_Down_Timer fires, then:
// Send an ADVERTISEMENT [...] Transition to the {Active} state".
func (m *machine) masterDown() {
	s := m.s
	if late := m.now.Sub(s.down); late > stallLimit(s.MasterInterval) {
		// We were not running: whoever is master could not be heard. One advert interval is enough to hear it.
		m.log("timers are %s late: listening for an advert before claiming", seconds(late))
		m.waitDown(s.MasterInterval+m.c.SkewTime(s), s.downBy)
		return
	}
	if s.downBy == ByPreemption && m.ask(ByPreemption) {
		s.Wants = true
		return
	}
	s.Wants = true
	if !m.mayLead {
		m.waitDown(m.c.MasterDown(s), s.downBy)
		return
	}
	m.becomeMaster(m.takeoverReason())
}

// takeoverReason says why the master-down timer expired.
func (m *machine) takeoverReason() Reason {
	s := m.s
	switch s.downBy {
	case ByOwner:
		return because(ByOwner, "owner of the addresses (priority 255)")
	case ByPriority0:
		return because(ByPriority0, "priority 0 heard from %v", s.Master)
	case ByPreemption:
		return because(ByPreemption, "preempting %v, priority %d, ours %d", s.Master, s.MasterPriority, m.effective())
	case ByPromote:
		return because(ByPromote, "promoted by the operator; %v, priority %d, has not handed over", s.Master, s.MasterPriority)
	case ByPeerGone:
		return because(ByPeerGone, "the process of %v is gone", s.Master)
	}
	if s.Heard.Before(s.Since) {
		return because(ByTimeout, "master down timer expired: no advert heard for %s", seconds(m.now.Sub(s.Since)))
	}
	return because(ByTimeout, "master down timer expired: no advert from %v for %s", s.Master, seconds(m.now.Sub(s.Heard)))
}

// stallLimit is how late a timer may fire before that means that the process was stopped. Lateness below a second
// happens on a busy machine and is no reason to hesitate.
func stallLimit(interval time.Duration) time.Duration { return max(interval, time.Second) }

// detectStall makes a master step down that has not run for so long that the others have elected a new one. It takes
// part in the election like everybody else then; claiming at once would put the addresses on two nodes.
func (m *machine) detectStall() {
	s := m.s
	if s.Role != Master || s.Leaving() {
		return
	}
	silent := m.now.Sub(s.sent)
	limit := m.c.downAdverts()*m.c.Interval + stallLimit(m.c.Interval)
	if m.c.HighestOther > 0 {
		limit = m.c.downAdverts()*m.c.Interval + m.c.skew(m.c.HighestOther, m.c.Interval)
	}
	if silent < limit {
		return
	}
	s.MasterInterval = m.c.Interval
	m.leaveMaster(false)
	m.waitDown(m.c.Interval+m.c.SkewTime(s), ByTimeout)
	m.become(Backup, because(ByStall, "not running for %s: others have elected a master", seconds(silent)))
}

// advert is a received advertisement.
func (m *machine) advert(a Advert) {
	if a.Interval <= 0 {
		a.Interval = m.c.Interval // a master that said 0 could be declared dead at any moment
	}
	switch m.s.Role {
	case Backup:
		if m.now.Before(m.s.ready) {
			return
		}
		m.backupHears(a)
	case Master:
		if m.s.Leaving() {
			m.leavingHears(a)
			return
		}
		m.masterHears(a)
	}
}

// compare is negative if an advert loses against ours, positive if it wins: by priority, and with equal priorities by
// address.
func (m *machine) compare(priority uint8, source netip.Addr) int {
	if own := m.effective(); priority != own {
		return int(priority) - int(own)
	}
	return source.Compare(m.c.Source)
}

// addressLost is somebody's deletion of an address that we hold: a chance for a node where nobody does that.
func (m *machine) addressLost(e AddressLost) {
	if m.s.Role != Master {
		return
	}
	how := e.Text
	if how == "" {
		how = "was deleted by somebody else"
	}
	what := e.Route
	if what == "" {
		what = "address " + e.Address.String()
	}
	why := because(ByAddressLost, "%s %s", what, how)
	if m.s.Leaving() {
		m.finishLeaving(why)
		return
	}
	m.leaveMaster(true)
	m.waitDown(m.c.SkewTime(m.s), ByTimeout)
	m.become(Backup, why)
}

// peerGone is the proof that no more adverts will come from the master that we heard.
func (m *machine) peerGone(e PeerGone) {
	s := m.s
	if s.Role != Backup || s.Master != e.Source || m.now.Before(s.ready) {
		return
	}
	if e.Best {
		s.Wants = true
		if m.mayLead {
			text := e.Text
			if text == "" {
				text = "its process is gone"
			}
			m.becomeMaster(because(ByPeerGone, "%v: %s", e.Source, text))
			return
		}
	}
	// Others may be better: who has the highest priority has the shortest skew time.
	if at := m.now.Add(m.c.SkewTime(s)); at.Before(s.down) {
		s.down, s.downBy = at, ByPeerGone
	}
}

// reconfigured takes up a new configuration without a pause in the adverts.
func (m *machine) reconfigured(e Reconfigured) {
	s := m.s
	oldEffective, oldDown := e.Old.Effective(s), e.Old.MasterDown(s)
	if m.c.Version == packet.V2 || s.MasterInterval == e.Old.Interval {
		s.MasterInterval = m.c.Interval
	}
	if !m.c.owner() {
		s.Yielded = false
	}
	switch s.Role {
	case Backup:
		s.down = s.down.Add(m.c.MasterDown(s) - oldDown)
	case Master:
		if s.Leaving() {
			break
		}
		m.advertise(m.effective())
		switch {
		case e.Old.NoAccept && !m.c.NoAccept:
			m.kinds(Unfilter)
		case e.Changed:
			// With the rest.
		case m.c.NoAccept && !e.Old.NoAccept:
			m.kinds(Filter)
		}
		if e.Changed {
			m.addAll()
		}
		g := m.c.Announcements
		s.refresh, s.extra = after(m.now, g.Refresh), after(m.now, g.Extra)
		if e.Added {
			m.announce(g.Repeat)
			s.burst = after(m.now, g.Delay)
		}
	}
	if own := m.effective(); own != oldEffective {
		m.do(Action{Kind: NotifyPriority, Priority: own})
	}
}

// after is now+d, or never if d is 0.
func after(now time.Time, d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return now.Add(d)
}
