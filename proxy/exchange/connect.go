package exchange

import (
	"net"

	"tandem/internal/flow"
	"tandem/internal/h2"
	"tandem/internal/sock"
	"tandem/proxy/secure"
	"tandem/proxy/upstream"
)

// sharedTag is the tag of shared connections without TLS, which are none for
// protocols that have them alone.
type sharedTag struct{ settings *Settings }

// tag returns what connections must have been made with to be reused for x. Those
// that were made alike are all the same; those over TLS only if they were made
// for the same name with the same certificate.
func (x *Exchange) tag(pool *upstream.Pool) (tag any, id secure.Identity) {
	if x.Target.TLS {
		alpn := ""
		if x.streams != nil {
			alpn = "h2"
		}
		id = x.Settings.TLS.Identify(&x.Request.Session, x.Target.Name, alpn)
		return id, id
	}
	var settings *Settings
	if pool != nil && pool.Local {
		settings = x.Settings
	}
	switch {
	case x.streams != nil:
		tag = sharedTag{settings}
	case settings != nil:
		tag = settings
	}
	return tag, id
}

// connect takes a connection to the peer that is there, or makes one.
func (x *Exchange) connect(peer *upstream.Peer) (outcome, bool) {
	pool := x.Target.Group.Pool
	tag, id := x.tag(pool)
	joinable := false
	if pool != nil {
		l, dial, err := x.join(pool, peer.Addr, tag)
		if err != nil {
			return x.connectFailed(err), false
		}
		if dial != nil {
			defer func() { pool.Dialed(dial, !joinable && !x.clientGone.Load()) }()
		}
		if l != nil {
			x.cached = true
			x.setLink(l)
			if x.clientGone.Load() {
				return x.abandoned(), false
			}
			return x.connected(), true
		}
	}
	s, err := x.dial(peer.Addr)
	if err != nil {
		return x.connectFailed(err), false
	}
	c, err := x.wrap(s, id)
	if err != nil {
		_ = s.Close()
		x.log(logError, handshaking, "%v", err)
		x.finish(false)
		return outcome{code: 500}, false
	}
	if pool != nil {
		c.idle.Init(pool, c, peer.Addr, tag)
		c.poolable = true
	}
	x.setLink(c)
	if x.clientGone.Load() {
		return x.abandoned(), false
	}
	if c.tls != nil {
		if err := x.handshake(c); err != nil {
			return x.handshakeFailed(err), false
		}
	}
	if x.streams != nil {
		x.setLink(x.openFirst(c, pool, peer.Addr, tag))
		joinable = true
	}
	return x.connected(), true
}

// reuse returns a link over a connection that is there, nil for none.
func (x *Exchange) reuse(pool *upstream.Pool, addr upstream.Addr, tag any) link {
	if x.streams == nil {
		l := pool.Take(addr, tag)
		if l == nil {
			return nil
		}
		c := l.(*Conn)
		c.sentBase = c.Sent()
		c.requests++
		return c
	}
	for {
		l := pool.Join(addr, tag)
		if l == nil {
			return nil
		}
		sh := l.(*shared)
		s, err := sh.open(x)
		if err == nil {
			return s
		}
		// Others were faster, or it has ended meanwhile.
		sh.leave(x.tryBegan, err == h2.ErrFull)
		s.forget()
	}
}

// openFirst opens the first stream of a new connection.
func (x *Exchange) openFirst(c *Conn, pool *upstream.Pool, addr upstream.Addr, tag any) link {
	x.setNoDelay(c.net)
	c.SetSendTimeout(x.Settings.SendTimeout.V)
	sh := share(c, pool)
	if pool != nil {
		sh.idle.Init(pool, sh, addr, tag)
		pool.Share(&sh.idle)
	}
	s, err := sh.open(x)
	s.failed = err
	return s
}

// wrap makes a Conn of a new connection.
func (x *Exchange) wrap(s *sock.Conn, id secure.Identity) (*Conn, error) {
	if !x.Target.TLS {
		return &Conn{Conn: flow.NewConn(s), net: s, began: x.tryBegan, requests: 1}, nil
	}
	client, err := x.Settings.TLS.Client(s, id)
	if err != nil {
		return nil, err
	}
	// A handshake that is cut short may get on badly with Nagle's algorithm.
	x.setNoDelay(s)
	return &Conn{Conn: flow.NewConn(client), net: s, tls: client, began: x.tryBegan, requests: 1}, nil
}

func (x *Exchange) connected() outcome {
	x.link.setSendTimeout(x.Settings.SendTimeout.V)
	x.link.setReadTimeout(x.Settings.ReadTimeout.V)
	s := x.state()
	if x.cached {
		s.connect = 0
	} else {
		x.Request.Waited()
		s.connect = x.Request.Now().Sub(x.tryBegan)
	}
	return outcome{}
}

// setNoDelay has small packets to the back end sent at once, unless tcp_nodelay
// is off.
func (x *Exchange) setNoDelay(s *sock.Conn) {
	if x.Request.Core.TCPNodelay.V {
		s.SetNoDelay()
	}
}

// dial connects to a peer. The client's leaving ends it.
func (x *Exchange) dial(addr upstream.Addr) (*sock.Conn, error) {
	c, b := x.Settings, x.Settings.Bind.V
	o := sock.Options{
		Local: b.Local(&x.Request.Session), Transparent: b.Transparent(),
		Rcvbuf: int(c.SocketRcvbuf.V), Sndbuf: int(c.SocketSndbuf.V), KeepAlive: c.SocketKeepalive.V,
		SpeaksFirst: !x.Instant,
	}
	if addr.Network == "unix" {
		return sock.DialUnix(addr.Text, &o)
	}
	s, connected, err := sock.Dial(addr.IP, &o)
	if err != nil || connected {
		return s, err
	}
	x.setLive(s)
	if x.clientGone.Load() || x.context().Err() != nil {
		err = net.ErrClosed
	} else {
		err = s.Connected(c.ConnectTimeout.V)
	}
	x.setLive(nil)
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}
