package proxy

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
	"tandem/internal/flow"
	"tandem/internal/relay"
	"tandem/internal/sock"
	"tandem/proxy/upstream"
	"tandem/session"
	"tandem/stream"
)

// datagrams are those of a client and of a peer.
type datagrams struct {
	x     *call
	peer  *relay.Peer
	began int64 // by flow.Now
	out   [][]byte

	mu        sync.Mutex
	requests  int  // datagrams of the client
	responses int  // of the peer
	failed    bool // something went wrong with the peer: it counts as a failure
	how       outcome
	upload    int64    // bytes a second, 0: no limit
	waiting   [][]byte // to be sent at that rate
	sending   bool     // somebody sends them
	download  int64
	timer     *time.Timer

	last    atomic.Int64 // when one came, by flow.Now
	resting atomic.Int32 // how many wait for their rate
	resume  func()
}

// outcome is how a session of datagrams has ended.
type outcome uint8

const (
	underWay outcome = iota
	allCame
	cutOff
	timedOut
)

// exchangeDatagrams has datagrams carried both ways until as many have come as are
// expected, or none has for long enough.
func (x *call) exchangeDatagrams() stream.Code {
	for {
		x.Doing("connecting to upstream")
		peer := x.begin()
		if peer == nil {
			return stream.StatusBadGateway
		}
		fd, err := x.dialDatagrams(peer.Addr)
		if err == nil {
			x.state().connect = time.Since(x.tried)
			if x.Log().Enabled(errorlog.Info) {
				x.Notef(errorlog.Info, "udp proxy %s connected to %s", localName(fd), x.peer)
			}
			return x.carryDatagrams(fd)
		}
		x.Failf(errorlog.Error, "connect() failed (%s)", errorlog.Reason(err))
		if code := x.next(); code != session.OK {
			return code
		}
	}
}

// localName is the address of a socket, as messages of the log have it.
func localName(fd int) string {
	addr, err := unix.Getsockname(fd)
	if err != nil {
		return ""
	}
	switch a := addr.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String()
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port)).String()
	}
	return "unix:"
}

// dialDatagrams makes a socket for datagrams from and to a peer.
func (x *call) dialDatagrams(addr upstream.Addr) (fd int, err error) {
	o := x.c.options(&x.Session.Session)
	if addr.Network == "unix" {
		return sock.DatagramsUnix(addr.Text, &o)
	}
	return sock.Datagrams(addr.IP, &o)
}

// carryDatagrams has datagrams carried through a socket.
func (x *call) carryDatagrams(fd int) stream.Code {
	x.Doing("proxying connection")
	d := &datagrams{x: x, began: flow.Now(), upload: x.rate(x.c.upload.V), download: x.rate(x.c.download.V)}
	d.resume = x.Leave(d.ended)
	d.touch()
	var err error
	if d.peer, err = relay.NewPeer(fd, d, x.Packets.Outlet(), d.download > 0); err == nil {
		err = d.peer.Begin()
	}
	if err != nil {
		x.Failf(errorlog.Alert, "%v", err)
		x.close(upstream.Worked)
		return stream.StatusInternal
	}
	d.mu.Lock()
	if d.how == underWay {
		d.timer = time.AfterFunc(x.c.timeout.V, d.look)
	}
	d.mu.Unlock()
	x.Packets.Forward(d.fromClient, d.flush, func() { d.finish(cutOff) })
	return stream.Pending
}

func (d *datagrams) touch() { d.last.Store(flow.Now()) }

// finish ends the session, unless it has ended.
func (d *datagrams) finish(how outcome) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.finishLocked(how)
}

func (d *datagrams) finishLocked(how outcome) {
	if d.how != underWay {
		return
	}
	d.how = how
	if d.timer != nil {
		d.timer.Stop()
	}
	d.peer.Close()
	if how == allCame {
		// The last answer has not been sent: who gets it may come again at once.
		d.x.free(d.result())
		d.x.Gone()
	}
	d.resume()
}

// ended tells how the session has ended.
func (d *datagrams) ended() stream.Code {
	d.mu.Lock()
	defer d.mu.Unlock()
	x, code := d.x, stream.StatusOK
	switch {
	case d.how == allCame:
		x.Notef(errorlog.Info, "udp done%s", d.summary())
	case d.how == cutOff:
		x.Notef(errorlog.Info, "disconnected on shutdown")
	case x.c.responses.V == unlimited || d.responses >= x.c.responses.V*d.requests:
		x.Notef(errorlog.Info, "udp timed out%s", d.summary())
	default:
		x.Failf(errorlog.Error, "upstream timed out (110: Connection timed out)")
		d.failed, code = true, stream.StatusBadGateway
	}
	x.close(d.result())
	return code
}

func (d *datagrams) result() upstream.Result {
	if d.failed {
		return upstream.Failed
	}
	return upstream.Worked
}

// look ends the session if nothing has come for too long.
func (d *datagrams) look() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.how != underWay {
		return
	}
	if d.resting.Load() > 0 {
		d.touch()
	}
	if left := d.x.c.timeout.V - time.Duration(flow.Now()-d.last.Load()); left > 0 {
		d.timer.Reset(left)
		return
	}
	d.finishLocked(timedOut)
}

// fromClient takes a datagram of the client, which flush sends to the peer; false: the
// session has ended.
func (d *datagrams) fromClient(b []byte) bool {
	d.touch()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.how != underWay {
		return false
	}
	d.requests++
	if d.requests == 1 && d.x.c.proxyProtocol.V > 0 {
		b = append(d.x.appendProxyHeader(nil), b...)
	}
	switch {
	case d.upload == 0:
		d.out = append(d.out, b)
	case len(d.waiting) < maxWaiting: // what is more is lost, as in a socket's buffer that is full
		d.waiting = append(d.waiting, bytes.Clone(b))
	}
	if n := d.x.c.requests.V; n > 0 && d.requests >= n {
		d.x.Packets.Detach()
	}
	return true
}

// flush sends the peer what the client has sent.
func (d *datagrams) flush() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.out) > 0 {
		d.send(d.out)
		clear(d.out)
		d.out = d.out[:0]
		if cap(d.out) > maxKept {
			d.out = nil
		}
	}
	if len(d.waiting) > 0 && !d.sending {
		d.sending = true
		d.sendSlowly()
	} else if d.upload == 0 {
		d.check()
	}
}

// maxKept is how many datagrams a session keeps room for that has nothing to do, and
// maxWaiting how many wait to be sent at a rate.
const (
	maxKept    = 4
	maxWaiting = 256
)

// send sends the peer datagrams; d.mu is held.
func (d *datagrams) send(list [][]byte) {
	err := d.peer.Send(list)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		d.x.Failf(errorlog.Error, "send() failed (%s)", errorlog.Reason(err))
		d.failed = true
		d.finishLocked(allCame)
		return
	}
	for _, b := range list {
		d.x.sent.Add(int64(len(b)))
	}
}

// check ends the session if all has come that is expected; d.mu is held.
func (d *datagrams) check() {
	c := d.x.c
	if n := c.requests.V; n > 0 && d.requests < n {
		return
	}
	if c.responses.V != unlimited && d.responses >= c.responses.V*d.requests {
		d.finishLocked(allCame)
	}
}

// Receive implements relay.Receiver: the peer has sent something.
func (d *datagrams) Receive(b []byte) {
	x := d.x
	d.touch()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.how != underWay {
		return
	}
	if x.received.Add(int64(len(b))) == int64(len(b)) {
		x.receivedFirst()
	}
	x.Packets.Queue(b)
	x.CountSent(int64(len(b)))
	d.responses++
	d.check()
	if d.download > 0 && d.how == underWay {
		d.peer.Pause(true)
		wait := max(time.Duration(int64(len(b))*int64(time.Second)/d.download), d.until(d.download, x.received.Load()))
		d.rest(wait, func() { d.peer.Pause(false) })
	}
}

// Failed implements relay.Receiver.
func (d *datagrams) Failed(err error) {
	d.touch()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.how != underWay {
		return
	}
	d.x.Failf(errorlog.Error, "recv() failed (%s)", errorlog.Reason(err))
	d.failed = true
	d.responses++
	d.check()
}

// until returns how long a rate allows no more than what has been carried.
func (d *datagrams) until(rate, carried int64) time.Duration {
	left := rate*(int64(time.Duration(flow.Now()-d.began)/time.Second)+1) - carried
	if left > 0 {
		return 0
	}
	return time.Duration(-left*int64(time.Second)/rate) + time.Millisecond
}

// rest has f called later, before which nothing counts as idle.
func (d *datagrams) rest(wait time.Duration, f func()) {
	d.resting.Add(1)
	time.AfterFunc(wait, func() {
		d.touch()
		d.resting.Add(-1)
		f()
	})
}

// sendSlowly sends what waits, as fast as the rate allows; d.mu is held.
func (d *datagrams) sendSlowly() {
	for d.how == underWay && len(d.waiting) > 0 {
		wait := d.until(d.upload, d.x.sent.Load())
		if wait == 0 {
			d.send(d.waiting[:1])
			wait = time.Duration(int64(len(d.waiting[0])) * int64(time.Second) / d.upload)
			d.waiting = d.waiting[1:]
			d.check()
		}
		if wait > 0 {
			d.rest(wait, func() {
				d.mu.Lock()
				defer d.mu.Unlock()
				d.sendSlowly()
			})
			return
		}
	}
	d.sending = false
}

// summary tells what has been carried.
func (d *datagrams) summary() []byte {
	b := []byte(", packets from/to client:")
	b = appendCounts(b, d.requests, d.responses)
	return d.x.appendBytes(b)
}
