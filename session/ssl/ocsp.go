package ssl

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/ocsp"
	"tandem/internal/pki"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/session/resolver"
)

// ocspScope is which certificates of a client's chain are asked about.
type ocspScope int

const (
	ocspOff   ocspScope = iota
	ocspChain           // all but the trusted one at its end
	ocspLeaf            // the client's own
)

// inquiry is how a server asks about the certificates of its clients.
type inquiry struct {
	scope     ocspScope
	responder *ocsp.Responder // of ssl_ocsp_responder, nil: the certificates' own
	dialer    *resolver.Dialer
	store     *pki.Trust
	cache     *cache[certificateID, ocsp.Verdict] // nil: none
}

// certificateID says which certificate an answer is about: its issuer's name and key,
// and its serial number.
type certificateID [sha256.Size]byte

func newVerdictCache(entries int) *cache[certificateID, ocsp.Verdict] {
	return &cache[certificateID, ocsp.Verdict]{max: entries}
}

// loadInquiry reads what the ssl_ocsp directives of srv come to.
func (c *settings) loadInquiry(srv *session.Server, at *session.Level) error {
	switch {
	case c.ocsp.V == ocspOff:
		return nil
	case c.verify.V == verifyOptionalNoCA:
		return &nc.Error{Pos: srv.Pos, Msg: "\"ssl_ocsp\" is incompatible with \"ssl_verify_client optional_no_ca\""}
	}
	q := &inquiry{scope: c.ocsp.V, dialer: resolver.DialerOf(at)}
	var err error
	if c.ocspFrom.V != "" {
		if q.responder, err = ocsp.ReadResponder(c.ocspFrom.V); err != nil {
			return &nc.Error{Pos: srv.Pos, Msg: fmt.Sprintf("%v in OCSP responder \"%s\" in \"ssl_ocsp_responder\"", err, c.ocspFrom.V)}
		}
		q.dialer.System = true
	}
	if q.store, err = srv.Realm.PKI.Trust("", maxChain, c.trustedFiles()...); err != nil {
		return &nc.Error{Pos: srv.Pos, Msg: err.Error()}
	}
	if z := c.ocspCache.V; z != nil {
		q.cache, _ = z.Data().(*cache[certificateID, ocsp.Verdict])
	}
	c.inquiry = q
	return nil
}

// The verdicts on clients that a responder has something against, and of those whom
// none has answered about, with nginx's words.
var (
	errStatusFailed  = errors.New("certificate status request failed")
	errStatusRevoked = errors.New("certificate revoked")
	errStatusUnknown = errors.New("certificate status unknown")
)

// confirmClient asks about a client's certificate that is trusted.
func confirmClient(ctx context.Context, srv *session.Server, state *tls.ConnectionState) error {
	c := conf.Of(srv)
	if c.inquiry == nil || c.trust == nil {
		return nil
	}
	chain, err := c.trust.Chain(state.PeerCertificates, x509.ExtKeyUsageAny, time.Now())
	if err != nil {
		return nil // which Verify says
	}
	for i, cert := range chain[:len(chain)-1] {
		if i > 0 && c.inquiry.scope == ocspLeaf {
			break
		}
		status, err := c.inquiry.status(ctx, cert, chain[i+1], chain)
		switch {
		case err != nil:
			srv.Realm.Log.Printf(errorlog.Error, "%v, client certificate: \"%s\"", err, pki.NameRFC2253(cert.RawSubject))
			return errStatusFailed
		case status == ocsp.Revoked:
			return errStatusRevoked
		case status != ocsp.Good:
			return errStatusUnknown
		}
	}
	return nil
}

// keepUndated is for how long an answer is kept that does not say itself.
const keepUndated = time.Hour

// status returns what a responder says of a certificate, or has said.
func (q *inquiry) status(ctx context.Context, cert, issuer *x509.Certificate, chain []*x509.Certificate) (ocsp.Status, error) {
	responder, err := q.responder, error(nil)
	if responder == nil {
		responder, err = ocsp.ResponderOf(cert)
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("%w in OCSP responder \"%s\" in certificate", err, cert.OCSPServer[0])
	case responder == nil:
		return 0, errors.New("no OCSP responder URL in certificate")
	}
	id := certificateID(newSessionContext(issuer.RawSubject, issuer.RawSubjectPublicKeyInfo, cert.SerialNumber.Bytes()))
	if q.cache != nil {
		if v, ok := q.cache.get(id); ok && time.Now().Before(v.Until) {
			return v.Status, nil
		}
	}
	_, v, err := inquire(ctx, responder, q.dialer.DialContext, &ocsp.Question{Cert: cert, Issuer: issuer, Chain: chain, Trust: ocsp.Explicit, Store: q.store})
	if err != nil {
		return 0, whileAsking(responder, err)
	}
	if q.cache != nil {
		if v.Until.IsZero() {
			v.Until = time.Now().Add(keepUndated)
		}
		q.cache.put(id, v)
	}
	return v.Status, nil
}

// inquire asks a responder, and returns its answer as it is and what it says.
func inquire(ctx context.Context, r *ocsp.Responder, dial ocsp.Dial, q *ocsp.Question) ([]byte, ocsp.Verdict, error) {
	der, err := r.Ask(ctx, dial, q.Cert, q.Issuer)
	if err != nil {
		return nil, ocsp.Verdict{}, err
	}
	v, err := q.Check(der, time.Now())
	return der, v, err
}

// whileAsking says in which undertaking something went wrong, as nginx does.
func whileAsking(r *ocsp.Responder, err error) error {
	return fmt.Errorf("%w while requesting certificate status, responder: %s", err, r.Host)
}
