package peerlink

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Bounds of a conversation.
const (
	greetTimeout = time.Second     // for the opening of a conversation
	sayTimeout   = 2 * time.Second // for one message
	maxSessions  = 64              // connections that are accepted at a time
)

// session is one connection, on either side.
type session struct {
	link     *Link
	conn     net.Conn
	lines    *lines
	instance *Instance
	addr     netip.Addr
	client   bool   // this side dialled
	process  string // of the other side
	wake     chan struct{}

	// Guarded by Link.mu.
	since time.Time
	known bool // the other side has told its Info
	info  Info
	// outbox is what is still to be sent of conversations about a handover.
	outbox []Handover
}

func (l *Link) newSession(conn net.Conn, client bool) *session {
	s := &session{link: l, conn: conn, lines: newLines(conn), client: client, wake: make(chan struct{}, 1), since: time.Now()}
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		s.addr = a.AddrPort().Addr().Unmap().WithZone("")
	}
	return s
}

// poke has the session tell its Info again.
func (s *session) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func nonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// greet opens the conversation on the dialling side.
func (s *session) greet(i *Instance) error {
	s.instance = i
	_ = s.conn.SetDeadline(time.Now().Add(greetTimeout))
	mine := hello{Protocol: protocol, VRID: i.VRID, IPv6: i.IPv6, Process: s.link.process, Nonce: nonce()}
	if err := s.lines.send(message{Hello: &mine}); err != nil {
		return err
	}
	m, err := s.lines.receive()
	if err != nil {
		return err
	}
	if m.Hello == nil || m.Hello.Protocol != protocol {
		return errors.New("the other side speaks another version of the peer link")
	}
	if err := checkProof(prove(i.Key, "server", mine.Nonce, m.Hello.Nonce, i.VRID), m.Hello.Proof); err != nil {
		return err
	}
	s.process = m.Hello.Process
	return s.lines.send(message{Proof: prove(i.Key, "client", mine.Nonce, m.Hello.Nonce, i.VRID)})
}

// answer opens the conversation on the listening side.
func (s *session) answer() error {
	_ = s.conn.SetDeadline(time.Now().Add(greetTimeout))
	m, err := s.lines.receive()
	if err != nil {
		return err
	}
	if m.Hello == nil || m.Hello.Protocol != protocol {
		return errors.New("the other side speaks another version of the peer link")
	}
	s.link.mu.Lock()
	i := s.link.instances[linkID{m.Hello.VRID, m.Hello.IPv6}]
	s.link.mu.Unlock()
	if i == nil {
		return fmt.Errorf("there is no instance with VRID %d here", m.Hello.VRID)
	}
	s.instance, s.process = i, m.Hello.Process
	mine := hello{Protocol: protocol, VRID: i.VRID, IPv6: i.IPv6, Process: s.link.process, Nonce: nonce()}
	mine.Proof = prove(i.Key, "server", m.Hello.Nonce, mine.Nonce, i.VRID)
	if err := s.lines.send(message{Hello: &mine}); err != nil {
		return err
	}
	reply, err := s.lines.receive()
	if err != nil {
		return err
	}
	return checkProof(prove(i.Key, "client", m.Hello.Nonce, mine.Nonce, i.VRID), reply.Proof)
}

// converse tells and listens until the connection ends; it returns why.
func (s *session) converse() error {
	_ = s.conn.SetDeadline(time.Time{})
	l := s.link
	l.mu.Lock()
	l.peers[s] = struct{}{}
	l.mu.Unlock()
	s.poke()
	ended := make(chan struct{})
	told := make(chan struct{})
	go func() {
		defer close(told)
		for {
			select {
			case <-ended:
				return
			case <-s.wake:
			}
			_ = s.conn.SetWriteDeadline(time.Now().Add(sayTimeout))
			if err := s.tell(); err != nil {
				_ = s.conn.Close()
				return
			}
		}
	}()
	err := s.listen()
	close(ended)
	_ = s.conn.Close()
	<-told
	l.mu.Lock()
	delete(l.peers, s)
	known := s.known
	l.pokeFollowers(s)
	l.mu.Unlock()
	if known && l.events.Peer != nil {
		l.events.Peer(s.instance.Name, s.addr, nil)
	}
	return err
}

// tell sends what there is to say. What is asked for in a handover may depend on
// what the Info says, which was there before, and goes first.
func (s *session) tell() error {
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

func (s *session) listen() error {
	for {
		m, err := s.lines.receive()
		if err != nil {
			return err
		}
		l := s.link
		if m.Handover != nil && l.events.Handover != nil {
			l.events.Handover(s.instance.Name, s.addr, *m.Handover)
		}
		if m.Info == nil {
			continue
		}
		l.mu.Lock()
		s.info, s.known = *m.Info, true
		l.pokeFollowers(s)
		l.mu.Unlock()
		if l.events.Peer != nil {
			l.events.Peer(s.instance.Name, s.addr, m.Info)
		}
	}
}

// pokeFollowers has the followers of an instance, s among them, told of each
// other when s
// has changed. Called with l.mu held.
func (l *Link) pokeFollowers(s *session) {
	if s.client {
		return
	}
	for other := range l.peers {
		if !other.client && other.instance.Name == s.instance.Name {
			other.poke()
		}
	}
}

// accept serves the connections of one port.
func (l *Link) accept(nl net.Listener) {
	slots := make(chan struct{}, maxSessions)
	for {
		conn, err := nl.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || l.ctx.Err() != nil {
				return
			}
			time.Sleep(100 * time.Millisecond) // out of descriptors: connections can wait
			continue
		}
		select {
		case slots <- struct{}{}:
		default:
			_ = conn.Close()
			continue
		}
		l.wait.Go(func() {
			defer func() { <-slots }()
			defer func() { _ = conn.Close() }()
			s := l.newSession(conn, false)
			if err := s.answer(); err != nil {
				if l.ctx.Err() == nil && s.instance != nil {
					l.logf(s.instance.Name, "peer link from %s refused: %v", s.addr, err)
				}
				return
			}
			_ = s.converse()
		})
	}
}
