package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
	"tandem/internal/pki"
	"tandem/internal/proxyproto"
	"tandem/internal/relay"
	"tandem/internal/sock"
	nc "tandem/nginxconf"
	"tandem/proxy/block"
	"tandem/proxy/secure"
	"tandem/proxy/upstream"
	"tandem/session"
	"tandem/stream"
)

// call is a session's way to a back end.
type call struct {
	*stream.Session
	c *settings

	to        block.Target
	selection upstream.Selection
	states    []state
	began     time.Time // of the search for a peer
	tried     time.Time // when the last try began
	peer      string    // being tried or talked to, "" before
	fd        int       // of a connection that nothing is to be done with but to relay; -1: none
	sock      *sock.Conn
	conn      net.Conn // sock, over TLS if there is any
	proxied   bool     // the PROXY header has been sent
	how       relay.End
	freed     bool // the upstream knows that the peer is done with

	received, sent atomic.Int64 // from and to the peer
}

// serve passes a session on.
func (c *settings) serve(s *stream.Session) stream.Code {
	x := &call{Session: s, c: c, began: time.Now(), fd: -1}
	record.Set(&s.Session, x)
	s.About(x.appendAbout)
	if code := x.find(); code != session.OK {
		return code
	}
	x.to.Start(&x.selection, &s.Session)
	if n := c.nextTries.V; n > 0 && x.selection.Tries > n {
		x.selection.Tries = n
	}
	if s.IsUDP() {
		return x.exchangeDatagrams()
	}
	if code := x.connect(); code != session.OK {
		return code
	}
	return x.relay()
}

// find finds out who the back ends are.
func (x *call) find() stream.Code {
	if x.c.pass.value == nil {
		x.to = x.c.pass.ref.Target()
		return session.OK
	}
	text := string(x.c.pass.value.Value(&x.Session.Session))
	l, err := upstream.ParseLocation(text, 0, false)
	if err != nil {
		x.Failf(errorlog.Error, "%v in upstream \"%s\"", err, text)
		return stream.StatusInternal
	}
	x.to, err = block.FindTarget(&x.Session.Session, l, func(func()) func() { return func() {} })
	if err != nil {
		return stream.StatusInternal
	}
	return session.OK
}

// connect tries peers until one has accepted.
func (x *call) connect() stream.Code {
	for {
		x.Doing("connecting to upstream")
		code, again := x.try()
		if !again {
			return code
		}
		if code := x.next(); code != session.OK {
			return code
		}
	}
}

// begin begins a try; nil: there is no peer.
func (x *call) begin() *upstream.Peer {
	x.tried, x.freed = time.Now(), false
	x.states = append(x.states, state{connect: -1, first: -1, session: -1})
	x.received.Store(0)
	x.sent.Store(0)
	peer := x.selection.Next(x.tried)
	if peer == nil {
		x.state().peer, x.peer = x.to.Group.Name, x.to.Group.Name
		x.Failf(errorlog.Error, "no live upstreams")
		return nil
	}
	x.state().peer, x.peer = peer.Name, peer.Name
	return peer
}

// try tries one peer; again: it failed.
func (x *call) try() (code stream.Code, again bool) {
	peer := x.begin()
	if peer == nil {
		return stream.StatusBadGateway, false
	}
	if err := x.dial(peer.Addr); err != nil {
		if bind := (*sock.BindError)(nil); errors.As(err, &bind) {
			// No other peer would be better.
			x.Failf(errorlog.Crit, "%v", bind)
			x.close(upstream.Worked)
			return stream.StatusInternal, false
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			x.Failf(errorlog.Error, "upstream timed out (110: Connection timed out)")
		} else {
			x.Failf(errorlog.Error, "connect() failed (%s)", errorlog.Reason(err))
		}
		return 0, true
	}
	if x.NoDelay() && x.sock != nil {
		x.sock.SetNoDelay()
	}
	if x.c.ssl.V {
		if code, again := x.secure(); again || code != session.OK {
			return code, again
		}
	}
	now := time.Now()
	x.selection.Connected(now)
	x.state().connect = now.Sub(x.tried)
	if x.Log().Enabled(errorlog.Info) {
		local := localName(x.fd)
		if x.sock != nil {
			local = x.sock.LocalAddr().String()
		}
		x.Notef(errorlog.Info, "proxy %s connected to %s", local, x.peer)
	}
	return session.OK, false
}

// state returns what is known of the try under way.
func (x *call) state() *state { return &x.states[len(x.states)-1] }

// dial connects to a peer.
func (x *call) dial(addr upstream.Addr) error {
	o := x.c.options(&x.Session.Session)
	o.KeepAlive = x.c.keepalive.V
	var err error
	if addr.Network == "unix" {
		x.sock, err = sock.DialUnix(addr.Text, &o)
	} else {
		var fd int
		var connected bool
		if fd, connected, err = sock.Connect(addr.IP, &o); err != nil {
			return err
		}
		if connected && !x.c.ssl.V && x.c.proxyProtocol.V == 0 {
			x.fd = fd
			if x.NoDelay() {
				_ = unix.SetsockoptInt(fd, unix.SOL_TCP, unix.TCP_NODELAY, 1)
			}
			return nil
		}
		x.sock, err = sock.New(fd)
		if err == nil && !connected {
			if err = x.sock.Connected(x.c.connect.V); err != nil {
				_ = x.sock.Close()
			}
		}
	}
	if err != nil {
		x.sock = nil
		return err
	}
	x.conn = x.sock
	return nil
}

// options are what is set on sockets to peers.
func (c *settings) options(s *session.Session) sock.Options {
	b := c.bind.V
	return sock.Options{Local: b.Local(s), Transparent: b.Transparent(), Rcvbuf: int(c.rcvbuf.V), Sndbuf: int(c.sndbuf.V)}
}

// client returns the client's side of TLS with a peer.
func (c *settings) client(conn net.Conn, s *session.Session, name string) (*tls.Conn, error) {
	var alpn []string
	for _, t := range c.alpn.V {
		if name := t.Value(s); len(name) > 0 && len(name) <= 255 {
			alpn = append(alpn, string(name))
		}
	}
	return c.tls.Client(conn, c.tls.Identify(s, name, strings.Join(alpn, secure.BetweenALPN)))
}

// secure does the handshake with the peer.
func (x *call) secure() (code stream.Code, again bool) {
	if x.c.proxyProtocol.V > 0 {
		if _, err := x.conn.Write(x.appendProxyHeader(nil)); err != nil {
			return stream.StatusOK, false
		}
		x.proxied = true
	}
	x.Doing("SSL handshaking to upstream")
	client, err := x.c.client(relay.Wrap(x.conn), &x.Session.Session, x.to.Name)
	if err != nil {
		x.Failf(errorlog.Error, "%v", err)
		x.close(upstream.Worked)
		return stream.StatusInternal, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), x.c.connect.V)
	defer cancel()
	if err := client.HandshakeContext(ctx); err != nil {
		x.handshakeFailed(err)
		return 0, true
	}
	x.conn = client
	return session.OK, false
}

func (x *call) handshakeFailed(err error) {
	var verify *pki.VerifyError
	var mismatch secure.Mismatch
	switch {
	case errors.As(err, &verify):
		x.Failf(errorlog.Error, "upstream SSL certificate verify error: %v", verify)
	case errors.As(err, &mismatch):
		x.Failf(errorlog.Error, "%v", mismatch)
	case os.IsTimeout(err), errors.Is(err, context.DeadlineExceeded):
		x.Failf(errorlog.Error, "upstream timed out (110: Connection timed out)")
	case errors.Is(err, io.EOF):
		x.Failf(errorlog.Error, "peer closed connection in SSL handshake")
	default:
		x.Failf(errorlog.Error, "SSL_do_handshake() failed (SSL: %v)", err)
	}
}

// next ends a try that failed; OK: another one may follow.
func (x *call) next() stream.Code {
	now := time.Now()
	x.closeConn()
	x.selection.Told = x.told()
	if x.selection.Free(upstream.Failed, now) {
		x.Failf(errorlog.Warn, "upstream server temporarily disabled")
	}
	x.note(now)
	limit := x.c.nextTimeout.V
	if x.selection.Tries == 0 || !x.c.next.V || limit > 0 && now.Sub(x.began) >= limit {
		return stream.StatusBadGateway
	}
	return session.OK
}

// note notes what a try came to.
func (x *call) note(now time.Time) {
	s := x.state()
	if s.session < 0 {
		s.session = now.Sub(x.tried)
	}
	s.received, s.sent = x.received.Load(), x.sent.Load()
}

// close ends the dealings with the peer.
func (x *call) close(result upstream.Result) {
	x.free(result)
	x.note(time.Now())
	x.closeConn()
}

// free tells the upstream that the peer is done with.
func (x *call) free(result upstream.Result) {
	if !x.freed {
		x.freed = true
		x.selection.Told = x.told()
		x.selection.Free(result, time.Now())
	}
}

// told is what there is to tell of a try.
func (x *call) told() upstream.Told {
	return upstream.Told{Sent: x.sent.Load(), Received: x.received.Load()}
}

func (x *call) closeConn() {
	if t, ok := x.conn.(*tls.Conn); ok {
		_ = t.Close()
	} else if x.sock != nil {
		_ = x.sock.Close()
	}
	if x.fd >= 0 {
		_ = unix.Close(x.fd)
	}
	x.fd, x.sock, x.conn, x.proxied = -1, nil, nil, false
}

// appendProxyHeader appends the PROXY header that the peer is sent first.
func (x *call) appendProxyHeader(dst []byte) []byte {
	source, dest := x.RemoteAddr(), netip.AddrPort{}
	switch a := x.LocalAddr().(type) {
	case *net.TCPAddr:
		dest = a.AddrPort()
	case *net.UDPAddr:
		dest = a.AddrPort()
	}
	return x.c.appendProxyHeader(dst, source, dest, x.IsUDP())
}

func (c *settings) appendProxyHeader(dst []byte, source, dest netip.AddrPort, datagrams bool) []byte {
	if c.proxyProtocol.V == 2 {
		return proxyproto.AppendV2(dst, source, dest, datagrams, nil)
	}
	return proxyproto.AppendV1(dst, source, dest)
}

// rate returns the bytes a second that a template says, 0 for no limit.
func (x *call) rate(t *session.Template) int64 {
	if t == nil {
		return 0
	}
	n, err := nc.ParseSize(string(t.Value(&x.Session.Session)))
	if err != nil {
		x.Failf(errorlog.Error, "invalid size \"%s\"", t.Value(&x.Session.Session))
		return 0
	}
	return n
}

// appendAbout appends to messages of the log what they say of the peer.
func (x *call) appendAbout(b []byte) []byte {
	if x.peer != "" {
		b = append(append(append(b, ", upstream: \""...), x.peer...), '"')
	}
	return x.appendBytes(b)
}

// appendBytes appends what has been carried.
func (x *call) appendBytes(b []byte) []byte {
	b = strconv.AppendInt(append(b, ", bytes from/to client:"...), x.Received(), 10)
	b = strconv.AppendInt(append(b, '/'), x.Sent(), 10)
	b = strconv.AppendInt(append(b, ", bytes from/to upstream:"...), x.received.Load(), 10)
	return strconv.AppendInt(append(b, '/'), x.sent.Load(), 10)
}

// appendCounts appends two numbers.
func appendCounts(b []byte, in, out int) []byte {
	b = strconv.AppendInt(b, int64(in), 10)
	return strconv.AppendInt(append(b, '/'), int64(out), 10)
}
