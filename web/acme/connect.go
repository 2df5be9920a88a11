package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"tandem/internal/pki"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/session/resolver"
	"tandem/web"
)

// requestLimit is how long an authority may take to answer.
const requestLimit = time.Minute

// connect gives the issuers their ways to the authorities.
func (c *settings) connect(h *web.HTTP) error {
	var block *session.Level
	h.Realm.Each(func(l *session.Level) {
		if block == nil {
			block = l
		}
	})
	dialer := resolver.DialerOf(block)
	var errs []error
	for _, i := range c.issuers {
		if dialer.Names == nil || dialer.Names.Servers() == 0 {
			errs = append(errs, &nc.Error{Pos: i.pos, Msg: "acme_issuer: \"resolver\" is not configured"})
			continue
		}
		w := &way{Dialer: dialer, unchecked: i.unchecked}
		if i.trusted != "" && !i.unchecked {
			var err error
			if w.trust, err = h.PKI.Trust("", maxDepth, i.trusted); err != nil {
				errs = append(errs, &nc.Error{Pos: i.pos, Msg: "acme_issuer: " + err.Error()})
				continue
			}
		}
		i.dns.connect(w)
		i.Client = &http.Client{Timeout: requestLimit, Transport: &http.Transport{DialContext: w.DialContext, DialTLSContext: w.dialTLS, IdleConnTimeout: requestLimit}}
	}
	return errors.Join(errs...)
}

// way is how an authority is reached.
type way struct {
	*resolver.Dialer
	unchecked bool       // its certificate is taken as it is
	trust     *pki.Trust // that it is held against; nil: the system's
}

func (w *way) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	raw, err := w.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(addr)
	conn := tls.Client(raw, w.config(host))
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return conn, nil
}

// config says how the authority's own certificate is verified: by Go's rules where
// it is held against what the system trusts, by OpenSSL's where
// ssl_trusted_certificate says what is trusted.
func (w *way) config(host string) *tls.Config {
	t := &tls.Config{ServerName: host, InsecureSkipVerify: w.unchecked || w.trust != nil} //nolint:gosec // see VerifyConnection
	if w.trust != nil {
		t.VerifyConnection = func(cs tls.ConnectionState) error {
			if err := w.trust.Verify(cs.PeerCertificates, x509.ExtKeyUsageServerAuth, time.Now()); err != nil {
				return fmt.Errorf("upstream SSL certificate verify error: %w", err)
			}
			if !pki.MatchesHost(cs.PeerCertificates[0], host) {
				return fmt.Errorf("upstream SSL certificate does not match \"%s\"", host)
			}
			return nil
		}
	}
	return t
}

// maxDepth is how many certificates may stand between the authority's own and a
// trusted one: as many as OpenSSL allows.
const maxDepth = 100
