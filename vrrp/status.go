package vrrp

import (
	"context"
	"net/netip"
	"sort"
	"time"

	"tandem/vrrp/fsm"
	"tandem/vrrp/netif"
	"tandem/vrrp/packet"
)

// Status is the state of a router at one moment.
type Status struct {
	At        time.Time
	Instances []InstanceStatus
	Groups    []GroupStatus
	// Late counts how late the loop's timers were, by upper bound; Worst is the latest.
	Late  []LateCount
	Worst time.Duration
}

// LateCount is how many timers were late by at most Bound, and by more than the bound before. A Bound of 0 is the
// last one, without an end.
type LateCount struct {
	Bound time.Duration
	Count uint64
}

// GroupStatus is the state of a sync group.
type GroupStatus struct {
	Name    string
	Role    fsm.Role
	Members []string
}

// InstanceStatus is the state of an instance.
type InstanceStatus struct {
	Name      string
	VRID      uint8
	Version   packet.Version
	Interface string
	Source    netip.Addr

	Role   fsm.Role
	Since  time.Time
	Reason fsm.Reason
	// Leaving: a master that has said good-bye and waits for its successor.
	Leaving bool
	// Faults are the causes that keep it out.
	Faults []fsm.Cause

	// Priority is the effective priority, Base the configured one, Parts what trackers add to it (0 if weights do
	// not count in the sync group).
	Priority, Base uint8
	Parts          []Tracker
	Resigned       string // why; "": it has not
	Demoted        bool
	Health         Health

	// Master is the sender of the last advert heard, the zero Addr if there was none; MasterSince is since when it is
	// the one that is heard, MasterPriority what it said, Heard when, MasterInterval the interval that the master-down
	// time is reckoned with, MasterDown that time.
	Master         netip.Addr
	MasterSince    time.Time
	MasterPriority uint8
	Heard          time.Time
	MasterInterval time.Duration
	MasterDown     time.Duration

	// Rival is another node that claims to be master too; nil: none that is known.
	Rival *Rival

	// Addresses are what the instance holds now, with their Lease.
	Addresses []netif.Address
	Lease     netif.Lease

	// Next is what happens next without any event, and NextAt when. Empty: nothing.
	Next   string
	NextAt time.Time

	Counters Counters
}

// Counters count since the instance began.
type Counters struct {
	Sent, SentZero         uint64 // adverts; those of priority 0
	Received, ReceivedZero uint64 // accepted adverts; those of priority 0
	SendErrors             uint64 // adverts that did not go to all destinations
	BecameMaster           uint64
	ReleasedMaster         uint64
	Overruns               uint64            // packets not looked at because too many came at once
	Dropped                map[string]uint64 // received packets by the check they failed; without zeros
}

// Status returns the state of everything. The error is ErrStopped, or ctx's if the loop does not answer.
func (r *Router) Status(ctx context.Context) (Status, error) {
	var s Status
	err := r.call(ctx, func() { s = r.status(time.Now()) })
	if err != nil {
		return Status{}, err
	}
	return s, nil
}

func (r *Router) status(now time.Time) Status {
	s := Status{At: now, Worst: r.late.worst}
	for i, n := range r.late.buckets {
		c := LateCount{Count: n}
		if i < len(latenessBounds) {
			c.Bound = latenessBounds[i]
		}
		s.Late = append(s.Late, c)
	}
	for i := range r.instances {
		s.Instances = append(s.Instances, r.instanceStatus(i, now))
	}
	for g, group := range r.config.Groups {
		s.Groups = append(s.Groups, GroupStatus{Name: group.Name, Role: r.machine.GroupRole(g), Members: group.Members})
	}
	return s
}

func (r *Router) instanceStatus(i int, now time.Time) InstanceStatus {
	in, st, c := r.instances[i], r.machine.State(i), r.machine.Config(i)
	s := InstanceStatus{
		Name: c.Name, VRID: c.VRID, Version: c.Version, Interface: in.config.Interface, Source: c.Source,
		Role: st.Role, Since: st.Since, Reason: st.Why, Leaving: st.Leaving(), Faults: st.Faults,
		Priority: c.Effective(st), Base: c.Priority, Demoted: st.Demoted, Health: in.health,
		Master: st.Master, MasterPriority: st.MasterPriority, Heard: st.Heard, MasterInterval: st.MasterInterval,
		MasterSince: in.masterSince, MasterDown: c.MasterDown(st),
		Addresses: append([]netif.Address(nil), in.desired...), Lease: in.config.Lease,
		Counters: in.counters.public(),
	}
	s.Counters.Overruns = in.overruns.Load()
	if st.Resigned {
		s.Resigned = st.ResignedText
	}
	for _, t := range in.trackers {
		if !in.weights {
			t.Weight = 0
		}
		s.Parts = append(s.Parts, t)
	}
	sort.Slice(s.Parts, func(a, b int) bool {
		if s.Parts[a].Kind != s.Parts[b].Kind {
			return s.Parts[a].Kind < s.Parts[b].Kind
		}
		return s.Parts[a].Name < s.Parts[b].Name
	})
	s.Rival = r.currentRival(in, st.Role, now)
	if at, what, ok := st.Deadline(); ok {
		s.Next, s.NextAt = what, at
	}
	return s
}

func (c *counters) public() Counters {
	p := Counters{Sent: c.sent, SentZero: c.sentZero, Received: c.received, ReceivedZero: c.receivedZero,
		SendErrors: c.sendErrors, BecameMaster: c.becameMaster, ReleasedMaster: c.releasedMaster, Dropped: map[string]uint64{}}
	for check, n := range c.dropped {
		if n > 0 {
			p.Dropped[packet.Check(check).String()] = n
		}
	}
	return p
}
