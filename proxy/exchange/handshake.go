package exchange

import (
	"context"
	"errors"
	"io"

	"tandem/internal/pki"
	"tandem/proxy/secure"
)

// handshake does the handshake of a new connection, within the time for
// connecting.
func (x *Exchange) handshake(c *Conn) error {
	ctx, cancel := context.WithTimeout(x.context(), x.Settings.ConnectTimeout.V)
	defer cancel()
	return c.tls.HandshakeContext(ctx)
}

// handshakeFailed ends a try whose handshake failed.
func (x *Exchange) handshakeFailed(err error) outcome {
	var verify *pki.VerifyError
	var mismatch secure.Mismatch
	switch {
	case x.clientGone.Load():
		return x.abandoned()
	case errors.As(err, &verify):
		x.log(logError, handshaking, "upstream SSL certificate verify error: %v", verify)
	case errors.As(err, &mismatch):
		x.log(logError, handshaking, "%v", mismatch)
	case isTimeout(err), errors.Is(err, context.DeadlineExceeded):
		return x.nextTimeout(handshaking)
	case errors.Is(err, io.EOF):
		x.log(logError, handshaking, "peer closed connection in SSL handshake")
	default:
		x.log(logError, handshaking, "SSL_do_handshake() failed (SSL: %v)", err)
	}
	return x.next(OnError)
}
