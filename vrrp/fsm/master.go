package fsm

import (
	"time"

	"tandem/vrrp/packet"
)

// versionWithFixedInterval: VRRPv2 drops adverts of another interval, so there is none to learn.
const versionWithFixedInterval = packet.V2

// becomeMaster claims the addresses. The advert goes first: the old master drops the addresses when it hears it,
// and must have done so before our announcements.
func (m *machine) becomeMaster(why Reason) {
	s := m.s
	if m.c.owner() && s.Yielded {
		m.log("the other owner of the addresses has disappeared: our priority is %d again", m.c.Priority)
		s.Yielded = false
	}
	s.Wants = true
	s.MasterInterval = m.c.Interval
	s.preempt, s.down, s.leave, s.leaving = time.Time{}, time.Time{}, time.Time{}, ByStart
	s.rogueAdverts, s.rogueUntil, s.asked = 0, time.Time{}, false
	m.advertise(m.effective())
	m.addAll()

	g := m.c.Announcements
	m.announce(g.Repeat)
	s.lowerBurst = time.Time{}
	s.burst = after(m.now, g.Delay)
	s.refresh = time.Time{}
	if g.Refresh > 0 {
		s.refresh = m.now.Add(g.Delay + g.Refresh)
	}
	s.extra = time.Time{}
	if g.Extra > 0 {
		s.extra = m.now.Add(g.Delay + g.Extra)
	}
	s.contest, s.contestUntil = time.Time{}, time.Time{}
	if g.Contested > 0 && (why.Code == ByTimeout || why.Code == ByPeerGone) {
		s.contest, s.contestUntil = m.now.Add(contestInterval), m.now.Add(g.Contested)
	}
	s.echoed = after(m.now, g.Echoed)
	s.offer = time.Time{}
	if m.low() {
		s.offer = m.now.Add(offerEvery)
	}
	m.become(Master, why)
}

// contestInterval is the time between announcements while another node may still answer for the addresses.
const contestInterval = time.Second

func (m *machine) addAll() {
	if m.c.NoAccept {
		m.kinds(Filter)
	}
	m.kinds(AddAddresses, AddExcluded, AddRoutes, AddRules)
}

func (m *machine) announce(repeat int) {
	if repeat > 0 {
		m.do(Action{Kind: Announce, Repeat: repeat})
	}
}

// announceDue sends the announcements whose time has come.
func (m *machine) announceDue(due func(time.Time) bool) {
	s, g := m.s, m.c.Announcements
	if due(s.burst) {
		s.burst = time.Time{}
		m.announce(g.Repeat)
	}
	if due(s.lowerBurst) {
		s.lowerBurst = time.Time{}
		m.announce(g.LowerRepeat)
	}
	if due(s.refresh) {
		s.refresh = after(m.now, g.Refresh)
		m.announce(g.RefreshRepeat)
	}
	if due(s.extra) {
		s.extra = after(m.now, g.Extra)
		m.do(Action{Kind: Announce, Repeat: 1, Extra: true})
	}
	if due(s.echoed) {
		s.echoed = time.Time{}
		m.announce(1)
	}
	if due(s.contest) {
		m.announce(1)
		if s.contest = m.now.Add(contestInterval); s.contest.After(s.contestUntil) {
			s.contest = time.Time{}
		}
	}
}

// masterHears is RFC 9568, 6.4.3, for a received advert.
func (m *machine) masterHears(a Advert) {
	s := m.s
	if a.Priority == 0 {
		// "If the Priority in the ADVERTISEMENT is 0, then: Send an ADVERTISEMENT; Reset the Adver_Timer".
		m.reply()
		return
	}
	order := m.compare(a.Priority, a.Source)
	if order > 0 && m.c.HigherSendsAdvert {
		m.advertise(m.effective())
	}
	if m.otherOwner(a, order) {
		order = 1
	}
	switch {
	case order > 0:
		// "If the Priority in the ADVERTISEMENT is greater than the local Priority or the Priority in the ADVERTISEMENT
		// is equal to the local Priority and the primary IPvX address of the sender is greater than the local primary
		// IPvX address [...], then: Cancel Adver_Timer; [...] Transition to the {Backup} state".
		m.yield(a)
	case order < 0:
		// "Discard the ADVERTISEMENT; Send an ADVERTISEMENT immediately to assert the {Active} state to the sending VRRP
		// Router and to update any learning bridges with the correct Active VRRP Router path."
		m.heardLower(a)
	default:
		m.log("priority %d heard from %v, which is our own address: another node has it too", a.Priority, a.Source)
	}
	s.Master, s.MasterPriority, s.Heard = a.Source, a.Priority, m.now
}

// heardLower asserts our role against a master of lower priority: with an advert for it, and with announcements for
// the switches, which may have learned the addresses at its port.
func (m *machine) heardLower(a Advert) {
	if m.c.LowerNoAdvert {
		if m.s.answer.Add(m.answerGap()).After(m.now) {
			return
		}
		m.s.answer = m.now
	} else if !m.reply() {
		return
	}
	m.assert()
	m.do(Action{Kind: NotifyLower, Reason: because(ByReport, "lower priority %d heard from %v, ours %d", a.Priority, a.Source, m.effective())})
}

// answersPerInterval is how many adverts of others are answered in the time between two adverts of our own. One answer
// tells everybody, and who sends a thousand adverts must not make us send a thousand.
const answersPerInterval = 10

func (m *machine) answerGap() time.Duration { return m.c.Interval / answersPerInterval }

// reply answers an advert with one of ours: at once, or if another one was answered just now, a little later, together
// with all that come until then. It reports whether it was at once.
func (m *machine) reply() (atOnce bool) {
	s := m.s
	if at := s.answer.Add(m.answerGap()); at.After(m.now) {
		if at.Before(s.adver) {
			s.adver, s.answer = at, at
		}
		return false
	}
	s.answer = m.now
	m.advertise(m.effective())
	return true
}

// assert announces the addresses again.
func (m *machine) assert() {
	g := m.c.Announcements
	if g.LowerRepeat > 0 {
		m.announce(g.LowerRepeat)
		m.s.lowerBurst = after(m.now, g.LowerDelay)
	}
}

// yield becomes BACKUP of the master that was heard. There is no advert with priority 0: it would only start an
// election that has been decided.
func (m *machine) yield(a Advert) {
	own := m.effective()
	why := because(ByHigher, "higher priority %d heard from %v, ours %d", a.Priority, a.Source, own)
	if a.Priority == own {
		why = because(ByHigher, "equal priority %d heard from %v, a higher address than ours, %v", a.Priority, a.Source, m.c.Source)
	}
	m.leaveTo()
	m.heardMaster(a)
	m.become(Backup, why)
}

// otherOwner handles an advert of somebody else who also claims to own the addresses. The lower address yields. If the
// other one has the lower address and does not yield (it may not know the rule), we do, so that there is one master.
func (m *machine) otherOwner(a Advert, order int) (giveWay bool) {
	s := m.s
	if m.effective() != packet.PriorityOwner || a.Priority != packet.PriorityOwner || order == 0 {
		return false
	}
	if order > 0 {
		m.log("%v is configured as owner of the addresses (priority 255), and so are we: one of them is wrong", a.Source)
		return false
	}
	if !s.rogueUntil.IsZero() && m.now.Before(s.rogueUntil) {
		m.log("%v still claims to own the addresses: our priority is %d now", a.Source, packet.PriorityOwner-1)
		s.Yielded = true
		return true
	}
	s.rogueInterval = a.Interval
	if s.rogueAdverts == 0 {
		m.log("%v is configured as owner of the addresses (priority 255), and so are we: one of them is wrong", a.Source)
		s.rogueAdverts = 2
	}
	return false
}

// countRogue waits, after two adverts of ours, for a bit more than an interval whether the other owner is still
// heard.
func (m *machine) countRogue() {
	s := m.s
	if s.rogueAdverts == 0 {
		return
	}
	if s.rogueAdverts--; s.rogueAdverts == 0 {
		s.rogueUntil = m.now.Add(max(s.rogueInterval, m.c.Interval) * 12 / 10)
	}
}
