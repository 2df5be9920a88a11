package peerlink

import (
	"errors"
	"net/netip"
	"time"
)

// Step is a sentence of the conversation in which a master hands its addresses
// over.
type Step string

// The steps, in their order. Who receives one that it does not know ignores it.
const (
	// Ask: a backup that would win asks the master to hand over.
	Ask Step = "ask"
	// Refuse: it will not.
	Refuse Step = "refuse"
	// Prepare: the master asks a backup to take the addresses without telling
	// anybody.
	Prepare Step = "prepare"
	// Ready: it has them; Handover.Hardware says where.
	Ready Step = "ready"
	// Unable: it cannot; Handover.Text says why.
	Unable Step = "unable"
	// Take: the master has said good-bye; the backup is to become master now.
	Take Step = "take"
	// Cancel: the master has changed its mind.
	Cancel Step = "cancel"
)

// fromBackup says which side may say a step: a backup follows its master, so it is
// the one that has dialled.
func (s Step) fromBackup() bool { return s == Ask || s == Ready || s == Unable }

func (s Step) known() bool {
	switch s {
	case Ask, Refuse, Prepare, Ready, Unable, Take, Cancel:
		return true
	}
	return false
}

// answers returns the step that must have been said before by the other side;
// "" if any time is right.
func (s Step) answers() Step {
	switch s {
	case Refuse:
		return Ask
	case Ready, Unable:
		return Prepare
	}
	return ""
}

// Handover is one of these sentences.
type Handover struct {
	Step Step `json:"step"`
	// Bound: with Prepare, how many milliseconds it may take until Take.
	Bound int64 `json:"bound,omitempty"`
	// Hardware: with Ready, the hardware address behind which each virtual
	// address is.
	Hardware map[netip.Addr]string `json:"hardware,omitempty"`
	Text     string                `json:"text,omitempty"`
}

// ErrNoPeer is returned when no node is connected at the address.
var ErrNoPeer = errors.New("peer link: no such peer")

// Send sends a sentence to the node at the address. It does not wait for an
// answer, which comes as Events.Handover.
func (l *Link) Send(instance string, addr netip.Addr, h Handover) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s := range l.sessions {
		if s.known && s.instance.Name == instance && s.addr == addr && s.client == h.Step.fromBackup() {
			s.outbox = append(s.outbox, h)
			s.open[h.Step] = true
			s.poke()
			return nil
		}
	}
	return ErrNoPeer
}

// takeOutbox returns what is to be sent.
func (l *Link) takeOutbox(s *session) []Handover {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := s.outbox
	s.outbox = nil
	return out
}

// askEvery is the least time between two questions of one backup.
const askEvery = time.Second

// due reports whether the other side may say a sentence now: whose part it is,
// and an answer once for each question.
func (l *Link) due(s *session, step Step) bool {
	if step.fromBackup() == s.client {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); step == Ask {
		early := now.Sub(s.asked) < askEvery
		if !early {
			s.asked = now
		}
		return !early
	}
	question := step.answers()
	if question == "" {
		return true
	}
	asked := s.open[question]
	delete(s.open, question)
	return asked
}
