package session

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync"
	"time"
)

// TLS is what a server needs of the module that configures it. It is called
// for connections to addresses that listen with ssl.
type TLS struct {
	// Config returns the settings for a server that a client asked for by
	// name (SNI, RFC 6066), nil where it has none of its own and those of the
	// default server stand in. An error refuses the handshake. What it finds out
	// of the connection it notes in Client.TLS.
	Config func(srv *Server, c *Client, hello *tls.ClientHelloInfo) (*tls.Config, error)
	// Verify judges the client's certificate after the handshake; the error
	// is for $ssl_client_verify and the log.
	Verify func(srv *Server, state *tls.ConnectionState) error
	// Confirm asks others about the client's certificate when the handshake is done:
	// within ctx, and before anything is served. The error counts as one of Verify's.
	Confirm func(ctx context.Context, srv *Server, state *tls.ConnectionState) error
	// ECH returns the keys of a server for Encrypted Client Hello, nil without any:
	// the default server of an address opens what its clients have encrypted.
	ECH func(srv *Server) []tls.EncryptedClientHelloKey
	// Asks reports whether a server asks for a client certificate at all.
	Asks func(srv *Server) bool
	// Refuses says why a session is not to be served: ErrNoCertificate, or what
	// Verify says. nil: it is.
	Refuses func(s *Session) error
}

// ErrNoCertificate says that a client has shown no certificate, and was to.
var ErrNoCertificate = errors.New("client sent no required SSL certificate")

// Secured is the TLS side of a connection.
type Secured struct {
	State     tls.ConnectionState
	Offer     Offer
	SessionID []byte // that OpenSSL would know its session by, nil without any

	// Asked is whose settings the handshake followed.
	Asked *Server

	unconfirmed error // what Confirm says

	mu       sync.Mutex // parts of a session may ask beside it
	verdicts map[*Server]error
}

// Offer is what a client offered in its handshake.
type Offer struct {
	CipherSuites []uint16
	Curves       []tls.CurveID
	Signatures   []tls.SignatureScheme
	// Encrypted is whether it has tried to encrypt all that (Encrypted Client Hello),
	// where there are keys for it, and OuterName the server that it has named openly.
	Encrypted bool
	OuterName string
}

// handshake is one that is under way.
type handshake struct {
	client  *Client
	choose  func(name string) (asked, deputy *Server)
	refusal error
}

// ofHandshake is what the context of a handshake has it by.
type ofHandshake struct{}

// accepting are the settings that every handshake begins with.
var accepting = &tls.Config{
	GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		return hello.Context().Value(ofHandshake{}).(*handshake).answer(hello), nil
	},
	GetEncryptedClientHelloKeys: func(hello *tls.ClientHelloInfo) ([]tls.EncryptedClientHelloKey, error) {
		return hello.Context().Value(ofHandshake{}).(*handshake).keys(hello), nil
	},
}

// keys returns those that may open what a client has encrypted.
func (h *handshake) keys(hello *tls.ClientHelloInfo) []tls.EncryptedClientHelloKey {
	_, first := h.choose("")
	if first.Realm.TLS.ECH == nil {
		return nil
	}
	keys := first.Realm.TLS.ECH(first)
	if o := &h.client.TLS.Offer; keys != nil {
		o.Encrypted, o.OuterName = true, hello.ServerName
	}
	return keys
}

// answer says how a handshake goes on.
func (h *handshake) answer(hello *tls.ClientHelloInfo) *tls.Config {
	t := h.client.TLS
	t.State.ServerName = hello.ServerName
	t.Offer.CipherSuites, t.Offer.Curves, t.Offer.Signatures = hello.CipherSuites, hello.SupportedCurves, hello.SignatureSchemes
	asked, deputy := h.choose(hello.ServerName)
	t.Asked = asked
	config, err := asked.Realm.TLS.Config(asked, h.client, hello)
	if config == nil && err == nil {
		t.Asked = deputy
		config, err = deputy.Realm.TLS.Config(deputy, h.client, hello)
	}
	if config == nil || err != nil {
		h.refusal = cmp.Or(err, errNoSettings)
		return refusing
	}
	return config
}

// Handshake does the server's side of a handshake on conn, the client's own, within
// wait, and notes in c.TLS what comes of it. choose says which server the client
// asks for by a name, and which one stands in if that has no certificate of its
// own. The error says why there is no TLS.
func (c *Client) Handshake(conn net.Conn, wait time.Duration, choose func(name string) (asked, deputy *Server)) (*tls.Conn, error) {
	h := &handshake{client: c, choose: choose}
	secure := tls.Server(conn, accepting)
	deadline := time.Now().Add(wait)
	_ = conn.SetDeadline(deadline)
	err := secure.HandshakeContext(context.WithValue(context.Background(), ofHandshake{}, h))
	_ = conn.SetDeadline(time.Time{})
	if err != nil {
		return nil, cmp.Or(h.refusal, err)
	}
	t := c.TLS
	t.State = secure.ConnectionState()
	if len(t.State.PeerCertificates) > 0 && t.Asked.Realm.TLS.Confirm != nil {
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		defer cancel()
		t.unconfirmed = t.Asked.Realm.TLS.Confirm(ctx, t.Asked, &t.State)
	}
	return secure, nil
}

var errNoSettings = errors.New("no certificate for this server")

// refusing are settings without a certificate: a handshake ends with the alert
// unrecognized_name, as nginx's does, and no session is resumed.
var refusing = &tls.Config{SessionTicketsDisabled: true}

// Move has srv be the server that was asked, and forgets what others thought of
// the client's certificate.
func (t *Secured) Move(srv *Server) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Asked, t.verdicts = srv, nil
}

// verdict returns why the client's certificate is not to be trusted by srv: by
// the server that asked for it, and where something else than the handshake has
// chosen another server, by that one as well. (nginx has only the first verdict.
// The two may differ only for a client that named no server.)
func (t *Secured) verdict(srv *Server) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := cmp.Or(t.judge(t.Asked), t.unconfirmed); err != nil || srv == t.Asked {
		return err
	}
	return t.judge(srv)
}

func (t *Secured) judge(srv *Server) error {
	err, known := t.verdicts[srv]
	if !known {
		err = srv.Realm.TLS.Verify(srv, &t.State)
		if t.verdicts == nil {
			t.verdicts = make(map[*Server]error)
		}
		t.verdicts[srv] = err
	}
	return err
}

// TLS returns the TLS side of the session's connection, nil without TLS.
func (s *Session) TLS() *Secured { return s.client.TLS }

// ClientCertificate returns the client's certificate, nil without one, and why
// it is not to be trusted.
func (s *Session) ClientCertificate() (*x509.Certificate, error) {
	t := s.client.TLS
	if t == nil || len(t.State.PeerCertificates) == 0 {
		return nil, nil
	}
	return t.State.PeerCertificates[0], t.verdict(s.level.Server)
}
