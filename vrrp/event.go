package vrrp

import (
	"fmt"
	"net/netip"
	"time"

	"tandem/vrrp/fsm"
	"tandem/vrrp/packet"
)

// Event is something that the router tells its subscribers.
type Event interface {
	// String is the event as a line for the log, without time and level.
	String() string
	// Level is how grave it is, for the log.
	Level() Level
}

// Level is the weight of an event.
type Level uint8

// The levels.
const (
	LevelInfo   Level = iota // what happens all the time
	LevelNotice              // changes of role
	LevelWarn                // somebody should look
	LevelError               // something could not be done
)

// Transition is a change of an instance's role.
type Transition struct {
	Instance string
	From, To fsm.Role
	// Priority is the effective priority.
	Priority uint8
	// Source is where the instance sends its adverts from; invalid if there is no such address.
	Source netip.Addr
	Reason fsm.Reason
	At     time.Time
	// Deleted: the instance is no longer in the configuration.
	Deleted bool
}

// GroupTransition is a change of a sync group's role.
type GroupTransition struct {
	Group    string
	From, To fsm.Role
	Reason   fsm.Reason
	At       time.Time
}

// PriorityChange is a change of an instance's effective priority.
type PriorityChange struct {
	Instance string
	Role     fsm.Role
	Priority uint8
	At       time.Time
}

// LowerHeard is an advert of lower priority heard by a master (notify_master_rx_lower_pri).
type LowerHeard struct {
	Instance string
	Priority uint8 // ours
	Reason   fsm.Reason
	At       time.Time
}

// Heard is a change of the master that a backup hears, or its first advert.
type Heard struct {
	Instance string
	Advert   packet.Advert
	At       time.Time
}

// SourceChange tells where an instance speaks from: at its start, after a reload, and when that changes.
type SourceChange struct {
	Instance  string
	Interface string     // that has the address; "" if the configuration names none
	Source    netip.Addr // invalid: it has no address
	At        time.Time
}

// HandoverWanted asks whoever keeps the peer link to ask the master for a handover.
type HandoverWanted struct {
	Instance string
	Master   netip.Addr
	At       time.Time
}

// Dropped is a received packet that failed a check. Only the first one of each check since the last change of role is
// told; all are counted.
type Dropped struct {
	Instance string
	Drop     *packet.Drop
	At       time.Time
}

// Differs is a peer's advert that was accepted although its settings are not ours. Told as Dropped is.
type Differs struct {
	Instance string
	Advert   packet.Advert
	Text     string
	At       time.Time
}

// Unheard says that a master's interface receives adverts that do not get to the process: a firewall drops them.
type Unheard struct {
	Instance string
	// Interface is where they arrive from Source, carried by the IP protocol: 112, or 51 with AH.
	Interface string
	Source    netip.Addr
	Protocol  int
	At        time.Time
}

// Report is anything else worth a line.
type Report struct {
	Instance string // "": the whole router
	Text     string
	Err      error // not nil: something could not be done
	Quiet    bool  // of interest only to who looks for it
	At       time.Time
}

// String returns "(VI_1) MASTER: priority 0 heard from 192.0.2.1".
func (e Transition) String() string {
	if e.Deleted {
		return fmt.Sprintf("(%s) DELETED: no longer configured", e.Instance)
	}
	return fmt.Sprintf("(%s) entering %v, priority %d: %s", e.Instance, e.To, e.Priority, e.Reason)
}

func (e GroupTransition) String() string {
	return fmt.Sprintf("sync group %s: entering %v: %s", e.Group, e.To, e.Reason)
}

func (e PriorityChange) String() string {
	return fmt.Sprintf("(%s) effective priority is %d now", e.Instance, e.Priority)
}

func (e LowerHeard) String() string { return fmt.Sprintf("(%s) %s", e.Instance, e.Reason) }

func (e Heard) String() string {
	return fmt.Sprintf("(%s) master is %v, priority %d", e.Instance, e.Advert.Source, e.Advert.Priority)
}

func (e SourceChange) String() string {
	if !e.Source.IsValid() {
		return fmt.Sprintf("(%s) has no address to speak from", e.Instance)
	}
	return fmt.Sprintf("(%s) speaks from %v", e.Instance, e.Source)
}

func (e HandoverWanted) String() string {
	return fmt.Sprintf("(%s) asking %v to hand over", e.Instance, e.Master)
}

func (e Dropped) String() string {
	return fmt.Sprintf("(%s) packet dropped, from %v", e.Instance, e.Drop)
}

func (e Differs) String() string {
	return fmt.Sprintf("(%s) %v: %s", e.Instance, e.Advert.Source, e.Text)
}

func (e Unheard) String() string {
	command := "iptables"
	if e.Source.Is6() {
		command = "ip6tables"
	}
	return fmt.Sprintf("(%s) adverts from %v arrive on %s and a firewall drops them, so that both nodes are master. "+
		"Let them in, in the chain that drops them: nft insert rule inet filter input iifname %q meta l4proto %d accept, or %s -I INPUT -i %s -p %d -j ACCEPT",
		e.Instance, e.Source, e.Interface, e.Interface, e.Protocol, command, e.Interface, e.Protocol)
}

func (e Report) String() string {
	text := e.Text
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Instance == "" {
		return text
	}
	return fmt.Sprintf("(%s) %s", e.Instance, text)
}

// Level implements Event.
func (Transition) Level() Level      { return LevelNotice }
func (GroupTransition) Level() Level { return LevelNotice }
func (PriorityChange) Level() Level  { return LevelNotice }
func (LowerHeard) Level() Level      { return LevelNotice }
func (Heard) Level() Level           { return LevelInfo }
func (SourceChange) Level() Level    { return LevelInfo }
func (HandoverWanted) Level() Level  { return LevelNotice }
func (Dropped) Level() Level         { return LevelWarn }
func (Differs) Level() Level         { return LevelWarn }
func (Unheard) Level() Level         { return LevelWarn }
func (e Report) Level() Level {
	switch {
	case e.Err != nil:
		return LevelError
	case e.Quiet:
		return LevelInfo
	}
	return LevelNotice
}
