// Package session is one BFD session in asynchronous mode (RFC 5880 section 6):
// pure. It is told the time and what has come, and returns what is to be sent and
// told.
package session

import (
	"fmt"
	"time"

	"tandem/bfd/packet"
)

// Config is what bfd_instance says of a session. Times are whole microseconds.
type Config struct {
	Name string
	// MinTx is how often packets are to be sent once the session is up, IdleTx
	// before that: at least a second (RFC 5880 section 6.8.3).
	MinTx, IdleTx time.Duration
	// MinRx is how often packets can be taken.
	MinRx      time.Duration
	Multiplier uint8
	// Passive: nothing is sent before the other side has.
	Passive bool
}

// Chance is what is left to it.
type Chance interface {
	// Between returns a time in [low, high].
	Between(low, high time.Duration) time.Duration
	// Discriminator returns a number that no other session of this system has, not 0.
	Discriminator() uint32
}

// Effect is something to be done, in the order in which effects are returned: a
// Send, a Line, or a Change.
type Effect any

// Send is a packet to be sent to the neighbor.
type Send struct{ Packet packet.Packet }

// Line is one for the log, in keepalived's words.
type Line struct {
	Warning bool
	Text    string
}

// Change says that the neighbor has become reachable, or is not any more. One that
// is taken down on purpose (AdminDown) is no failure and changes nothing (RFC 5880
// section 6.8.16; keepalived). Expired: it is not because it is silent; else it has said
// that it does not hear us.
type Change struct{ Up, Expired bool }

// Session is the state of a session. The names are those of RFC 5880 section 6.8.1.
type Session struct {
	config Config
	chance Chance

	state, remoteState       packet.State
	diag, remoteDiag         packet.Diag
	my, your                 uint32
	remoteMinRx, remoteMinTx time.Duration
	remoteMultiplier         uint8
	remoteDemand             bool
	poll                     bool
	minTx, minRx             time.Duration // what the other side goes by: Config's, once it has confirmed them
	told                     bool          // by a Change: it is up
	detection                time.Duration
	seen, next               time.Time // of the last packet; of the next one to send
	interval                 time.Duration
	sentState                packet.State
	sentDiag                 packet.Diag
	begun                    bool
	effects                  []Effect
}

// New returns a session that is down. Advance is due at once.
func New(c Config, chance Chance) *Session {
	return &Session{
		config: c, chance: chance, my: chance.Discriminator(), minTx: c.MinTx, minRx: c.MinRx,
		state: packet.Down, remoteState: packet.Down,
		remoteMinRx: time.Microsecond, // section 6.8.1: bfd.RemoteMinRxInterval is initialized to 1
	}
}

// Discriminator returns the number by which the neighbor's packets name the session.
func (s *Session) Discriminator() uint32 { return s.my }

// State returns the session's state.
func (s *Session) State() packet.State { return s.state }

// Up reports what the last Change said.
func (s *Session) Up() bool { return s.told }

// Detection returns the time without packets after which the session is down; 0: it
// is not known yet.
func (s *Session) Detection() time.Duration { return s.detection }

// Configure changes what may change while the session goes on.
func (s *Session) Configure(c Config, now time.Time) []Effect {
	before := s.config
	s.config = c
	if s.state == packet.Up && (c.MinTx != before.MinTx || c.MinRx != before.MinRx) {
		// Section 6.8.3: If either bfd.DesiredMinTxInterval is changed or
		// bfd.RequiredMinRxInterval is changed, a Poll Sequence MUST be initiated.
		s.poll = true
		// If bfd.DesiredMinTxInterval is increased, the actual transmission interval MUST
		// NOT change until the Poll Sequence has terminated. If bfd.RequiredMinRxInterval
		// is reduced, the previous value MUST be used for the Detection Time until then.
		s.minTx, s.minRx = min(s.minTx, c.MinTx), max(s.minRx, c.MinRx)
	} else if s.state != packet.Up {
		s.minTx, s.minRx = c.MinTx, c.MinRx
	}
	if s.your != 0 {
		s.detect()
	}
	s.reschedule(now)
	return s.done()
}

// Receive takes a packet that is meant for the session (section 6.8.6).
func (s *Session) Receive(p *packet.Packet, now time.Time) []Effect {
	s.your, s.remoteState, s.remoteDiag, s.remoteDemand = p.My, p.State, p.Diag, p.Demand
	s.remoteMinRx, s.remoteMinTx, s.remoteMultiplier = p.MinRx, p.MinTx, p.Multiplier
	if p.Final && s.poll {
		s.poll = false // section 6.5: the Poll Sequence has ended
		s.minTx, s.minRx = s.config.MinTx, s.config.MinRx
	}
	s.seen = now
	s.detect()
	s.follow(p.State)
	s.reschedule(now)
	switch {
	case p.Poll:
		// Section 6.8.7: If a BFD Control packet is received with the Poll (P) bit set
		// to 1, the receiving system MUST transmit a BFD Control packet with the Poll
		// (P) bit clear and the Final (F) bit set as soon as practicable.
		s.send(true)
	case s.begun && (s.state != s.sentState || s.diag != s.sentDiag) && s.mayTransmit():
		// A packet SHOULD be transmitted when its contents differ from the previous
		// one, to communicate a change in state more rapidly.
		s.send(false)
	}
	return s.done()
}

// detect works out the Detection Time: section 6.8.4.
func (s *Session) detect() {
	d := time.Duration(s.remoteMultiplier) * max(s.minRx, s.remoteMinTx)
	if d != s.detection {
		s.log(false, "(%s) Detection time is %d us (was %d us)", s.config.Name, d.Microseconds(), s.detection.Microseconds())
		s.detection = d
	}
}

// follow is the state machine of section 6.8.6.
func (s *Session) follow(remote packet.State) {
	switch {
	case remote == packet.AdminDown:
		if s.state != packet.Down {
			s.down(packet.NeighborDown)
		}
	case s.state == packet.Down && remote == packet.Down:
		s.state, s.diag = packet.Init, packet.NoDiag
	case s.state == packet.Down && remote == packet.Init,
		s.state == packet.Init && (remote == packet.Init || remote == packet.Up):
		s.up()
	case s.state == packet.Up && remote == packet.Down:
		s.down(packet.NeighborDown)
	}
}

func (s *Session) up() {
	s.state, s.diag = packet.Up, packet.NoDiag
	s.log(false, "(%s) Entering Up state", s.config.Name)
	// bfd.DesiredMinTxInterval goes from the idle value to the wanted one.
	s.poll = s.config.IdleTx != s.config.MinTx
	s.change(true)
}

func (s *Session) down(why packet.Diag) {
	was := s.state
	s.state, s.diag, s.poll = packet.Down, why, false
	s.minTx, s.minRx = s.config.MinTx, s.config.MinRx
	if was != packet.Up {
		return
	}
	s.log(true, "(%s) Entering Down state (Local diagnostic - %s, Remote diagnostic - %s)", s.config.Name, why, s.remoteDiag)
	if s.remoteState != packet.AdminDown {
		s.change(false)
	}
}

func (s *Session) change(up bool) {
	if s.told != up {
		s.told = up
		s.effects = append(s.effects, Change{up, !up && s.diag == packet.Expired})
	}
}

// Due returns when Advance has to be called; the zero time: a packet has to come
// first.
func (s *Session) Due() time.Time {
	at := s.next
	if expires := s.expires(); !expires.IsZero() && (at.IsZero() || expires.Before(at)) {
		at = expires
	}
	return at
}

// expires returns when the other side is taken for gone; the zero time: it is.
func (s *Session) expires() time.Time {
	if s.your == 0 {
		return time.Time{}
	}
	return s.seen.Add(s.detection)
}

// Advance does what is due.
func (s *Session) Advance(now time.Time) []Effect {
	if !s.begun {
		s.begun = true
		s.reschedule(now)
		if s.mayTransmit() {
			s.next = now
		}
	}
	if at := s.expires(); !at.IsZero() && !now.Before(at) {
		s.expire(now)
	}
	if !s.next.IsZero() && !now.Before(s.next) {
		s.send(false)
		s.next = now.Add(s.jittered())
	}
	return s.done()
}

// expire is what follows when the Detection Time passes without a packet.
func (s *Session) expire(now time.Time) {
	if s.state == packet.Up {
		dead := now.Sub(s.seen)
		s.log(true, "(%s) Expired after %d ms (%d usec overdue)", s.config.Name, dead.Milliseconds(), (dead - s.detection).Microseconds())
	}
	// Section 6.8.1: If a period of a Detection Time passes without the receipt of a
	// valid, authenticated BFD packet from the remote system, bfd.RemoteDiscr MUST be
	// set to zero.
	s.your = 0
	if s.state == packet.Init || s.state == packet.Up {
		s.down(packet.Expired)
	}
	s.remoteState, s.remoteDemand = packet.Down, false
	s.reschedule(now)
	if s.mayTransmit() && (s.state != s.sentState || s.diag != s.sentDiag) {
		s.send(false)
	}
}

// mayTransmit reports whether packets are sent from time to time: section 6.8.7.
func (s *Session) mayTransmit() bool {
	switch {
	case s.your == 0 && s.config.Passive:
		return false
	case s.remoteMinRx == 0:
		return false
	case s.remoteDemand && s.state == packet.Up && s.remoteState == packet.Up && !s.poll:
		return false
	}
	return true
}

// transmitInterval is how often packets are sent, before jitter: section 6.8.7, no
// more often than the other side can take.
func (s *Session) transmitInterval() time.Duration {
	own := s.config.IdleTx
	if s.state == packet.Up {
		own = s.minTx
	}
	return max(own, s.remoteMinRx)
}

// jittered returns the time up to the next packet: section 6.8.7 takes 0 to 25 % off,
// and at least 10 % if the multiplier is 1.
func (s *Session) jittered() time.Duration {
	i, most := s.interval, s.interval
	if s.config.Multiplier == 1 {
		most = i * 9 / 10
	}
	return s.chance.Between(i*3/4, most)
}

// reschedule has the next packet sent when it is due by now.
func (s *Session) reschedule(now time.Time) {
	if !s.begun {
		return
	}
	before := s.interval
	s.interval = s.transmitInterval()
	switch {
	case !s.mayTransmit():
		s.next = time.Time{}
	case s.next.IsZero() || s.interval < before:
		if at := now.Add(s.jittered()); s.next.IsZero() || at.Before(s.next) {
			s.next = at
		}
	}
}

// send has a packet sent (section 6.8.7).
func (s *Session) send(final bool) {
	minTx := s.config.IdleTx
	if s.state == packet.Up {
		minTx = s.config.MinTx
	}
	s.sentState, s.sentDiag = s.state, s.diag
	s.effects = append(s.effects, Send{packet.Packet{
		Diag: s.diag, State: s.state, Poll: s.poll && !final, Final: final, Multiplier: s.config.Multiplier,
		My: s.my, Your: s.your, MinTx: minTx, MinRx: s.config.MinRx,
	}})
}

func (s *Session) log(warning bool, format string, args ...any) {
	s.effects = append(s.effects, Line{warning, fmt.Sprintf(format, args...)})
}

// done returns what has come of a call.
func (s *Session) done() []Effect {
	e := s.effects
	s.effects = nil
	return e
}
