package exchange

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"tandem/internal/pki"
)

// tlsIdentity is what a connection over TLS was made with: it is reused only
// for requests with the same.
type tlsIdentity struct {
	settings        *Settings
	name, cert, key string
}

// identify evaluates what the connection depends on.
func (x *Exchange) identify() tlsIdentity {
	t := &x.Settings.tls
	id := tlsIdentity{settings: x.Settings, name: x.Target.Name}
	if t.name.V != nil {
		id.name = string(t.name.V.Value(x.Request))
	}
	id.name = stripPort(id.name)
	if c := t.certificate.V; c != nil && t.context.certificate == nil {
		if id.cert = string(c.Value(x.Request)); id.cert != "" {
			id.key = string(t.key.V.Value(x.Request))
		}
	}
	return id
}

// stripPort takes the port off a name, as nginx does for names that come from
// variables such as $proxy_host.
func stripPort(name string) string {
	if strings.HasPrefix(name, "[") {
		if i := strings.IndexByte(name, ']'); i > 0 {
			return name[1:i]
		}
		return name
	}
	host, _, _ := strings.Cut(name, ":")
	return host
}

// errMismatch is that the back end's certificate is for somebody else.
type errMismatch struct{ name string }

func (e errMismatch) Error() string {
	return fmt.Sprintf("upstream SSL certificate does not match \"%s\"", e.name)
}

// secure makes a TLS connection of nc, without a handshake yet.
func (x *Exchange) secure(nc net.Conn, id tlsIdentity) (*tls.Conn, error) {
	t := &x.Settings.tls
	config := t.context.config.Clone()
	if _, err := netip.ParseAddr(id.name); err != nil && t.serverName.V {
		// RFC 6066 section 3: "Literal IPv4 and IPv6 addresses are not
		// permitted in "HostName"."
		config.ServerName = id.name
	}
	cert := t.context.certificate
	if id.cert != "" {
		var err error
		if t.cache.V != nil {
			cert, err = t.cache.V.get(t, id.cert, id.key, time.Now())
		} else {
			cert, err = t.load(id.cert, id.key)
		}
		if err != nil {
			return nil, err
		}
	}
	if cert != nil {
		// Whatever authorities the back end names, as OpenSSL does.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	if trust := t.context.trust; trust != nil {
		config.VerifyConnection = func(cs tls.ConnectionState) error {
			if err := trust.Verify(cs.PeerCertificates, x509.ExtKeyUsageServerAuth, clock()); err != nil {
				return err
			}
			if !pki.MatchesHost(cs.PeerCertificates[0], id.name) {
				return errMismatch{id.name}
			}
			return nil
		}
	}
	return tls.Client(nc, config), nil
}

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
	var mismatch errMismatch
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
