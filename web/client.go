package web

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"time"

	"tandem/internal/cidr"
	"tandem/internal/flow"
	"tandem/internal/forwarded"
	"tandem/session"
	"tandem/web/message"
)

// WatchClient has gone called, once and from another goroutine, when the
// client closes its connection, until StopWatch. gone must be quick and must
// not call StopWatch.
func (r *Request) WatchClient(gone func()) { r.Main.departure.watch(r.carrier, gone) }

// StopWatch ends WatchClient. When it returns, gone is not running and will
// not be called.
func (r *Request) StopWatch() { r.carrier.StopWatch() }

// Wait lets a time pass. It returns false, and sooner, when the client closes
// its connection meanwhile.
func (r *Request) Wait(d time.Duration) bool {
	r.arrived()
	timer := time.NewTimer(d)
	defer timer.Stop()
	left := make(chan struct{})
	r.WatchClient(func() { close(left) })
	defer r.StopWatch()
	defer r.Waited()
	select {
	case <-timer.C:
		return true
	case <-left:
		return false
	}
}

// SetRate limits the response to so many bytes a second, 0 for no limit, in
// place of limit_rate.
func (r *Request) SetRate(rate int64) { r.rate, r.LimitRateSet = rate, true }

// WantsUpgrade reports whether the client asks for another protocol on its
// connection (RFC 9110 section 7.8), and can be given it.
func (r *Request) WantsUpgrade() bool {
	_, can := r.carrier.(Tunnel)
	return can && r.Head.Has(message.Upgrade)
}

// UseGET makes the request a GET, or leaves it a HEAD, as internal redirects
// do that answer in place of something else.
func (r *Request) UseGET() {
	if r.Method != HEAD {
		r.Method, r.MethodName = GET, methodGET
	}
}

// WhenSlow has slow called, once and on the goroutine of the request, when
// sending to the client has to wait; nil ends that. slow must not block.
func (r *Request) WhenSlow(slow func()) { r.carrier.OnSlow(slow) }

// InterruptBody makes a BodyReader that waits for the client on another
// goroutine give up, until ResumeBody.
func (r *Request) InterruptBody() { r.carrier.InterruptBody() }

// ResumeBody ends InterruptBody, when nothing reads the body any more.
func (r *Request) ResumeBody() { r.carrier.ResumeBody() }

// BodyDiscarded reports whether the request body is not to be read.
func (r *Request) BodyDiscarded() bool { return r.Main.discarded }

// BodyComplete reports whether the whole request body has been read.
func (r *Request) BodyComplete() bool { return r.carrier.BodyDone() }

// ReadEarlyBody reads what the client has sent of the request body together
// with its head into Body, without waiting for more. When that is all of it,
// Body is as after ReadBody; otherwise the rest is for BodyReader. It returns
// OK, or the status to answer with.
func (r *Request) ReadEarlyBody() Code {
	if err := r.Main.ExpectContinue(); err != nil {
		return Error
	}
	b := &r.Main.Body
	b.Data = b.buf[:0]
	if r.Head.ContentLength == 0 {
		b.Data = nonNil(b.Data) // $request_body is there, and empty
	}
	for r.carrier.BodyBuffered() > 0 {
		b.grow(int64(cap(b.Data))+4096, -1)
		n, err := r.ReadBodyNow(b.Data[len(b.Data):cap(b.Data)])
		b.Data = b.Data[:len(b.Data)+n]
		if err == flow.ErrNotYet {
			break
		}
		if err != nil && err != io.EOF {
			return r.bodyError(err)
		}
	}
	b.buf, b.Len, b.Read = b.Data, int64(len(b.Data)), r.carrier.BodyDone()
	if limit := r.Core.ClientMaxBodySize.V; limit > 0 && b.Len > limit {
		return r.BodyTooLarge(b.Len)
	}
	return OK
}

// ReadBodyNow reads what can be read of the request body without waiting;
// flow.ErrNotYet when that is nothing.
func (r *Request) ReadBodyNow(p []byte) (int, error) { return r.carrier.ReadBodyNow(p) }

// BodyError logs why the request body could not be read, and returns the
// status to answer with.
func (r *Request) BodyError(err error) Code { return r.bodyError(err) }

// BodyTooLarge is BodyError for a body of more than client_max_body_size.
func (r *Request) BodyTooLarge(size int64) Code {
	r.Logf(errLevelError, "client intended to send too large chunked body: %d bytes", size)
	return 413
}

// StartTunnel sends the head of the response and leaves the connection to
// TunnelRead and TunnelWrite, which may be used by one goroutine each. The error
// is also that the client's protocol has no tunnels.
func (r *Request) StartTunnel() error {
	t, can := r.carrier.(Tunnel)
	if !can {
		return errors.ErrUnsupported
	}
	return t.StartTunnel()
}

// TunnelRead reads what the client sends after its request, without a time
// limit; InterruptBody ends it. A tunnel has been started.
func (r *Request) TunnelRead(p []byte) (int, error) { return r.carrier.(Tunnel).TunnelRead(p) }

// TunnelWrite sends bytes to the client as they are. A tunnel has been started.
func (r *Request) TunnelWrite(p []byte) error {
	_, err := r.carrier.(Tunnel).TunnelWrite(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		r.Logf(errLevelInfo, "client timed out (110: Connection timed out) while proxying upgraded connection")
		r.TimedOut()
	}
	return err
}

// Forwarded returns the address that a request has come from to peer through
// trusted proxies, as the fields X-Forwarded-For tell it; see forwarded.Addr.
func Forwarded(s *session.Session, peer netip.AddrPort, trusted *cidr.Set, recursive bool) netip.AddrPort {
	var buf [8][]byte
	addr, _ := forwarded.Addr(peer, RequestOf(s).Head.Values(buf[:0], message.XForwardedFor), trusted, recursive)
	return addr
}

// SatisfiedByAny reports whether it is enough for a request that one of those that
// restrict access allows it (satisfy any).
func SatisfiedByAny(s *session.Session) bool { return RequestOf(s).Core.Satisfy.V == SatisfyAny }

// Wait is Request.Wait for the request of a session.
func Wait(s *session.Session, d time.Duration) bool { return RequestOf(s).Wait(d) }
