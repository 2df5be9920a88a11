package fsm

import (
	"net/netip"
	"time"

	"tandem/vrrp/packet"
)

// State is everything that an instance remembers. It is a value: copy it, compare it, keep it. The exported fields
// are for display; only Step changes them.
type State struct {
	Role Role
	// Since is when the role began, Why the reason for it.
	Since time.Time
	Why   Reason
	// Faults is what keeps the instance in INIT or FAULT.
	Faults []Cause

	// Weights is the sum of the trackers' weights.
	Weights int
	// Resigned: our own web side does not serve. Demoted: the operator asked. Either makes the effective priority
	// [PriorityLow]. GroupResigned: another member of the sync group has resigned.
	Resigned, Demoted, GroupResigned bool
	// ResignedText is why.
	ResignedText string
	// Yielded: an owner that gave way to another owner, and runs at 254.
	Yielded bool

	// Master is who was last heard as master, MasterPriority what it said, Heard when. The zero Addr: nobody yet.
	Master         netip.Addr
	MasterPriority uint8
	Heard          time.Time
	// MasterInterval is the interval that the master-down time is reckoned with: the master's with VRRPv3 (RFC 9568,
	// 6.1, Active_Adver_Interval), our own with VRRPv2.
	MasterInterval time.Duration

	// Wants says that the instance would be master if its sync group let it.
	Wants bool
	// joining: it was added to a sync group that is master, and is on its way to be master too.
	joining bool

	linked  netip.Addr // who can be asked to hand over
	asked   bool       // that the master was asked
	started bool
	ready   time.Time // end of the startup delay
	down    time.Time // BACKUP: when the master counts as gone
	downBy  Code      // what the expiry of down will mean
	sent    time.Time // MASTER: the last advert
	adver   time.Time // MASTER: the next advert
	answer  time.Time // MASTER: the last advert that answered one, or the next, if that is planned
	preempt time.Time // end of the preemption delay; zero: not running
	offer   time.Time // MASTER with the lowest priority: the next offer to let go
	leaving Code      // MASTER: ByStop, ByDemote, ByResign or ByHandover while a successor is awaited; else ByStart
	leave   time.Time // the bound on that

	burst        time.Time // MASTER: the second announcements
	lowerBurst   time.Time // the second announcements after a lower priority
	refresh      time.Time // the next refreshing announcements
	extra        time.Time // the next announcements on extra interfaces
	echoed       time.Time // the announcement behind what an old master may have answered
	contest      time.Time // the next announcement of a contested takeover
	contestUntil time.Time

	rogueAdverts  int       // adverts of ours until another owner must have yielded; 0: none heard
	rogueUntil    time.Time // until when an advert of the other owner means that it does not
	rogueInterval time.Duration
}

// NewState returns the state of an instance that was not started yet.
func NewState(c *Config, now time.Time) State {
	return State{Role: Init, Since: now, Wants: c.StartMaster, MasterInterval: c.Interval}
}

// Leaving says that the instance is a master that has said good-bye and keeps the addresses until its successor is
// heard.
func (s *State) Leaving() bool { return s.leaving != ByStart }

// Effective is the effective priority: the base priority and the weights, clamped to 1 to 254; always 255 for the
// owner; [PriorityLow] for an instance that has resigned or was demoted.
func (c *Config) Effective(s *State) uint8 {
	switch {
	case s.Resigned || s.GroupResigned || s.Demoted:
		return PriorityLow
	case c.owner() && s.Yielded:
		return packet.PriorityOwner - 1
	case c.owner():
		return packet.PriorityOwner
	}
	return uint8(min(max(int(c.Priority)+s.Weights, 1), packet.PriorityOwner-1))
}

// MasterDown is the time without an advert after which the master counts as gone.
func (c *Config) MasterDown(s *State) time.Duration {
	return c.downAdverts()*s.MasterInterval + c.skew(c.Effective(s), s.MasterInterval)
}

// SkewTime is the skew time of the effective priority.
func (c *Config) SkewTime(s *State) time.Duration { return c.skew(c.Effective(s), s.MasterInterval) }

// deadlines calls f with every time that the state waits for and what it is.
func (s *State) deadlines(f func(t time.Time, what string)) {
	switch s.Role {
	case Backup:
		f(s.down, "master down")
	case Master:
		if s.Leaving() {
			f(s.leave, "end of handover")
			return
		}
		f(s.adver, "advert")
		f(s.offer, "offer to hand over")
		f(s.burst, "second announcement")
		f(s.lowerBurst, "second announcement after a lower priority")
		f(s.refresh, "refreshing announcement")
		f(s.extra, "announcement on extra interfaces")
		f(s.echoed, "announcement after the old master's last")
		f(s.contest, "announcement after takeover")
	}
}

// Deadline returns when the state must be stepped with [Timer] at the latest, and what happens then. ok is false if
// it waits for nothing but events.
func (s *State) Deadline() (at time.Time, what string, ok bool) {
	s.deadlines(func(t time.Time, w string) {
		if !t.IsZero() && (!ok || t.Before(at)) {
			at, what, ok = t, w, true
		}
	})
	return at, what, ok
}
