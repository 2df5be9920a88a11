package web

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"time"

	"tandem/internal/errorlog"
)

// TLS is what the server needs of the module that configures it. It is called
// for connections to addresses that listen with ssl.
type TLS struct {
	// Config returns the settings for a server that a client asked for by
	// name (SNI, RFC 6066), nil to refuse the handshake.
	Config func(srv *Server, hello *tls.ClientHelloInfo) (*tls.Config, error)
	// Verify judges the client's certificate after the handshake; the error
	// is for $ssl_client_verify and the log.
	Verify func(srv *Server, state *tls.ConnectionState) error
	// Demands says what a failed verification comes to: an error page for
	// requests (495, 496), or 0.
	Demands func(r *Request) Code
}

// secured is the TLS side of a connection.
type secured struct {
	state    tls.ConnectionState
	verified error   // of the client's certificate
	plain    bool    // the client spoke plain HTTP
	server   *Server // by SNI
	offered  TLSOffer
}

// TLSOffer is what a client offered in its handshake.
type TLSOffer struct {
	CipherSuites []uint16
	Curves       []tls.CurveID
}

// TLSOffer returns what the client offered, nothing without TLS.
func (r *Request) TLSOffer() TLSOffer {
	if r.conn.secured == nil {
		return TLSOffer{}
	}
	return r.conn.secured.offered
}

// TLSState returns the TLS state of the request's connection, nil without TLS.
func (r *Request) TLSState() *tls.ConnectionState {
	if s := r.conn.secured; s != nil && !s.plain {
		return &s.state
	}
	return nil
}

// ClientCertificate returns the client's certificate, nil without one, and why
// it is not to be trusted.
func (r *Request) ClientCertificate() (*x509.Certificate, error) {
	state := r.TLSState()
	if state == nil || len(state.PeerCertificates) == 0 {
		return nil, nil
	}
	return state.PeerCertificates[0], r.conn.secured.verified
}

// secure performs the TLS handshake of a connection whose first bytes have
// arrived. A client that speaks plain HTTP is let through, to be answered that
// it should not. False: the connection is of no use.
func (c *conn) secure() bool {
	first := c.wire.Buffered()
	c.secured = &secured{server: c.servers.dflt}
	if len(first) > 0 && first[0] != recordHandshake && first[0] != recordSSLv2 {
		c.secured.plain = true
		return true
	}
	raw := &bufferedConn{Conn: c.net, head: bytes.NewReader(bytes.Clone(first))}
	hooks := c.servers.dflt.HTTP.TLS
	conn := tls.Server(raw, &tls.Config{
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if srv := c.servers.byServerName(hello.ServerName); srv != nil {
				c.secured.server = srv
			}
			c.secured.offered = TLSOffer{hello.CipherSuites, hello.SupportedCurves}
			return hooks.Config(c.secured.server, hello)
		},
	})
	_ = c.net.SetDeadline(time.Now().Add(c.servers.dflt.Core.Limits.HeaderTimeout))
	err := conn.Handshake()
	_ = c.net.SetDeadline(time.Time{})
	if err != nil {
		c.logHandshake(err)
		return false
	}
	c.secured.state = conn.ConnectionState()
	c.secured.verified = hooks.Verify(c.secured.server, &c.secured.state)
	c.scheme = "https"
	c.wire.Reset(conn)
	if c.gen.draining() {
		c.wire.Interrupt()
	}
	return true
}

// The first byte of a TLS handshake, and of that of SSLv2.
const recordHandshake, recordSSLv2 = 0x16, 0x80

func (c *conn) logHandshake(err error) {
	srv := c.secured.server
	log := srv.HTTP.Log
	if own := srv.Location.Core.ErrorLog.V; own != nil {
		log = own
	}
	level := errorlog.Info
	if errors.Is(err, io.EOF) {
		err = errors.New("peer closed connection in SSL handshake")
	}
	if log.Enabled(level) {
		log.Write(level, c.number, []byte("SSL_do_handshake() failed ("+err.Error()+") while SSL handshaking, client: "+c.peerText+", server: "+c.servers.addr.String()))
	}
}

// bufferedConn is a connection of which something has been read already.
type bufferedConn struct {
	net.Conn
	head *bytes.Reader
}

func (b *bufferedConn) Read(p []byte) (int, error) {
	if b.head.Len() > 0 {
		return b.head.Read(p)
	}
	return b.Conn.Read(p)
}

// NetConn returns the connection as it is, so that what lies on top of TLS finds
// the descriptor, as with (*tls.Conn).NetConn.
func (b *bufferedConn) NetConn() net.Conn { return b.Conn }

// byServerName returns the server that has the name, nil for none.
func (a *addrServers) byServerName(name string) *Server {
	if a.names == nil || name == "" {
		return nil
	}
	host := bytes.ToLower([]byte(name))
	if srv := a.names.lookup(host); srv != nil {
		return srv
	}
	for _, e := range a.names.regexes {
		if e.re.Regexp.Match(host) {
			return e.srv
		}
	}
	return nil
}

// refuseInsecure answers requests that the TLS side of their connection does
// not allow; true when it has.
func (r *Request) refuseInsecure() bool {
	s := r.conn.secured
	if s == nil {
		return false
	}
	if s.plain {
		r.Logf(errLevelInfo, "client sent plain HTTP request to HTTPS port")
		r.Finalize(StatusToHTTPS)
		return true
	}
	if code := r.Server.HTTP.TLS.Demands(r); code != 0 {
		r.Finalize(code)
		return true
	}
	return false
}

// EvaluateTLS evaluates a template during the handshake, when there is no
// request yet: only $ssl_server_name and what never changes have a value.
func (srv *Server) EvaluateTLS(t *Template, hello *tls.ClientHelloInfo) string {
	c := &conn{net: hello.Conn, scheme: "https", secured: &secured{server: srv, state: tls.ConnectionState{ServerName: hello.ServerName}}}
	r := newRequest(c)
	r.Server = srv
	r.setLocation(srv.Location)
	r.vars.reset(srv.HTTP.variables.stored)
	return string(t.Append(r, nil))
}

// SharesAddress reports whether two servers listen on an address together.
func (srv *Server) SharesAddress(other *Server) bool {
	for _, a := range srv.listens {
		for _, b := range other.listens {
			if a.addr == b.addr {
				return true
			}
		}
	}
	return false
}

// IsDefault reports whether the server is the default one of one of its
// addresses.
func (srv *Server) IsDefault() bool {
	for _, p := range srv.HTTP.Ports {
		if p.fallback.dflt == srv {
			return true
		}
		for _, a := range p.addrs {
			if a.dflt == srv {
				return true
			}
		}
	}
	return false
}
