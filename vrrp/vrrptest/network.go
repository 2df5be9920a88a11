package vrrptest

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
)

// Listen accepts connections on a TCP port of all the host's addresses.
func (h *Host) Listen(number uint16) (net.Listener, error) {
	h.lan.mu.Lock()
	defer h.lan.mu.Unlock()
	if h.ports[number] != nil {
		return nil, os.NewSyscallError("bind", syscall.EADDRINUSE)
	}
	p := &port{host: h, number: number, queue: make(chan net.Conn), closed: make(chan struct{})}
	h.ports[number] = p
	return p, nil
}

// Dial connects from the host to an address with a port: of a host of the LAN, of
// a virtual address that one of them has, or of the loopback. What is cut off does
// not answer; a host on which nobody listens refuses.
func (h *Host) Dial(ctx context.Context, address string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (net.Conn, error) { return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	l := h.lan
	l.mu.Lock()
	there := h.find(to.Addr())
	if there == nil {
		l.mu.Unlock()
		<-ctx.Done()
		return fail(ctx.Err())
	}
	p := there.ports[to.Port()]
	from := netip.AddrPortFrom(to.Addr(), 0)
	if !to.Addr().IsLoopback() {
		from = netip.AddrPortFrom(h.own[0].Addr(), 0)
	}
	l.connections++
	from = netip.AddrPortFrom(from.Addr(), uint16(32768+l.connections%28232))
	l.mu.Unlock()
	if p == nil {
		return fail(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
	a, b := net.Pipe()
	near, far := &connection{Conn: a, here: h, there: there, local: from, remote: to}, &connection{Conn: b, here: there, there: h, local: to, remote: from}
	select {
	case p.queue <- far:
	case <-p.closed:
		return fail(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	case <-ctx.Done():
		return fail(ctx.Err())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	h.connections, there.connections = append(h.connections, near), append(there.connections, far)
	return near, nil
}

// find returns the host that answers for an address; nil if none does. Called
// with the LAN locked.
func (h *Host) find(a netip.Addr) *Host {
	if a.IsLoopback() {
		return h
	}
	for _, x := range h.lan.hosts {
		holds := x.has(a)
		for _, p := range x.Present() {
			// What is held on the loopback is shown to nobody.
			holds = holds || p.Interface == Interface && p.Prefix.Addr() == a
		}
		if holds && h.reaches(x) {
			return x
		}
	}
	return nil
}

// reaches reports whether packets get from one host to another and back. Called
// with the LAN locked.
func (h *Host) reaches(o *Host) bool {
	return h == o || h.up && o.up && !h.apart && !o.apart && !h.filtered && !o.filtered
}

// port is a net.Listener of a host.
type port struct {
	host   *Host
	number uint16
	queue  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

// Accept implements net.Listener.
func (p *port) Accept() (net.Conn, error) {
	select {
	case c := <-p.queue:
		return c, nil
	case <-p.closed:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: net.ErrClosed}
	}
}

// Close implements net.Listener.
func (p *port) Close() error {
	p.host.lan.mu.Lock()
	defer p.host.lan.mu.Unlock()
	p.end()
	return nil
}

// end is Close with the LAN locked.
func (p *port) end() {
	p.once.Do(func() { close(p.closed) })
	if p.host.ports[p.number] == p {
		delete(p.host.ports, p.number)
	}
}

// Addr implements net.Listener.
func (p *port) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.IPv4Unspecified(), p.number))
}

// connection is one end of a TCP connection.
type connection struct {
	net.Conn
	here, there   *Host
	local, remote netip.AddrPort
	lost          bool // something that was written; guarded by LAN.mu
}

// Write implements net.Conn. Between hosts that are cut off from each other it
// succeeds, as into a socket's buffer, and the connection is reset when they are
// not any more.
func (c *connection) Write(p []byte) (int, error) {
	l := c.here.lan
	l.mu.Lock()
	if !c.here.reaches(c.there) {
		c.lost = true
	}
	lost := c.lost
	l.mu.Unlock()
	if lost {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// LocalAddr implements net.Conn.
func (c *connection) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr implements net.Conn.
func (c *connection) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// reset ends the connections of which something was lost, or all of them. Called
// with the LAN locked.
func (h *Host) reset(all bool) {
	kept := h.connections[:0]
	for _, c := range h.connections {
		if all || c.lost {
			_ = c.Conn.Close()
			continue
		}
		kept = append(kept, c)
	}
	clear(h.connections[len(kept):])
	h.connections = kept
}

// Kill makes the host as a process leaves it that was killed: its sockets and
// connections are gone, and what still runs of it changes nothing. Its addresses
// stay until the kernel removes them, which is Expire, and until Boot.
func (h *Host) Kill() {
	h.lan.mu.Lock()
	h.dead.Store(true)
	for _, p := range h.ports {
		p.end()
	}
	h.reset(true)
	h.lan.mu.Unlock()
	h.Crash()
}

// Boot has another process begin on a host that Kill has left.
func (h *Host) Boot() { h.dead.Store(false) }

// refuse is the kernel's answer to a process that is dead.
func (h *Host) refuse(string) error {
	if h.dead.Load() {
		return fmt.Errorf("%s: the process is dead", h.Name)
	}
	return nil
}
