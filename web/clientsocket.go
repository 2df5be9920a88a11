package web

import "net"

// TimedOut notes that the client has let a time pass in which it was to send or
// to take something, or is treated so: nothing more is sent to it.
func (r *Request) TimedOut() {
	r.Main.broken = true
	r.carrier.TimedOut(r.Main.Core.ResetTimedout.V)
}

// CutOff has the connection end without a further word, not even of TLS. With
// reset its end is a reset (SO_LINGER of 0 seconds), which leaves nothing behind:
// neither what has not been sent yet nor a socket that waits for the client.
func (c *Conn) CutOff(reset bool) {
	c.abrupt = true
	if !reset {
		return
	}
	if s, ok := c.Socket.(*net.TCPConn); ok {
		_ = s.SetLinger(0) // fails only on a closed connection
	}
}

// Cut closes the connection as it is, from any goroutine; whoever waits for the
// client notices.
func (c *Conn) Cut() error {
	if c.Socket == nil {
		return nil
	}
	return c.Socket.Close()
}

// SetNoDelay has small packets wait until others have been acknowledged (Nagle's
// algorithm, RFC 9293 section 3.7.4), or not, as tcp_nodelay says. A connection
// begins with on, which package net sees to.
func (c *Conn) SetNoDelay(on bool) {
	if s, ok := c.Socket.(*net.TCPConn); ok {
		_ = s.SetNoDelay(on) // fails only on a closed connection
	}
}
