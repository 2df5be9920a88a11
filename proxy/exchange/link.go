package exchange

import (
	"io"
	"time"
)

// link carries one request to a back end, and its response back: a connection of
// its own, or a stream of one that carries many.
type link interface {
	// begin sends the request, with its body as far as that is not left to a
	// sender (startSender) or to the first read.
	begin(x *Exchange) error
	// piece sends a piece of at most maxPiece bytes of the request's body, which
	// may be empty if it is the last.
	piece(x *Exchange, p []byte, last bool) error
	// head reads the head of the response into x.Head; otherwise the try has ended.
	// What has come behind the head is in x.rest.
	head(x *Exchange) (outcome, bool)
	// read reads more of the response, flow.ErrInterrupted after interrupt.
	read(x *Exchange, p []byte) (int, error)

	setReadTimeout(d time.Duration)
	setSendTimeout(d time.Duration)
	// interrupt has the one who reads give up, until resume; by another goroutine.
	interrupt()
	resume()
	// line is what is closed to have everything end that waits; by any goroutine.
	line() io.Closer
	// sent returns how many bytes have been sent for the request.
	sent() int64
	// unprocessed reports whether the back end says that it has done nothing for
	// the request, whatever of it was sent.
	unprocessed(x *Exchange, err error) bool

	// mayKeep reports whether keep may be called after a complete response, and
	// keep leaves the connection to other requests.
	mayKeep(x *Exchange, now time.Time) bool
	keep(x *Exchange, now time.Time)
	// close ends the use of the connection; trusted: it may serve others still, if
	// it can.
	close(x *Exchange, now time.Time, trusted bool)
}
