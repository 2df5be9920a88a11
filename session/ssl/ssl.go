// Package ssl is nginx's ssl module: what TLS looks like towards clients.
//
// TLS itself is Go's crypto/tls. What it does not have, or does without being
// told, is accepted and has no effect: ssl_dhparam (there is no finite-field
// Diffie-Hellman), ssl_prefer_server_ciphers (the server always chooses), ssl_buffer_size
// (records grow with the connection), ssl_early_data (never accepted).
package ssl

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"tandem/internal/pki"
	nc "tandem/nginxconf"
	"tandem/session"
)

// Module is the ssl module.
func Module(in session.Contexts) *session.Module {
	return &session.Module{Name: "ssl", Commands: commands(in), Variables: variables, Init: initModule}
}

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
	staplingFrom nc.Value[string]
	staplingHard nc.Value[bool]
	ocsp         nc.Value[ocspScope]
	ocspFrom     nc.Value[string]
	ocspCache    nc.Value[*session.Zone] // nil: none
	preferServer nc.Value[bool]
	bufferSize   nc.Value[int64]
	dhparam      nc.Value[string]
	earlyData    nc.Value[bool]
	echFiles     nc.Value[[]string]

	config    *tls.Config // nil: nothing to serve TLS with
	live      []*live     // certificates of files; nil for those by variables and of ssl_conf_command
	staple    []byte      // of ssl_stapling_file
	staplers  []*stapler  // of live; nil without, and an element is nil where nobody can be asked
	passwords [][]byte    // of keys
	trust     *pki.Trust  // of clients' certificates, nil without ssl_verify_client
	inquiry   *inquiry    // about clients' certificates, nil without ssl_ocsp
	sessions  *sessions
	shared    atomic.Pointer[sharedConfig]
}

var conf = session.NewServerSlot(inherit)

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
	c.staplingFrom.Inherit(p.staplingFrom, "")
	c.staplingHard.Inherit(p.staplingHard, false)
	c.ocsp.Inherit(p.ocsp, ocspOff)
	c.ocspFrom.Inherit(p.ocspFrom, "")
	c.ocspCache.Inherit(p.ocspCache, nil)
	c.echFiles.Inherit(p.echFiles, nil)
	return nil
}

func at[V any](field func(*settings) *nc.Value[V]) func(*nc.Scope) *nc.Value[V] {
	return session.AtServer(conf, field)
}

// initModule loads the keys of every server, and complains of listeners that
// have none.
func initModule(r *session.Realm) error {
	var errs []error
	outermost := levelsOf(r)
	for _, srv := range r.Servers() {
		c := conf.Of(srv)
		if len(c.certificates.V) == 0 {
			if srv.AsksTLS != nil && !c.reject.V && !deputyHasCertificate(srv) {
				errs = append(errs, &nc.Error{Pos: *srv.AsksTLS, Msg: "no \"ssl_certificate\" is defined for the \"listen ... ssl\" directive"})
			}
			if srv.AsksTLS == nil {
				continue
			}
		}
		if err := c.load(srv); err != nil {
			errs = append(errs, &nc.Error{Pos: srv.Pos, Msg: err.Error()})
			continue
		}
		errs = append(errs, c.loadStaplers(srv, outermost[srv]), c.loadInquiry(srv, outermost[srv]), c.warnOfNames(srv))
	}
	certs := stores.Of(r)
	for _, l := range certs.certificates {
		errs = append(errs, l.warnOfChain())
	}
	if certs.certificates != nil {
		r.Background(func(ctx context.Context) { certs.watch(ctx, r.Log) })
	}
	r.TLS = session.TLS{Config: config, Verify: verifyClient, Confirm: confirmClient, ECH: echKeys, Asks: asksForCertificate, Refuses: refuses}
	return errors.Join(errs...)
}

// levelsOf returns the outermost level of each server.
func levelsOf(r *session.Realm) map[*session.Server]*session.Level {
	levels := map[*session.Server]*session.Level{}
	r.Each(func(l *session.Level) {
		if levels[l.Server] == nil {
			levels[l.Server] = l
		}
	})
	return levels
}

// deputyHasCertificate reports whether another server may stand in for one
// without a certificate. The handshake decides.
func deputyHasCertificate(srv *session.Server) bool {
	return slices.ContainsFunc(srv.Owner.Deputies(), func(d *session.Server) bool { return len(conf.Of(d).certificates.V) > 0 })
}

// load makes the tls.Config of srv, whose settings c is.
func (c *settings) load(srv *session.Server) error {
	files := &srv.Realm.PKI
	low, high, err := pki.Protocols(c.protocols.V)
	if err != nil {
		return fmt.Errorf("\"ssl_protocols\": %w", err)
	}
	t := &tls.Config{MinVersion: low, MaxVersion: high, NextProtos: srv.Owner.ALPN()}
	if t.CipherSuites, err = pki.Ciphers(c.ciphers.V); err != nil {
		return err
	}
	if t.CurvePreferences, err = pki.Curves(c.curve.V); err != nil {
		return fmt.Errorf("SSL_CTX_set1_curves_list(\"%s\") failed (%w)", c.curve.V, err)
	}
	if t.EncryptedClientHelloKeys, err = files.ECHKeys(c.echFiles.V); err != nil {
		return err
	}
	if err := c.command(t, files); err != nil {
		return err
	}
	if err := c.loadCertificates(t, stores.Of(srv.Realm), files); err != nil {
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
		if c.live != nil {
			parts = append(parts, c.live[i].now.Load().Certificate[0])
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

// trustedFiles returns the files of trusted certificates.
func (c *settings) trustedFiles() (names []string) {
	for _, name := range []string{c.clientCA.V, c.trusted.V} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// loadTrust reads what clients' certificates are held against. Those of
// ssl_client_certificate are named to the client, too.
func (c *settings) loadTrust(t *tls.Config, files *pki.Files) error {
	names := c.trustedFiles()
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
func config(srv *session.Server, client *session.Client, hello *tls.ClientHelloInfo) (*tls.Config, error) {
	c := conf.Of(srv)
	switch {
	case c.reject.V:
		return nil, errors.New("the handshake is rejected by ssl_reject_handshake")
	case c.config == nil || len(c.certificates.V) == 0:
		return nil, nil
	}
	c.sessions.name(client.TLS)
	if c.live != nil && c.sessions.share(c.config, hello) {
		return c.sharedConfig(time.Now()), nil
	}
	t := c.config.Clone()
	c.sessions.attach(t, client.TLS)
	return t, c.loadForHandshake(t, srv, client)
}

// verifyClient judges the client's certificate.
func verifyClient(srv *session.Server, state *tls.ConnectionState) error {
	c := conf.Of(srv)
	if c.trust == nil || len(state.PeerCertificates) == 0 {
		return nil
	}
	return c.trust.Verify(state.PeerCertificates, x509.ExtKeyUsageAny, time.Now())
}

// echKeys returns the keys of ssl_ech_file.
func echKeys(srv *session.Server) []tls.EncryptedClientHelloKey {
	if t := conf.Of(srv).config; t != nil {
		return t.EncryptedClientHelloKeys
	}
	return nil
}

func asksForCertificate(srv *session.Server) bool { return conf.Of(srv).verify.V != verifyOff }

// refuses says why a client is not to be served.
func refuses(s *session.Session) error {
	c := conf.Of(s.Level().Server)
	if c.verify.V == verifyOff {
		return nil
	}
	cert, err := s.ClientCertificate()
	var untrusted *pki.VerifyError
	switch {
	case err != nil && c.verify.V == verifyOptionalNoCA && errors.As(err, &untrusted) && untrusted.IsUntrusted():
		return nil
	case cert == nil && c.verify.V == verifyOn:
		return session.ErrNoCertificate
	}
	return err
}
