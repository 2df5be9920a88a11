package web

import "net"

// timedOut notes that the client has let a time pass in which it was to send or
// to take something, or is treated so: the connection is of no more use. With
// reset_timedout_connection its end is a reset (SO_LINGER of 0 seconds), which
// leaves nothing behind: neither what has not been sent yet nor a socket that
// waits for the client.
func (r *Request) timedOut() {
	c := r.conn
	c.broken, c.timedOut = true, true
	if !r.Main.Core.ResetTimedout.V {
		return
	}
	if s, ok := c.net.(*net.TCPConn); ok {
		_ = s.SetLinger(0) // fails only on a closed connection
	}
}

// setNoDelay has small packets wait until others have been acknowledged (Nagle's
// algorithm, RFC 9293 section 3.7.4), or not, as tcp_nodelay says. A connection
// begins with on, which package net sees to.
func (c *conn) setNoDelay(on bool) {
	c.delays = !on
	if s, ok := c.net.(*net.TCPConn); ok {
		_ = s.SetNoDelay(on) // fails only on a closed connection
	}
}
