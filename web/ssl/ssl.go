// Package ssl is nginx's ssl module: what TLS looks like towards clients.
//
// TLS itself is Go's crypto/tls. What it does not have, or does without being
// told, is accepted and has no effect: ssl_dhparam (there is no finite-field
// Diffie-Hellman), ssl_prefer_server_ciphers (the server always chooses), ssl_buffer_size
// (records grow with the connection), ssl_early_data (never accepted).
package ssl

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"tandem/internal/pki"
	nc "tandem/nginxconf"
	"tandem/web"
)

// Module is the ssl module.
var Module = &web.Module{Name: "ssl", Commands: commands, Variables: variables, Init: initModule}

// verify says what is asked of the client.
type verify int

const (
	verifyOff verify = iota
	verifyOn
	verifyOptional
	verifyOptionalNoCA
)

// settings are those of a server.
type settings struct {
	certificates nc.Value[[]pemName]
	keys         nc.Value[[]pemName]
	certCache    nc.Value[*pki.Cache] // nil: none
	passwordFile nc.Value[string]
	commands     nc.Value[[]nc.Keyval]
	protocols    nc.Value[[]string]
	ciphers      nc.Value[string]
	curve        nc.Value[string]
	verify       nc.Value[verify]
	depth        nc.Value[int]
	clientCA     nc.Value[string]
	trusted      nc.Value[string]
	crl          nc.Value[string]
	tickets      nc.Value[bool]
	ticketKeys   nc.Value[[]string]
	timeout      nc.Value[time.Duration]
	reject       nc.Value[bool]
	sessionCache nc.Value[cacheChoice]
	stapling     nc.Value[bool]
	staplingFile nc.Value[string]
	preferServer nc.Value[bool]
	bufferSize   nc.Value[int64]
	dhparam      nc.Value[string]
	earlyData    nc.Value[bool]

	config    *tls.Config // nil: nothing to serve TLS with
	passwords [][]byte    // of keys
	trust     *pki.Trust  // of clients' certificates, nil without ssl_verify_client
	sessions  *sessions
}

var conf = web.NewServerSlot(inherit)

func inherit(c, p *settings) error {
	c.certificates.Inherit(p.certificates, nil)
	c.keys.Inherit(p.keys, nil)
	c.certCache.Inherit(p.certCache, nil)
	c.commands.Inherit(p.commands, nil)
	c.passwordFile.Inherit(p.passwordFile, "")
	c.protocols.Inherit(p.protocols, []string{"TLSv1.2", "TLSv1.3"})
	c.ciphers.Inherit(p.ciphers, "HIGH:!aNULL:!MD5")
	c.curve.Inherit(p.curve, "auto")
	c.verify.Inherit(p.verify, verifyOff)
	c.depth.Inherit(p.depth, 1)
	c.clientCA.Inherit(p.clientCA, "")
	c.trusted.Inherit(p.trusted, "")
	c.crl.Inherit(p.crl, "")
	c.tickets.Inherit(p.tickets, true)
	c.ticketKeys.Inherit(p.ticketKeys, nil)
	c.timeout.Inherit(p.timeout, 5*time.Minute)
	c.reject.Inherit(p.reject, false)
	c.sessionCache.Inherit(p.sessionCache, cacheChoice{})
	c.stapling.Inherit(p.stapling, false)
	c.staplingFile.Inherit(p.staplingFile, "")
	return nil
}

func at[V any](field func(*settings) *nc.Value[V]) func(*nc.Scope) *nc.Value[V] {
	return web.AtServer(conf, field)
}

// initModule loads the keys of every server, and complains of listeners that
// have none.
func initModule(h *web.HTTP) error {
	var errs []error
	for _, srv := range h.Servers {
		c := conf.Of(srv)
		pos := srv.ListensWithTLS()
		if len(c.certificates.V) == 0 {
			if pos != nil && !c.reject.V && !anyCertificate(h, srv) {
				errs = append(errs, &nc.Error{Pos: *pos, Msg: "no \"ssl_certificate\" is defined for the \"listen ... ssl\" directive"})
			}
			if pos == nil {
				continue
			}
		}
		if err := c.load(srv); err != nil {
			errs = append(errs, &nc.Error{Pos: srv.Pos, Msg: err.Error()})
		}
	}
	h.TLS = web.TLS{Config: config, Verify: verifyClient, Asks: asksForCertificate, Demands: demands}
	return errors.Join(errs...)
}

// anyCertificate reports whether another server of the same addresses may
// stand in for one without a certificate, as nginx allows for all but the
// default one. The handshake decides.
func anyCertificate(h *web.HTTP, srv *web.Server) bool {
	for _, other := range h.Servers {
		if other != srv && other.SharesAddress(srv) && len(conf.Of(other).certificates.V) > 0 && !srv.IsDefault() {
			return true
		}
	}
	return false
}

// load makes the tls.Config of srv, whose settings c is.
func (c *settings) load(srv *web.Server) error {
	files := &srv.HTTP.PKI
	low, high, err := pki.Protocols(c.protocols.V)
	if err != nil {
		return fmt.Errorf("\"ssl_protocols\": %w", err)
	}
	t := &tls.Config{MinVersion: low, MaxVersion: high, NextProtos: srv.ALPN()}
	if t.CipherSuites, err = pki.Ciphers(c.ciphers.V); err != nil {
		return err
	}
	if t.CurvePreferences, err = pki.Curves(c.curve.V); err != nil {
		return fmt.Errorf("SSL_CTX_set1_curves_list(\"%s\") failed (%w)", c.curve.V, err)
	}
	if err := c.command(t, files); err != nil {
		return err
	}
	if err := c.loadCertificates(t, files); err != nil {
		return err
	}
	if c.verify.V != verifyOff {
		t.ClientAuth = tls.RequestClientCert
		if err := c.loadTrust(t, files); err != nil {
			return err
		}
	}
	c.sessions = &sessions{life: c.timeout.V, tickets: c.tickets.V, cache: c.sessionCache.V.open()}
	if c.sessions.context, err = c.makeContext(t, files); err != nil {
		return err
	}
	if c.sessions.own, err = readTicketKeys(c.ticketKeys.V); err != nil {
		return err
	}
	c.config = t
	return nil
}

// makeContext returns what sessions are agreed under. Certificates by variables
// count by their names, as in nginx.
func (c *settings) makeContext(t *tls.Config, files *pki.Files) (sessionContext, error) {
	var parts [][]byte
	for i, name := range c.certificates.V {
		if i < len(t.Certificates) {
			parts = append(parts, t.Certificates[i].Certificate[0])
		} else {
			parts = append(parts, []byte(name.text))
		}
	}
	if c.verify.V != verifyOff {
		var named []byte
		if c.clientCA.V != "" {
			var err error
			if named, err = files.Read(c.clientCA.V); err != nil {
				return sessionContext{}, err
			}
		}
		parts = append(parts, []byte("asks"), named)
	}
	return newSessionContext(parts...), nil
}

// loadTrust reads what clients' certificates are held against. Those of
// ssl_client_certificate are named to the client, too.
func (c *settings) loadTrust(t *tls.Config, files *pki.Files) error {
	var names []string
	for _, name := range []string{c.clientCA.V, c.trusted.V} {
		if name != "" {
			names = append(names, name)
		}
	}
	if names == nil && len(c.certificates.V) == 0 {
		// The default server asks in its place, and judges.
		return nil
	}
	if names == nil && c.verify.V != verifyOptionalNoCA {
		return errors.New("no ssl_client_certificate or ssl_trusted_certificate for ssl_verify_client")
	}
	var err error
	if c.trust, err = files.Trust(c.crl.V, c.depth.V, names...); err != nil || c.clientCA.V == "" {
		return err
	}
	named, err := files.Trust("", 0, c.clientCA.V)
	if err == nil {
		t.ClientCAs = named.Named()
	}
	return err
}

// config answers a ClientHello.
func config(srv *web.Server, hello *tls.ClientHelloInfo, session *web.TLSSession) (*tls.Config, error) {
	c := conf.Of(srv)
	switch {
	case c.reject.V:
		return nil, errors.New("the handshake is rejected by ssl_reject_handshake")
	case c.config == nil || len(c.certificates.V) == 0:
		return nil, nil
	}
	t := c.config.Clone()
	c.sessions.attach(t, session)
	return t, c.loadByVariables(t, srv, hello)
}

// verifyClient judges the client's certificate.
func verifyClient(srv *web.Server, state *tls.ConnectionState) error {
	c := conf.Of(srv)
	if c.trust == nil || len(state.PeerCertificates) == 0 {
		return nil
	}
	return c.trust.Verify(state.PeerCertificates, x509.ExtKeyUsageAny, time.Now())
}

func asksForCertificate(srv *web.Server) bool { return conf.Of(srv).verify.V != verifyOff }

// demands says what the verification comes to for a request.
func demands(r *web.Request) web.Code {
	c := conf.Of(r.Server)
	if c.verify.V == verifyOff {
		return 0
	}
	cert, err := r.ClientCertificate()
	var untrusted *pki.VerifyError
	switch {
	case err != nil && c.verify.V == verifyOptionalNoCA && errors.As(err, &untrusted) && untrusted.IsUntrusted():
	case err != nil:
		r.Logf(logInfo, "client SSL certificate verify error: %v while reading client request headers", err)
		return web.StatusCertError
	case cert == nil && c.verify.V == verifyOn:
		r.Logf(logInfo, "client sent no required SSL certificate while reading client request headers")
		return web.StatusNoCert
	}
	return 0
}
