package fsm

import (
	"fmt"
	"slices"
	"time"
)

// Group is a sync group: instances that are master together or not at all.
type Group struct {
	Name string
	// Members are indexes of the Router's instances. An instance is in one group at most.
	Members []int
}

// Effect is an action of one instance, or the change of role of a whole sync group.
type Effect struct {
	// Instance is the index of the instance; -1 for a group.
	Instance int
	// Group is the index of the group; -1 for an instance's own action.
	Group  int
	Action Action
}

// Router holds the instances of one process: a VRRP Router in the sense of RFC 9568, 1.7, which may be part of several
// Virtual Routers. It keeps the members of each sync group in the same role.
type Router struct {
	configs []*Config
	states  []State
	groups  []Group
	roles   []Role // of the groups
	groupOf []int  // -1: none

	acts    []Action
	effects []Effect
}

// NewRouter returns a router of instances that were not started yet.
func NewRouter(configs []*Config, groups []Group, now time.Time) *Router {
	states := make([]State, len(configs))
	for i, c := range configs {
		states[i] = NewState(c, now)
	}
	return RestoreRouter(configs, states, groups)
}

// RestoreRouter returns a router whose instances go on from given states: those of matched instances after a reload.
func RestoreRouter(configs []*Config, states []State, groups []Group) *Router {
	r := &Router{configs: configs, states: states, groups: groups,
		roles: make([]Role, len(groups)), groupOf: make([]int, len(configs))}
	for i := range r.groupOf {
		r.groupOf[i] = -1
	}
	for g, group := range groups {
		for _, i := range group.Members {
			if r.groupOf[i] >= 0 {
				panic(fmt.Sprintf("fsm: instance %s is in two sync groups", configs[i].Name))
			}
			r.groupOf[i] = g
		}
		r.roles[g] = r.groupRole(g)
	}
	return r
}

// Len is the number of instances.
func (r *Router) Len() int { return len(r.states) }

// Config returns the configuration of an instance.
func (r *Router) Config(i int) *Config { return r.configs[i] }

// State returns the state of an instance. It is to be read only, and changes with the next step.
func (r *Router) State(i int) *State { return &r.states[i] }

// GroupRole is the role of a sync group: that of its members.
func (r *Router) GroupRole(g int) Role { return r.roles[g] }

// Deadline returns the earliest deadline of all instances.
func (r *Router) Deadline() (at time.Time, ok bool) {
	for i := range r.states {
		if t, _, has := r.states[i].Deadline(); has && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	return at, ok
}

// Tick steps every instance whose deadline has come. The returned slice is valid until the next call.
func (r *Router) Tick(now time.Time) []Effect {
	r.effects = r.effects[:0]
	for i := range r.states {
		if t, _, ok := r.states[i].Deadline(); ok && !t.After(now) {
			r.deliver(i, Timer{}, now)
		}
	}
	return r.effects
}

// Step carries instance i through an event, and the other members of its sync group through what follows from it. The
// returned slice is valid until the next call.
func (r *Router) Step(i int, ev Event, now time.Time) []Effect {
	r.effects = r.effects[:0]
	switch ev.(type) {
	case Demote, Promote, PeerGone, HandOver, TakeOver:
		// These are about the node, not about one link of it.
		for _, k := range r.members(i) {
			r.deliver(k, ev, now)
		}
	default:
		r.deliver(i, ev, now)
	}
	return r.effects
}

// Remove ends an instance that a reload has no place for. Its sync group goes on without it, in the role that the others
// have: they are told nothing. The returned slice is valid until the next call.
func (r *Router) Remove(i int, now time.Time) []Effect {
	r.effects = r.effects[:0]
	if g := r.groupOf[i]; g >= 0 {
		r.groups[g].Members = slices.DeleteFunc(slices.Clone(r.groups[g].Members), func(k int) bool { return k == i })
		r.groupOf[i] = -1
	}
	r.stepOne(i, Stop{Now: true}, now)
	return r.effects
}

// members returns the members of i's group, or i alone.
func (r *Router) members(i int) []int {
	if g := r.groupOf[i]; g >= 0 {
		return r.groups[g].Members
	}
	return []int{i}
}

// deliver steps one instance and lets its group follow.
func (r *Router) deliver(i int, ev Event, now time.Time) {
	before := r.states[i]
	r.stepOne(i, ev, now)
	if r.groupOf[i] < 0 {
		return
	}
	r.follow(i, &before, now)
	r.settleJoining(r.groupOf[i])
	r.updateGroup(r.groupOf[i], i)
}

// settleJoining ends the time in which members are on their way to the role of their group: they have got there, or the
// group is no longer master and they compete as all the others do.
func (r *Router) settleJoining(g int) {
	led := r.led(g)
	for _, i := range r.groups[g].Members {
		if s := &r.states[i]; s.joining && (!led || s.Role == Master) {
			s.joining = false
		}
	}
}

// led says whether the sync group is master, apart from members that are on their way there.
func (r *Router) led(g int) bool {
	return slices.ContainsFunc(r.groups[g].Members, func(i int) bool {
		s := &r.states[i]
		return s.Role == Master && !s.joining
	})
}

// stepOne steps one instance without its group.
func (r *Router) stepOne(i int, ev Event, now time.Time) {
	r.states[i], r.acts = step(r.configs[i], r.states[i], ev, now, r.mayLead(i), r.acts[:0])
	for _, a := range r.acts {
		r.effects = append(r.effects, Effect{Instance: i, Group: -1, Action: a})
	}
}

// mayLead says whether the group lets a member become master: it is master already, or all others want it too.
func (r *Router) mayLead(i int) bool {
	g := r.groupOf[i]
	if g < 0 {
		return true
	}
	wanted := true
	for _, k := range r.groups[g].Members {
		s := &r.states[k]
		switch {
		case k == i:
		case s.Role == Master && !s.Leaving():
			return true
		case s.Role != Backup || !s.Wants:
			wanted = false
		}
	}
	return wanted
}

// follow makes the other members do what a member's step asks of them.
func (r *Router) follow(i int, before *State, now time.Time) {
	s, name := &r.states[i], r.configs[i].Name
	others := func(ev Event) {
		for _, k := range r.groups[r.groupOf[i]].Members {
			if k != i {
				r.stepOne(k, ev, now)
			}
		}
	}
	switch {
	case s.Role == Master && before.Role != Master:
		others(groupMaster{by: name})
	case before.Role == Master && (s.Role == Backup || s.Role == Fault):
		// The peers of the other members have heard nothing yet; they must know at once, unless a higher priority
		// was heard: then they are masters already, all of them together.
		lost := s.Why.Code == ByAddressLost
		others(groupBackup{by: name, zero: lost || s.Why.Code == ByResign || s.Why.Code == ByFault || s.Why.Code == ByDemote || s.Why.Code == ByHandover, quick: lost})
	}
	if s.Resigned != before.Resigned {
		r.mirrorResigned(i, now)
	}
	r.mirrorCauses(i, now)
}

// mirrorResigned gives the other members the low priority as long as any member has resigned by itself.
func (r *Router) mirrorResigned(i int, now time.Time) {
	members := r.groups[r.groupOf[i]].Members
	for _, k := range members {
		on, by := false, r.configs[i].Name
		for _, other := range members {
			if other != k && r.states[other].Resigned {
				on, by = true, r.configs[other].Name
			}
		}
		if on != r.states[k].GroupResigned {
			r.stepOne(k, groupResigned{by: by, on: on}, now)
		}
	}
}

// mirrorCauses gives the causes of a member to the others, as one cause that names it.
func (r *Router) mirrorCauses(i int, now time.Time) {
	own := causes(r.states[i].Faults).own()
	name := r.configs[i].Name
	for _, k := range r.groups[r.groupOf[i]].Members {
		if k == i {
			continue
		}
		r.mirrorCause(k, Cause{Kind: FaultGroup, Name: name, Text: own.String()}, own.faulty(), now)
		r.mirrorCause(k, Cause{Kind: PendingGroup, Name: name, Text: own.String()}, len(own) > 0 && !own.faulty(), now)
	}
}

func (r *Router) mirrorCause(k int, c Cause, want bool, now time.Time) {
	has := causes(r.states[k].Faults).find(c.Kind, c.Name) >= 0
	switch {
	case want && !has:
		r.stepOne(k, FaultSet{Cause: c}, now)
	case !want && has:
		r.stepOne(k, FaultCleared{Kind: c.Kind, Name: c.Name}, now)
	}
}

// groupRole is what all members are, or what the least of them is while they are on their way. One that was added to a
// group that is master does not count before it is master too, unless it is faulty.
func (r *Router) groupRole(g int) Role {
	count := map[Role]int{}
	for _, i := range r.groups[g].Members {
		if s := &r.states[i]; !s.joining || s.Role == Fault {
			count[s.Role]++
		}
	}
	for _, role := range [...]Role{Fault, Init, Stopped, Backup} {
		if count[role] > 0 {
			return role
		}
	}
	return Master
}

// updateGroup tells a change of the group's role.
func (r *Router) updateGroup(g, by int) {
	role := r.groupRole(g)
	if role == r.roles[g] {
		return
	}
	why := r.states[by].Why
	r.effects = append(r.effects, Effect{Instance: -1, Group: g,
		Action: Action{Kind: Notify, From: r.roles[g], To: role, Reason: because(why.Code, "%s: %s", r.configs[by].Name, why.Text)}})
	r.roles[g] = role
}

// Regroup makes the states fit the sync groups after the groups were changed by a reload: what members took over from
// groups that they have left is undone. A new instance in a group that is master follows it there as soon as nobody else
// claims its addresses, while the others go on; a group that would be split otherwise begins anew as BACKUP. The returned
// slice is valid until the next call.
func (r *Router) Regroup(now time.Time) []Effect {
	r.effects = r.effects[:0]
	for i := range r.states {
		for _, c := range r.states[i].Faults {
			if (c.Kind == FaultGroup || c.Kind == PendingGroup) && !r.together(i, c.Name) {
				r.stepOne(i, FaultCleared{Kind: c.Kind, Name: c.Name, Text: "not in the sync group any more"}, now)
			}
		}
		if r.groupOf[i] < 0 {
			r.states[i].joining = false
			if r.states[i].GroupResigned {
				r.stepOne(i, groupResigned{on: false}, now)
			}
		}
	}
	for g, group := range r.groups {
		r.join(g)
		for _, i := range group.Members {
			r.mirrorResigned(i, now)
			r.mirrorCauses(i, now)
		}
		if r.groupRole(g) != Master {
			for _, i := range group.Members {
				r.stepOne(i, groupBackup{by: group.Name, zero: true, quick: true}, now)
			}
		}
		r.settleJoining(g)
		r.updateGroup(g, group.Members[0])
	}
	return r.effects
}

// join notes which members are on their way to be master, because the rest of their group is.
func (r *Router) join(g int) {
	led := r.led(g)
	for _, i := range r.groups[g].Members {
		s := &r.states[i]
		s.joining = led && (s.Role == Init || s.joining && s.Role == Backup)
	}
	if led {
		r.roles[g] = r.groupRole(g)
	}
}

// together says whether i is in a sync group with the instance of that name.
func (r *Router) together(i int, name string) bool {
	for _, k := range r.members(i) {
		if k != i && r.configs[k].Name == name {
			return true
		}
	}
	return false
}
