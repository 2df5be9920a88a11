package relay

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"tandem/internal/contain"
	"tandem/internal/errorlog"
	carry "tandem/internal/relay"
	"tandem/internal/sock"
)

// attempts is how many real servers are tried for a client. The kernel has the
// client try again, who may not know better.
const attempts = 3

// Accept implements listen.Server.
func (s *service) Accept(c net.Conn) {
	go func() {
		if contain.Run("a connection of a virtual server", func() { s.connect(c) }) != nil {
			_ = c.Close()
		}
	}()
}

// Failed implements listen.Server.
func (s *service) Failed(err error) {
	s.engine.log(fmt.Sprintf("virtual server %s: accept() failed (%s)", s.key, errorlog.Reason(err)))
}

// connect finds a real server for a client and has bytes carried between them.
func (s *service) connect(client net.Conn) {
	from := client.RemoteAddr().(*net.TCPAddr).AddrPort()
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	var avoid []*destination
	for range attempts {
		d := s.choose(from, avoid, time.Now())
		if d == nil {
			break
		}
		peer, err := s.dial(d)
		if err == nil {
			s.relay(client, peer, d)
			return
		}
		s.free(d, nil)
		avoid = append(avoid, d)
	}
	reset(client)
}

// dial connects to a real server.
func (s *service) dial(d *destination) (*sock.Conn, error) {
	c, connected, err := sock.Dial(d.Address, &sock.Options{})
	if err != nil {
		return nil, err
	}
	if !connected {
		if err := c.Connected(s.engine.options.Connect); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	c.SetNoDelay()
	return c, nil
}

// relay carries bytes until one side has no more and the other knows, or the
// destination goes.
func (s *service) relay(client net.Conn, peer *sock.Conn, d *destination) {
	c := &connection{}
	if !s.hold(d, c) {
		s.free(d, nil)
		_ = peer.Close()
		reset(client)
		return
	}
	r, err := carry.Start(
		carry.Options{Timeout: s.engine.options.TCP, HalfClose: true},
		carry.Side{Conn: client, Received: &d.in}, carry.Side{Conn: peer, Received: &d.out}, nil,
		func(carry.End) { s.free(d, c) },
	)
	if err != nil {
		s.free(d, c)
		return
	}
	c.carried(r)
}

// connection is a connection that is carried. It may be to end before that begins.
type connection struct {
	mu    sync.Mutex
	relay *carry.Relay
	ended bool
}

func (c *connection) carried(r *carry.Relay) {
	c.mu.Lock()
	c.relay = r
	ended := c.ended
	c.mu.Unlock()
	if ended {
		r.Reset()
	}
}

// Close resets the connection: who is there is to know at once.
func (c *connection) Close() error {
	c.mu.Lock()
	c.ended = true
	r := c.relay
	c.mu.Unlock()
	if r != nil {
		r.Reset()
	}
	return nil
}

// reset closes a connection that nobody can serve, as the kernel answers who
// connects to nobody.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}
