package fsm

import (
	"net/netip"
	"time"

	"tandem/vrrp/packet"
)

// leaveMaster gives the addresses up: the removals in keepalived's order, behind an advert with priority 0 if zero.
// The caller then says what comes next.
func (m *machine) leaveMaster(zero bool) {
	if zero {
		m.do(Action{Kind: Advertise, Priority: packet.PriorityStop})
	}
	m.removeAll()
}

// leaveTo is leaveMaster when the successor was heard.
func (m *machine) leaveTo() {
	if m.c.Linger > 0 {
		m.kinds(Linger)
	}
	m.removeAll()
}

func (m *machine) removeAll() {
	m.kinds(RemoveRules, RemoveRoutes, CancelAnnounce, RemoveAddresses, RemoveExcluded)
	if m.c.NoAccept {
		m.kinds(Unfilter)
	}
	s := m.s
	s.Wants = false
	s.preempt, s.leave, s.leaving = time.Time{}, time.Time{}, ByStart
	s.adver, s.offer = time.Time{}, time.Time{}
	s.burst, s.lowerBurst, s.refresh, s.extra = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	s.echoed, s.contest = time.Time{}, time.Time{}
	s.rogueAdverts, s.rogueUntil = 0, time.Time{}
}

// stop ends the instance. RFC 9568, 6.4.3: "If a Shutdown event is received, then: Cancel the Adver_Timer; Send
// an ADVERTISEMENT with Priority = 0; Transition to the {Initialize} state".
func (m *machine) stop(e Stop) {
	s := m.s
	switch {
	case s.Role == Stopped:
	case s.Role == Master && s.Leaving():
		s.leaving = ByStop // a demotion becomes a stop; its bound stays
		if m.c.Handover > 0 && !e.Now {
			return
		}
		m.finishLeaving(because(ByStop, "stopped without waiting for a successor"))
	case s.Role == Master && m.c.Handover > 0 && !e.Now:
		m.beginLeaving(ByStop, m.c.Handover)
	default:
		if s.Role == Master {
			m.leaveMaster(true)
		}
		s.down = time.Time{}
		m.become(Stopped, because(ByStop, "stopped"))
	}
}

// beginLeaving says good-bye and keeps the addresses: the successor claims them after its skew time, and until then
// somebody must answer. One advert only: each one with priority 0 starts the successor's skew time anew.
func (m *machine) beginLeaving(code Code, bound time.Duration) {
	m.do(Action{Kind: Advertise, Priority: packet.PriorityStop})
	m.kinds(CancelAnnounce)
	m.s.leaving = code
	m.s.leave = m.now.Add(bound)
}

// offerEvery is how often a master that competes with the lowest priority says good-bye, as in a handover, to see
// whether somebody takes over: a healthy node that does not preempt would otherwise let a node be that cannot serve.
const offerEvery = 10 * time.Second

// offer is such a good-bye.
func (m *machine) offer() {
	m.s.offer = m.now.Add(offerEvery)
	m.beginLeaving(ByResign, DefaultHandover(m.c.Version, m.c.Interval))
}

// leavingHears ends the wait when somebody else is master.
func (m *machine) leavingHears(a Advert) {
	if a.Priority == 0 || a.Source == m.c.Source {
		return
	}
	code := m.s.leaving
	why := because(code, "%v is master now, priority %d", a.Source, a.Priority)
	if m.s.Resigned {
		why = because(code, "resigned: %s; %v is master now, priority %d", m.s.ResignedText, a.Source, a.Priority)
	}
	m.leaveTo()
	m.afterLeaving(code, why)
	if m.s.Role == Backup {
		m.heardMaster(a)
	}
}

// finishLeaving gives the addresses up after good-bye was said.
func (m *machine) finishLeaving(why Reason) {
	code := m.s.leaving
	m.leaveMaster(false)
	m.afterLeaving(code, why)
}

// afterLeaving says what comes after the addresses were given up.
func (m *machine) afterLeaving(code Code, why Reason) {
	if code == ByStop {
		m.become(Stopped, why)
		return
	}
	m.waitDown(m.c.MasterDown(m.s), ByTimeout)
	m.become(Backup, why)
}

// handoverExpired is the end of waiting: nobody has taken over.
func (m *machine) handoverExpired() {
	waited := seconds(m.c.Handover)
	switch m.s.leaving {
	case ByStop:
		m.finishLeaving(because(ByStop, "stopped: nobody took over within %s", waited))
	case ByResign:
		m.stay()
	case ByHandover:
		m.stay()
		m.log("not handed over: nobody took over within %s", waited)
	default:
		// Somebody must serve: a demotion without a successor does not happen.
		m.cancelDemotion()
		m.log("demotion cancelled: nobody took over within %s", waited)
	}
}

// stay makes a master that has said good-bye one again.
func (m *machine) stay() {
	m.s.leaving, m.s.leave = ByStart, time.Time{}
	m.advertise(m.effective())
}

// cancelDemotion ends a demotion that was not complete.
func (m *machine) cancelDemotion() {
	m.reprioritize(func() { m.s.Demoted = false })
	m.stay()
}

// demote hands over, and stays up as BACKUP.
func (m *machine) demote() {
	s := m.s
	if s.Role == Stopped || s.leaving == ByStop || s.leaving == ByDemote {
		return
	}
	m.reprioritize(func() { s.Demoted = true })
	if s.Role != Master || s.leaving == ByResign {
		return
	}
	if s.leaving == ByHandover {
		s.leaving = ByDemote
		return
	}
	if m.c.Handover > 0 {
		m.beginLeaving(ByDemote, m.c.Handover)
		return
	}
	m.leaveMaster(true)
	m.waitDown(m.c.MasterDown(s), ByTimeout)
	m.become(Backup, because(ByDemote, "demoted by the operator"))
}

// promote undoes a demotion. It does not start a fight that is lost beforehand.
func (m *machine) promote() {
	s := m.s
	if s.Leaving() && s.leaving == ByDemote {
		m.cancelDemotion()
		m.log("demotion cancelled by the operator")
		return
	}
	m.reprioritize(func() { s.Demoted = false })
	if s.Role != Backup || m.now.Before(s.ready) {
		return
	}
	switch {
	case s.Resigned || s.GroupResigned:
		m.log("not promoted: our own web side does not serve (%s)", s.ResignedText)
	case !s.Heard.IsZero() && m.compare(s.MasterPriority, s.Master) > 0:
		m.log("not promoted: %v is master with priority %d, ours is %d; demote it there", s.Master, s.MasterPriority, m.effective())
	case s.asked && s.downBy == ByPromote:
		// Its answer is waited for.
	case m.ask(ByPromote):
		s.Wants = true
	case !m.mayLead:
		s.Wants = true
	default:
		m.becomeMaster(because(ByPromote, "promoted by the operator"))
	}
}

// handOver gives way to a node that would win anyway and has asked for it: better now, in an orderly way, than at its
// claim.
func (m *machine) handOver() {
	if m.s.Role == Master && !m.s.Leaving() && m.c.Handover > 0 {
		m.beginLeaving(ByHandover, m.c.Handover)
	}
}

// takeOver relieves a master that has asked for it.
func (m *machine) takeOver(e TakeOver) {
	s := m.s
	if s.Role != Backup || m.now.Before(s.ready) {
		return
	}
	if s.Master != e.Source || s.Heard.Before(s.Since) {
		return // not the master that is heard
	}
	if m.low() {
		m.log("not taking over from %v: our own priority is %d", e.Source, m.effective())
		return
	}
	s.Wants = true
	if m.mayLead {
		m.becomeMaster(because(ByHandover, "%v has handed over", e.Source))
	}
}

// ask asks the master for a handover, once, if it can be asked. It is then waited for, and the claim comes only when
// nothing happens.
func (m *machine) ask(by Code) (asked bool) {
	s := m.s
	if m.c.AskHandover <= 0 || s.asked || !s.Master.IsValid() || s.linked != s.Master {
		return false
	}
	s.asked = true
	m.do(Action{Kind: AskHandover})
	m.waitDown(m.c.AskHandover, by)
	return true
}

// setLinked notes who can be asked. Without the link there is nothing to wait for.
func (m *machine) setLinked(e Linked) {
	s := m.s
	switch {
	case e.On:
		s.linked = e.Source
	case s.linked == e.Source:
		s.linked = netip.Addr{}
		if s.asked && s.Role == Backup && (s.downBy == ByPreemption || s.downBy == ByPromote) {
			m.waitDown(0, s.downBy)
		}
	}
}

// resign lets go of addresses that cannot be served, if anybody can serve them better.
func (m *machine) resign(e Resign) {
	if s := m.s; e.Alone && s.Role == Master && !s.Leaving() && !s.Resigned {
		m.reprioritize(func() { s.Resigned, s.ResignedText = true, e.Text })
		s.offer = m.now.Add(offerEvery)
		m.log("stays master although it does not serve (%s): no other node is known that does", e.Text)
		return
	}
	m.resigned(func() { m.s.Resigned, m.s.ResignedText = true, e.Text }, because(ByResign, "resigned: %s", e.Text))
}

func (m *machine) resigned(change func(), why Reason) {
	s := m.s
	if s.Resigned || s.GroupResigned {
		change()
		return
	}
	m.reprioritize(change)
	if s.Role != Master {
		return
	}
	switch {
	case s.Leaving():
		m.finishLeaving(why)
	case m.c.Handover > 0:
		// Somebody with an error page is better than nobody.
		m.log("%s; another node has %s to take over, else the addresses stay", why.Text, seconds(DefaultHandover(m.c.Version, m.c.Interval)))
		m.offer()
	default:
		m.leaveMaster(true)
		m.waitDown(m.c.MasterDown(s), ByTimeout)
		m.become(Backup, why)
	}
}

// faultSet adds a cause of fault; the first one takes the instance out.
func (m *machine) faultSet(c Cause) {
	s := m.s
	set, added := causes(s.Faults).with(c)
	s.Faults = set
	if !added || c.Kind.Pending() {
		return
	}
	why := because(ByFault, "%s", c)
	switch s.Role {
	case Init:
		if s.started {
			m.become(Fault, why)
		}
	case Backup:
		s.Wants, s.down = false, time.Time{}
		m.become(Fault, why)
	case Master:
		if s.Leaving() {
			m.finishLeaving(why)
			if s.Role == Stopped {
				return
			}
			s.down = time.Time{}
		} else {
			m.leaveMaster(true)
		}
		m.become(Fault, why)
	}
}

// faultCleared takes a cause away; the last one brings the instance back as BACKUP, with the whole master-down time.
func (m *machine) faultCleared(e FaultCleared) {
	s := m.s
	set, removed := causes(s.Faults).without(e.Kind, e.Name)
	s.Faults = set
	if !removed || len(set) > 0 || !s.started {
		return
	}
	switch s.Role {
	case Init:
		m.leaveInit()
	case Fault:
		s.MasterInterval = m.c.Interval
		s.preempt = time.Time{}
		m.waitDown(m.c.MasterDown(s), ByTimeout)
		m.become(Backup, because(ByRecovery, "fault cleared: %s", Cause(e)))
	}
}
