package peerlink

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Bounds of a conversation.
const (
	greetTimeout = time.Second      // for the opening of a conversation
	sayTimeout   = 2 * time.Second  // for one message
	lifeSign     = 10 * time.Second // between two messages when there is nothing to say
	idleTimeout  = 35 * time.Second // without any message
	// A side says at most burst messages at once, and one each pace.
	burst = 100
	pace  = 50 * time.Millisecond
)

// session is one connection, on either side.
type session struct {
	link     *Link
	conn     net.Conn      // TLS, if it is secure
	raw      Conn          // what is below
	r        *bufio.Reader // of conn
	lines    *lines
	instance *Instance
	addr     netip.Addr
	client   bool   // this side dialled
	secure   bool   // both sides have proven that they have the key
	process  string // of the other side
	lives    bool   // it has said that its process lives on
	wake     chan struct{}
	// wakeKeeper: there is something to be said of items, see Link.Keep. inbox are
	// those that the other side wants kept.
	wakeKeeper chan struct{}
	inbox      chan []item

	// Guarded by Link.mu.
	since  time.Time
	known  bool // the other side has told its Info
	info   Info
	outbox []Handover    // what is still to be sent of conversations about a handover
	open   map[Step]bool // questions of ours that were not answered
	asked  time.Time     // when it last asked for a handover
	// replaced: a later connection of the same node, which has not left, took its place.
	replaced bool
	leaving  bool // say that the process lives on, and end
	// Of items: the last number that was sent, when that was, and that the other
	// side has; the last of its numbers that was taken up, and that it was told of.
	sent, acked, taken, told uint64
	sentAt                   time.Time
}

func (l *Link) newSession(conn Conn, addr netip.Addr) *session {
	return &session{link: l, conn: conn, raw: conn, r: bufio.NewReader(conn), addr: addr,
		wake: make(chan struct{}, 1), wakeKeeper: make(chan struct{}, 1), inbox: make(chan []item, maxInbox),
		since: time.Now(), open: map[Step]bool{}}
}

// poke has the session tell its Info again.
func (s *session) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// leave ends the session, with the word that the process lives on. Called with
// Link.mu held.
func (s *session) leave() {
	s.leaving = true
	s.poke()
}

func (s *session) say(text string) error {
	_, err := io.WriteString(s.conn, text)
	return err
}

// errUnheard: the other side has closed the connection without a word, as it does
// with those that it has not heard in VRRP. A process that dies does so as well.
var errUnheard = errors.New("it closes the connection without an answer")

// greet opens the conversation on the dialling side.
func (s *session) greet(ctx context.Context, i *Instance) error {
	s.instance, s.client = i, true
	_ = s.conn.SetDeadline(time.Now().Add(greetTimeout))
	if err := s.say(hello{version, i.id(), i.Key != nil}.String()); err != nil {
		return errUnheard
	}
	line, err := readLine(s.r, maxHello)
	if err != nil {
		return errUnheard
	}
	if err := parseVerdict(string(line)); err != nil {
		return err
	}
	if err := s.protect(ctx); err != nil {
		return err
	}
	own := s.opening()
	if err := s.lines.send(message{Opening: &own}); err != nil {
		return err
	}
	return s.receiveOpening(own)
}

// answer opens the conversation on the listening side. Nothing is said to a node
// that does not speak for the instance, and to any other no more than whether it
// is welcome, until it has proven that it has the key, if there is one.
func (s *session) answer(nl *listener) error {
	_ = s.conn.SetDeadline(time.Now().Add(greetTimeout))
	line, err := readLine(s.r, maxHello)
	if err != nil {
		return &refusedError{mistaken, err}
	}
	h, err := parseHello(string(line))
	switch {
	case strings.HasPrefix(string(line), beginOfVersion1):
		_ = s.say(answerVersion1)
		return &refusedError{old, errVerdicts[otherVersion]}
	case err != nil:
		return &refusedError{mistaken, err}
	case h.version != version:
		_ = s.say(otherVersion.String())
		return &refusedError{old, errVerdicts[otherVersion]}
	}
	if s.instance = s.link.instanceAt(nl, h.id); s.instance == nil {
		_ = s.say(noInstance.String())
		return &refusedError{withoutID, errVerdicts[noInstance]}
	}
	switch i := s.instance; {
	case !s.link.speaks(i, s.addr):
		return &refusedError{strangers, errUnheard}
	case !s.near(nl):
		return &refusedError{tooFar, errUnheard}
	case i.Key != nil && !h.secure:
		_ = s.say(keyMissing.String())
		return &refusedError{keyless, errVerdicts[keyMissing]}
	case i.Key == nil && h.secure:
		_ = s.say(keyUnknown.String())
		return &refusedError{keyless, errVerdicts[keyUnknown]}
	}
	if err := s.say(accepted.String()); err != nil {
		return err
	}
	if err := s.protect(s.link.ctx); err != nil {
		return &refusedError{keyless, err}
	}
	own := s.opening()
	if err := s.receiveOpening(own); err != nil {
		return &refusedError{mistaken, err}
	}
	return s.lines.send(message{Opening: &own})
}

// instanceAt returns the instance of an id that listens at a place; nil if there
// is none.
func (l *Link) instanceAt(nl *listener, id linkID) *Instance {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, i := range l.instances {
		if p, ok := l.place(i); ok && p == nl.Place && i.id() == id {
			return i
		}
	}
	return nil
}

// near reports whether the connection comes from as far away as the peer's VRRP
// packets may, and has the kernel drop what comes from further away.
func (s *session) near(nl *listener) bool {
	h := s.instance.hops(s.addr)
	ttl, ok := s.raw.ArrivedWith()
	most := hopLimit
	if p := s.instance.peer(s.addr); p != nil && p.TTLMax > 0 {
		most = int(p.TTLMax)
	}
	if ok && (ttl < h.Min || ttl > most) || !ok && (nl.min < h.Min || most < hopLimit) {
		return false
	}
	return s.raw.Bound(h) == nil
}

func (s *session) opening() opening {
	return opening{Process: s.link.process, VRID: s.instance.VRID, IPv6: s.instance.IPv6, From: s.raw.Local(), To: s.addr}
}

func (s *session) receiveOpening(own opening) error {
	m, err := s.lines.receive()
	if err != nil {
		return err
	}
	if err := m.Opening.check(own); err != nil {
		return err
	}
	s.process, s.lines.max = m.Opening.Process, maxMessage
	return nil
}

// converse tells and listens until the connection ends; it returns why.
func (s *session) converse() error {
	_ = s.conn.SetDeadline(time.Time{})
	l := s.link
	l.mu.Lock()
	if l.ctx.Err() != nil || l.instances[s.instance.Name] != s.instance {
		l.mu.Unlock()
		return nil // it was configured away meanwhile
	}
	for other := range l.sessions {
		if other.instance == s.instance && other.addr == s.addr && other.client == s.client {
			other.replaced = true // a node has one connection: the last
			_ = other.conn.Close()
		}
	}
	l.sessions[s] = struct{}{}
	l.mu.Unlock()
	s.poke()
	s.pokeKeeper()
	ended := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() { s.talk(ended) })
	others.Go(s.takeUp)
	err := s.listen()
	close(ended)
	close(s.inbox)
	_ = s.conn.Close()
	others.Wait()
	l.mu.Lock()
	delete(l.sessions, s)
	l.pokeKeepers()
	left := s.known && !s.replaced
	l.pokeFollowers(s)
	l.mu.Unlock()
	if left && l.events.Peer != nil {
		l.events.Peer(s.instance.Name, s.addr, nil)
	}
	return err
}

// talk says what there is to say, and a sign of life when there is nothing.
func (s *session) talk(ended <-chan struct{}) {
	alive := time.NewTicker(lifeSign)
	defer alive.Stop()
	for {
		var err error
		select {
		case <-ended:
			return
		case <-s.wake:
			_ = s.conn.SetWriteDeadline(time.Now().Add(sayTimeout))
			err = s.tell()
		case <-s.wakeKeeper:
			_ = s.conn.SetWriteDeadline(time.Now().Add(sayTimeout))
			err = s.tellKept()
		case <-alive.C:
			_ = s.conn.SetWriteDeadline(time.Now().Add(sayTimeout))
			err = s.lines.send(message{})
		}
		if err != nil {
			_ = s.conn.Close()
			return
		}
	}
}

var errLeft = errors.New("the configuration has changed")

// tell sends what there is to say. What is asked for in a handover may depend on
// what the Info says, which was there before, and goes first.
func (s *session) tell() error {
	s.link.mu.Lock()
	leaving := s.leaving
	s.link.mu.Unlock()
	if leaving {
		_ = s.lines.send(message{Bye: true})
		return errLeft
	}
	said := s.link.takeOutbox(s)
	info := s.link.tells(s)
	if err := s.lines.send(message{Info: &info}); err != nil {
		return err
	}
	for _, h := range said {
		if err := s.lines.send(message{Handover: &h}); err != nil {
			return err
		}
	}
	return nil
}

// listen takes up what the other side says.
func (s *session) listen() error {
	l := s.link
	left, last := burst, time.Now()
	for {
		_ = s.conn.SetReadDeadline(time.Now().Add(idleTimeout))
		m, err := s.lines.receive()
		if err != nil {
			return err
		}
		now := time.Now()
		if more := int(now.Sub(last) / pace); more > 0 {
			left, last = min(left+more, burst), now
		}
		if left--; left < 0 {
			return &refusedError{tooLoud, errTooLong}
		}
		if m.Bye {
			s.lives = true
			return errLeft
		}
		s.heardKept(&m)
		if h := m.Handover; h != nil && l.due(s, h.Step) && l.events.Handover != nil {
			l.events.Handover(s.instance.Name, s.addr, *h)
		}
		if m.Info == nil {
			continue
		}
		l.mu.Lock()
		news := !s.known || s.info.Health != m.Info.Health || s.info.Node != m.Info.Node
		s.info, s.known = *m.Info, true
		if news {
			l.pokeFollowers(s)
		}
		l.mu.Unlock()
		if l.events.Peer != nil {
			l.events.Peer(s.instance.Name, s.addr, m.Info)
		}
	}
}

// pokeFollowers has the followers of an instance, s among them, told of each
// other when s has changed. Called with l.mu held.
func (l *Link) pokeFollowers(s *session) {
	if s.client {
		return
	}
	for other := range l.sessions {
		if !other.client && other.instance == s.instance {
			other.poke()
		}
	}
}
