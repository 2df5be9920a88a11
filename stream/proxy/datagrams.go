package proxy

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
	"tandem/internal/flow"
	"tandem/internal/privilege"
	"tandem/proxy/upstream"
	"tandem/session"
	"tandem/stream"
)

// datagrams are those of a client and of a peer.
type datagrams struct {
	x     *call
	conn  net.Conn
	begun time.Time

	mu        sync.Mutex
	requests  int  // datagrams of the client
	responses int  // of the peer
	failed    bool // something went wrong with the peer: it counts as a failure
	upload    int64
	download  int64

	last atomic.Int64 // when one came, by flow.Now
	done chan struct{}
	end  sync.Once
}

// exchangeDatagrams carries datagrams both ways until as many have come as are
// expected, or none has for long enough.
func (x *call) exchangeDatagrams() stream.Code {
	var d *datagrams
	for d == nil {
		x.Doing("connecting to upstream")
		peer := x.begin()
		if peer == nil {
			return stream.StatusBadGateway
		}
		conn, err := x.dialDatagrams(peer.Addr)
		if err == nil {
			d = &datagrams{x: x, conn: conn, begun: time.Now(), done: make(chan struct{})}
			break
		}
		x.Failf(errorlog.Error, "connect() failed (%s)", errorlog.Reason(err))
		if code := x.next(); code != session.OK {
			return code
		}
	}
	x.state().connect = time.Since(x.tried)
	x.Notef(errorlog.Info, "udp proxy %v connected to %s", d.conn.LocalAddr(), x.peer)
	return d.run()
}

// dialDatagrams makes a socket for datagrams from and to a peer.
func (x *call) dialDatagrams(addr upstream.Addr) (net.Conn, error) {
	dialer := net.Dialer{Timeout: x.c.connect.V}
	b := x.c.bind.V
	if local := b.Local(&x.Session.Session); local.IsValid() {
		dialer.LocalAddr = net.UDPAddrFromAddrPort(local)
	}
	dialer.Control = func(_, _ string, raw syscall.RawConn) (err error) {
		failed := raw.Control(func(fd uintptr) { err = x.prepare(int(fd), b.Transparent()) })
		return errors.Join(failed, err)
	}
	if addr.Network == "unix" {
		return dialer.DialContext(context.Background(), "unixgram", addr.Text)
	}
	return dialer.DialContext(context.Background(), "udp", addr.IP.String())
}

// prepare sets what is to be set before a socket is bound.
func (x *call) prepare(fd int, transparent bool) (err error) {
	set := func(level, name, value int) {
		if e := unix.SetsockoptInt(fd, level, name, value); e != nil && err == nil {
			err = os.NewSyscallError("setsockopt", e)
		}
	}
	if n := int(x.c.rcvbuf.V); n > 0 {
		set(unix.SOL_SOCKET, unix.SO_RCVBUF, n)
	}
	if n := int(x.c.sndbuf.V); n > 0 {
		set(unix.SOL_SOCKET, unix.SO_SNDBUF, n)
	}
	if transparent {
		privilege.With(privilege.Of(privilege.NetRaw), func() { set(unix.SOL_IP, unix.IP_TRANSPARENT, 1) })
	}
	return err
}

// run carries datagrams until the session is done.
func (d *datagrams) run() stream.Code {
	x := d.x
	x.Doing("proxying connection")
	d.upload, d.download = x.rate(x.c.upload.V), x.rate(x.c.download.V)
	d.touch()
	timer := time.NewTimer(x.c.timeout.V)
	defer timer.Stop()
	if d.upload > 0 {
		d.forwardSlowly()
	} else {
		x.Packets.Forward(d.fromClient)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		d.fromPeer()
	}()
	code := d.wait(timer)
	_ = d.conn.Close()
	<-read
	result := upstream.Worked
	if d.failed {
		result = upstream.Failed
	}
	x.close(result)
	return code
}

// wait waits until the session is done, and returns its status.
func (d *datagrams) wait(timer *time.Timer) stream.Code {
	x := d.x
	for {
		select {
		case <-d.done:
			x.Notef(errorlog.Info, "udp done%s", d.summary())
			return stream.StatusOK
		case <-x.Packets.Closed():
			x.Notef(errorlog.Info, "disconnected on shutdown")
			return stream.StatusOK
		case <-timer.C:
			left := x.c.timeout.V - time.Duration(flow.Now()-d.last.Load())
			if left <= 0 {
				return d.timedOut()
			}
			timer.Reset(left)
		}
	}
}

func (d *datagrams) touch() { d.last.Store(flow.Now()) }

func (d *datagrams) finish() { d.end.Do(func() { close(d.done) }) }

// timedOut returns what it comes to that no datagram has come for too long.
func (d *datagrams) timedOut() stream.Code {
	d.mu.Lock()
	defer d.mu.Unlock()
	x := d.x
	if x.c.responses.V == unlimited || d.responses >= x.c.responses.V*d.requests {
		x.Notef(errorlog.Info, "udp timed out%s", d.summary())
		return stream.StatusOK
	}
	x.Failf(errorlog.Error, "upstream timed out (110: Connection timed out)")
	d.failed = true
	return stream.StatusBadGateway
}

// fromClient sends the peer a datagram of the client.
func (d *datagrams) fromClient(b []byte) {
	x := d.x
	d.touch()
	d.mu.Lock()
	d.requests++
	if d.requests == 1 && x.c.proxyProtocol.V > 0 {
		b = append(x.appendProxyHeader(nil), b...)
	}
	d.mu.Unlock()
	n, err := d.conn.Write(b)
	x.sent.Add(int64(n))
	if err != nil && !errors.Is(err, net.ErrClosed) {
		x.Failf(errorlog.Error, "send() failed (%s)", errorlog.Reason(err))
		d.mu.Lock()
		d.failed = true
		d.mu.Unlock()
		d.finish()
		return
	}
	d.check()
}

// check ends the session if all has come that is expected.
func (d *datagrams) check() {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.x.c
	if n := c.requests.V; n > 0 {
		if d.requests < n {
			return
		}
		d.x.Packets.Detach()
	}
	if c.responses.V != unlimited && d.responses >= c.responses.V*d.requests {
		d.finish()
	}
}

// fromPeer sends the client the datagrams of the peer, until the socket is closed.
func (d *datagrams) fromPeer() {
	x := d.x
	buf := make([]byte, 64<<10)
	for {
		if d.download > 0 {
			d.rest(d.download, x.received.Load())
		}
		n, err := d.conn.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		d.touch()
		if err != nil {
			x.Failf(errorlog.Error, "recv() failed (%s)", errorlog.Reason(err))
		} else {
			x.receivedFirst(int64(n))
			if err := x.Packets.Send(buf[:n]); err != nil {
				x.Failf(errorlog.Info, "sendmsg() failed (%s)", errorlog.Reason(err))
			} else {
				x.CountSent(int64(n))
			}
		}
		d.mu.Lock()
		d.responses++
		d.failed = d.failed || err != nil
		d.mu.Unlock()
		d.check()
		if err != nil {
			return
		}
		if d.download > 0 {
			d.sleep(time.Duration(int64(n) * int64(time.Second) / d.download))
		}
	}
}

// rest waits until a rate allows more than what has been carried.
func (d *datagrams) rest(rate, carried int64) {
	for {
		limit := rate*(int64(time.Since(d.begun)/time.Second)+1) - carried
		if limit > 0 || !d.sleep(time.Duration(-limit*int64(time.Second)/rate)+time.Millisecond) {
			return
		}
	}
}

// sleep waits, during which nothing counts as idle; false: the session is done.
func (d *datagrams) sleep(t time.Duration) bool {
	const step = 50 * time.Millisecond
	for ; t > 0; t -= step {
		select {
		case <-d.done:
			return false
		case <-d.x.Packets.Closed():
			return false
		case <-time.After(min(t, step)):
			d.touch()
		}
	}
	return true
}

// forwardSlowly is Forward of fromClient at the rate of the upload.
func (d *datagrams) forwardSlowly() {
	queue := make(chan []byte, maxWaiting)
	d.x.Packets.Forward(func(b []byte) {
		select {
		case queue <- append([]byte(nil), b...):
		default: // as a socket's buffer that is full
		}
	})
	go func() {
		for {
			d.rest(d.upload, d.x.Received())
			select {
			case b := <-queue:
				d.fromClient(b)
				d.sleep(time.Duration(int64(len(b)) * int64(time.Second) / d.upload))
			case <-d.done:
				return
			case <-d.x.Packets.Closed():
				return
			}
		}
	}()
}

// maxWaiting is how many datagrams wait to be sent at a rate.
const maxWaiting = 256

// summary tells what has been carried.
func (d *datagrams) summary() []byte {
	b := []byte(", packets from/to client:")
	b = appendCounts(b, d.requests, d.responses)
	return d.x.appendBytes(b)
}
