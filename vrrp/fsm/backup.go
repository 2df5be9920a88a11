package fsm

import "time"

// backupHears is RFC 9568, 6.4.2, with keepalived's nopreempt and preempt_delay.
func (m *machine) backupHears(a Advert) {
	s := m.s
	if m.c.owner() && s.Yielded && (a.Source != s.Master || a.Priority != m.c.Priority) {
		m.log("%v no longer claims to own the addresses: our priority is %d again", s.Master, m.c.Priority)
		s.Yielded = false
	}
	if a.Priority == 0 {
		// "If the Priority in the ADVERTISEMENT is 0, then: Set the Active_Down_Timer to Skew_Time".
		if m.low() && s.Master == a.Source && s.MasterPriority == PriorityLow {
			// The offer of a node that is as bad as ours. Taking it would only move the addresses to and fro: it is
			// given the time to go on.
			if at := m.now.Add(DefaultHandover(m.c.Version, s.MasterInterval) + handoverGrace); at.After(s.down) {
				s.down, s.downBy = at, ByPriority0
			}
			return
		}
		s.Master, s.MasterPriority, s.Heard = a.Source, 0, m.now
		m.waitDown(m.c.SkewTime(s), ByPriority0)
		return
	}
	if !m.accepts(a) {
		// "else // preempt was true and priority was less than the local priority: Discard the ADVERTISEMENT": the timer
		// runs on.
		if s.downBy == ByPromote {
			s.Master, s.MasterPriority, s.Heard = a.Source, a.Priority, m.now
			return
		}
		if s.downBy != ByPreemption || s.Master != a.Source {
			m.log("priority %d heard from %v is lower than ours, %d: preempting when the master down timer expires", a.Priority, a.Source, m.effective())
		}
		s.Master, s.MasterPriority, s.Heard, s.downBy = a.Source, a.Priority, m.now, ByPreemption
		return
	}
	// "If Preempt_Mode is False, or if the Priority in the ADVERTISEMENT is greater than or equal to the local Priority,
	// then: Set the Active_Adver_Interval to the Max Advertise Interval contained in the ADVERTISEMENT; Recompute the
	// Skew_Time; Recompute the Active_Down_Interval; Set the Active_Down_Timer to Active_Down_Interval".
	m.heardMaster(a)
	if m.c.PreemptDelay > 0 {
		m.runPreemptDelay(a)
	}
	// A member that its sync group held back no longer wants to be master: there is one.
	s.Wants = false
}

// accepts says whether an advert is that of a master that we let be.
func (m *machine) accepts(a Advert) bool {
	if m.s.downBy == ByPromote && a.Priority < m.effective() {
		return false // the operator wants us to take over
	}
	if m.c.NoPreempt || a.Priority >= m.effective() {
		return true
	}
	return m.c.PreemptDelay > 0 && (m.s.preempt.IsZero() || m.now.Before(m.s.preempt))
}

// runPreemptDelay starts the delay at the first advert of lower priority, and stops it when a master is heard that
// needs no preempting.
func (m *machine) runPreemptDelay(a Advert) {
	s := m.s
	switch {
	case a.Priority >= m.effective():
		if !s.preempt.IsZero() {
			m.log("preempt delay stopped: priority %d heard from %v", a.Priority, a.Source)
			s.preempt = time.Time{}
		}
	case s.preempt.IsZero():
		m.log("preempt delay started: %s until %v (priority %d) is preempted", seconds(m.c.PreemptDelay), a.Source, a.Priority)
		s.preempt = m.now.Add(m.c.PreemptDelay)
	}
}

// heardMaster notes who is master and restarts the master-down timer.
func (m *machine) heardMaster(a Advert) {
	s := m.s
	if m.c.Version != versionWithFixedInterval {
		s.MasterInterval = a.Interval
	}
	s.Master, s.MasterPriority, s.Heard, s.asked = a.Source, a.Priority, m.now, false
	m.waitDown(m.c.MasterDown(s), ByTimeout)
}
