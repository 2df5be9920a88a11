package fsm

// groupMaster follows the member of the sync group that became master: all wanted it.
func (m *machine) groupMaster(e groupMaster) {
	if m.s.Role == Backup || m.s.Role == Init && len(m.s.Faults) == 0 {
		m.s.started = true
		m.becomeMaster(because(ByGroup, "sync group: %s is master", e.by))
	}
}

// groupBackup follows the member that is no longer master.
func (m *machine) groupBackup(e groupBackup) {
	s := m.s
	if s.Role != Master {
		return
	}
	why := because(ByGroup, "sync group: %s is not master", e.by)
	if s.Leaving() {
		m.finishLeaving(why)
		return
	}
	m.leaveMaster(e.zero)
	if e.quick {
		m.waitDown(m.c.SkewTime(s), ByTimeout)
	} else {
		m.waitDown(m.c.MasterDown(s), ByTimeout)
	}
	m.become(Backup, why)
}

// groupResigned makes the priority low as long as another member's is for that reason.
func (m *machine) groupResigned(e groupResigned) {
	if !e.on {
		m.reprioritize(func() { m.s.GroupResigned = false })
		return
	}
	m.resigned(func() { m.s.GroupResigned = true }, because(ByGroup, "sync group: %s has resigned", e.by))
}
