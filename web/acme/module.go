// Package acme is nginx's acme module: certificates that the server gets by itself.
//
//	acme_issuer NAME { uri URL; ... }
//	acme_certificate ISSUER [NAME ...] [key=TYPE];
//	acme_shared_zone zone=NAME:SIZE;
//	ssl_certificate $acme_certificate; ssl_certificate_key $acme_certificate_key;
//
// The certificates are the [acme.Keeper]'s, which outlives configurations.
package acme

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"tandem/acme"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

// Module is the acme module. It comes behind the ssl module, whose handshakes it
// answers in part.
var Module = &web.Module{
	Name: "acme",
	Commands: append([]nc.Command{
		{Name: "acme_issuer", In: nc.HTTP, Arity: nc.Block | nc.Take1, Set: readIssuer},
		{Name: "acme_shared_zone", In: nc.HTTP, Arity: nc.Take1, Set: readZone},
		{Name: "acme_certificate", In: nc.Server, Arity: nc.OneMore, Set: readCertificate},
	}, angieCommands...),
	Variables: append([]web.Variable{
		{Name: "acme_certificate", Get: pemOf(func(chain, _ string) string { return chain })},
		{Name: "acme_certificate_key", Get: pemOf(func(_, key string) string { return key })},
	}, angieVariables...),
	Init: initModule,
}

// settings are those of the http block.
type settings struct {
	issuers []*issuer
	zone    bool // there is an acme_shared_zone

	// Of Angie's directives:
	clients    []*client
	clientPath string         // "": none
	dnsAt      netip.AddrPort // zero: not set
	dnsTTL     nc.Value[int]  // seconds

	keeper *acme.Keeper
	certs  []*acme.Certificate // that servers want, each once
}

var conf = session.NewRealmSlot[settings]()

// wanted is the certificate that a server wants.
type wanted struct {
	pos    nc.Pos
	issuer string // "" for none
	names  []string
	key    acme.KeyType
	uses   []use // of clients

	cert *acme.Certificate // nil before initModule
}

var server = session.NewServerSlot[wanted](nil)

// Keeper returns the keeper of the certificates of a configuration, nil if it has
// no issuers.
func Keeper(r *session.Realm) *acme.Keeper {
	if r.Empty() {
		return nil
	}
	return conf.Of(r).keeper
}

// initModule has the keeper know what is wanted, answers authorities, and has the
// keeper work once the configuration is in force.
func initModule(h *web.HTTP) error {
	c := conf.Of(&h.Realm)
	var errs []error
	for _, srv := range h.Servers {
		w := server.Of(&srv.Server)
		if w.issuer == "" {
			continue
		}
		if err := c.want(srv, w); err != nil {
			errs = append(errs, &nc.Error{Pos: w.pos, Msg: err.Error()})
		}
	}
	if err := c.completeClients(h); err != nil {
		errs = append(errs, err)
	}
	if c.issuers == nil || errs != nil {
		return errors.Join(errs...)
	}
	if err := c.connect(h); err != nil {
		return err
	}
	if h.Previous != nil {
		c.keeper = conf.Of(h.Previous).keeper
	}
	if c.keeper == nil {
		c.keeper = acme.NewKeeper()
	}
	c.keeper.Add(c.certs)
	h.Handle(web.PostRead, answer)
	answerHandshakes(h, c.keeper)
	h.Background(func(ctx context.Context) {
		c.keeper.Use(c.certs, h.Log)
		c.keeper.Run(ctx)
	})
	if c.answersNames() {
		h.Background(func(ctx context.Context) { c.serveNames(ctx, h) })
	}
	return nil
}

// want finds out what certificate a server wants.
func (c *settings) want(srv *web.Server, w *wanted) error {
	if w.names == nil {
		var err error
		if w.names, err = namesOf(srv); err != nil {
			return fmt.Errorf("\"acme_certificate\": %w", err)
		}
		if w.names == nil {
			return errors.New("\"acme_certificate\": no identifiers found in \"server_name\"")
		}
	}
	for _, i := range c.issuers {
		if i.Name == w.issuer {
			w.cert = c.once(&acme.Certificate{Issuer: &i.Issuer, Names: unique(w.names), Key: w.key})
			return nil
		}
	}
	return fmt.Errorf("issuer \"%s\" is missing", w.issuer)
}

// namesOf returns what the names of a server stand for in a certificate.
func namesOf(srv *web.Server) (list []string, err error) {
	for _, name := range srv.Names {
		if name.Text == "" || name.Regexp() != nil {
			continue
		}
		names, err := identifiers(name.Text)
		if err != nil {
			return nil, err
		}
		list = append(list, names...)
	}
	return list, nil
}

// once returns the certificate that another server wants, if it is the same.
func (c *settings) once(cert *acme.Certificate) *acme.Certificate {
	for _, other := range c.certs {
		if other.Issuer == cert.Issuer && other.ID() == cert.ID() {
			return other
		}
	}
	c.certs = append(c.certs, cert)
	return cert
}

// pemOf is a variable with a part of the server's certificate, as ssl_certificate
// takes it.
func pemOf(part func(chain, key string) string) web.Getter {
	return func(r *web.Request, dst []byte) ([]byte, bool) {
		cert := server.Of(&r.Server.Server).cert
		k := conf.Of(&r.Server.HTTP.Realm).keeper
		if cert == nil || k == nil {
			return dst, false
		}
		return appendPEM(dst, part(k.Certificate(cert)))
	}
}

// appendPEM appends PEM as ssl_certificate takes it; false when there is none yet.
func appendPEM(dst []byte, text string) ([]byte, bool) {
	if text == "" {
		return dst, false
	}
	return append(append(dst, "data:"...), text...), true
}

const wellKnown = "/.well-known/acme-challenge/"

var plain = []byte("text/plain")

// answer answers HTTP-01 (RFC 8555 section 8.3) on every server and port, before
// anything that the configuration says of the path.
func answer(r *web.Request) web.Code {
	k := conf.Of(&r.Server.HTTP.Realm).keeper
	if !k.Answering() || r.Method != web.GET {
		return web.Declined
	}
	token, ok := strings.CutPrefix(string(r.Path), wellKnown)
	if !ok {
		return web.Declined
	}
	text, ok := k.HTTP01(token)
	if !ok {
		return web.Declined
	}
	r.DiscardBody()
	r.CloseAfter()
	p := &r.Response
	p.Status, p.ContentType, p.ContentLength = 200, plain, int64(len(text))
	code := r.SendHeader()
	if code == web.OK && !r.HeaderOnly {
		code = r.SendBody(web.Chunk{Data: []byte(text), Last: true})
	}
	r.Finalize(code)
	return web.Done
}

// answerHandshakes answers TLS-ALPN-01 (RFC 8737 section 3) in any handshake in
// which an authority asks.
func answerHandshakes(h *web.HTTP, k *acme.Keeper) {
	others := h.TLS.Config
	h.TLS.Config = func(srv *session.Server, c *session.Client, hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acme.ALPN {
			cert, err := k.TLSALPN01(hello.ServerName)
			if cert != nil || err != nil {
				return &tls.Config{Certificates: []tls.Certificate{*cert}, NextProtos: []string{acme.ALPN}, SessionTicketsDisabled: true}, err
			}
		}
		return others(srv, c, hello)
	}
}
