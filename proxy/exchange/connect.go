package exchange

import (
	"net"

	"tandem/internal/flow"
	"tandem/internal/sock"
	"tandem/proxy/secure"
	"tandem/proxy/upstream"
)

// connect takes a connection to the peer that is there, or makes one.
func (x *Exchange) connect(peer *upstream.Peer) (outcome, bool) {
	// Connections that were made alike are all the same; those over TLS only
	// if they were made for the same name with the same certificate.
	pool := x.Target.Group.Pool
	var tag any
	var id secure.Identity
	switch {
	case x.Target.TLS:
		id = x.Settings.TLS.Identify(&x.Request.Session, x.Target.Name, "")
		tag = id
	case pool != nil && pool.Local:
		tag = x.Settings
	}
	if pool != nil {
		if link := pool.Take(peer.Addr, tag); link != nil {
			c := link.(*Conn)
			c.sentBase = c.Sent()
			c.requests++
			x.cached = true
			x.setLink(c)
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
	return x.connected(), true
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
