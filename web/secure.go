package web

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"tandem/internal/errorlog"
	"tandem/session"
	"tandem/web/message"
)

// TLS is what the server needs of the module that configures it. It is called
// for connections to addresses that listen with ssl.
type TLS struct {
	// Config returns the settings for a server that a client asked for by
	// name (SNI, RFC 6066), nil where it has none of its own and those of the
	// default server stand in. An error refuses the handshake. What it notes in
	// session is the connection's.
	Config func(srv *Server, hello *tls.ClientHelloInfo, session *TLSSession) (*tls.Config, error)
	// Verify judges the client's certificate after the handshake; the error
	// is for $ssl_client_verify and the log.
	Verify func(srv *Server, state *tls.ConnectionState) error
	// Asks reports whether a server asks for a client certificate at all.
	Asks func(srv *Server) bool
	// Demands says what a failed verification comes to: an error page for
	// requests (495, 496), or 0.
	Demands func(r *Request) Code
}

// secured is the TLS side of a connection.
type secured struct {
	state   tls.ConnectionState
	plain   bool // the client spoke plain HTTP
	offered TLSOffer
	session TLSSession
	refusal error // why the handshake was refused, nil if it was not

	// server is the one that the handshake chose. name is the one that chose it
	// (SNI), as a Host would be written: nil when the client sent none or one
	// that no server has, and server is the default one.
	server *Server
	name   []byte
	// asked is whose settings the handshake followed: server, or the default one
	// in its place.
	asked *Server

	mu       sync.Mutex // subrequests may ask beside the request
	verdicts map[*Server]error
}

// byServerName returns the server that a client asks for in its handshake, and
// by which name; the default server and nil when it asks for none of them.
func (a *addrServers) byServerName(sni string) (srv *Server, name []byte) {
	if a.names != nil {
		if host, _, ok := message.ServerName(nil, []byte(sni)); ok {
			if srv := a.names.match(host); srv != nil {
				return srv, host
			}
		}
	}
	return a.dflt, nil
}

// verdict returns why the client's certificate is not to be trusted by srv: by
// the server that asked for it, and where a Host has chosen another server, by
// that one as well. (nginx has only the first verdict. The two may differ only
// for a client that named no server: see misdirected.)
func (s *secured) verdict(srv *Server) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.judge(s.asked); err != nil || srv == s.asked {
		return err
	}
	return s.judge(srv)
}

func (s *secured) judge(srv *Server) error {
	err, known := s.verdicts[srv]
	if !known {
		err = srv.HTTP.TLS.Verify(srv, &s.state)
		if s.verdicts == nil {
			s.verdicts = make(map[*Server]error)
		}
		s.verdicts[srv] = err
	}
	return err
}

// misdirected reports whether a Host that stands for srv must not be served on
// the connection (RFC 9110 section 15.5.20, nginx's
// ngx_http_set_virtual_server): srv asks for client certificates, and the
// handshake was made for a server of another name, which may have asked for
// none, or for those of somebody else.
func (s *secured) misdirected(host []byte, srv *Server) bool {
	return s.name != nil && !bytes.Equal(s.name, host) && srv.HTTP.TLS.Asks(srv)
}

// TLSOffer is what a client offered in its handshake.
type TLSOffer struct {
	CipherSuites []uint16
	Curves       []tls.CurveID
}

// TLSSession is what is known of the session of a connection once its handshake
// is through.
type TLSSession struct {
	ID []byte // that OpenSSL would know it by, nil without any
}

// TLSSession returns the session of the request's connection, an empty one
// without TLS.
func (r *Request) TLSSession() TLSSession {
	if r.client.secured == nil {
		return TLSSession{}
	}
	return r.client.secured.session
}

// TLSOffer returns what the client offered, nothing without TLS.
func (r *Request) TLSOffer() TLSOffer {
	if r.client.secured == nil {
		return TLSOffer{}
	}
	return r.client.secured.offered
}

// TLSState returns the TLS state of the request's connection, nil without TLS.
func (r *Request) TLSState() *tls.ConnectionState {
	if s := r.client.secured; s != nil && !s.plain {
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
	return state.PeerCertificates[0], r.client.secured.verdict(r.Server)
}

// secure performs the TLS handshake of a connection whose first bytes have
// arrived. A client that speaks plain HTTP is let through, to be answered that
// it should not. False: the connection is of no use.
func (c *Conn) secure() bool {
	first := c.Flow.Buffered()
	c.secured = &secured{server: c.servers.dflt, asked: c.servers.dflt}
	if len(first) > 0 && first[0] != recordHandshake && first[0] != recordSSLv2 {
		c.secured.plain = true
		return true
	}
	raw := &bufferedConn{Conn: c.Socket, head: bytes.NewReader(bytes.Clone(first))}
	hooks := c.servers.dflt.HTTP.TLS
	conn := tls.Server(raw, &tls.Config{
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			s := c.secured
			s.server, s.name = c.servers.byServerName(hello.ServerName)
			s.offered = TLSOffer{hello.CipherSuites, hello.SupportedCurves}
			s.asked = s.server
			config, err := hooks.Config(s.server, hello, &s.session)
			if config == nil && err == nil {
				s.asked = c.servers.dflt
				config, err = hooks.Config(s.asked, hello, &s.session)
			}
			if config == nil || err != nil {
				s.refusal = cmp.Or(err, errNoSettings)
				return refusing, nil
			}
			return config, nil
		},
	})
	_ = c.Socket.SetDeadline(time.Now().Add(c.servers.dflt.Core.Limits.HeaderTimeout))
	err := conn.Handshake()
	_ = c.Socket.SetDeadline(time.Time{})
	if err != nil {
		c.logHandshake(cmp.Or(c.secured.refusal, err))
		return false
	}
	c.secured.state = conn.ConnectionState()
	c.scheme = "https"
	c.Flow.Reset(conn)
	if c.gen.draining() {
		c.Flow.Interrupt()
	}
	return true
}

var errNoSettings = errors.New("no certificate for this server")

// refusing are settings without a certificate: a handshake ends with the alert
// unrecognized_name, as nginx's does, and no session is resumed.
var refusing = &tls.Config{SessionTicketsDisabled: true}

// The first byte of a TLS handshake, and of that of SSLv2.
const recordHandshake, recordSSLv2 = 0x16, 0x80

func (c *Conn) logHandshake(err error) {
	log := c.Log()
	level := errorlog.Info
	if errors.Is(err, io.EOF) {
		err = errors.New("peer closed connection in SSL handshake")
	}
	if log.Enabled(level) {
		log.Write(level, c.Number, []byte("SSL_do_handshake() failed ("+err.Error()+") while SSL handshaking, client: "+c.PeerText+", server: "+c.servers.addr.String()))
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

// refuseInsecure answers requests that the TLS side of their connection does
// not allow; true when it has.
func (r *Request) refuseInsecure() bool {
	s := r.client.secured
	if s == nil {
		return false
	}
	if s.plain {
		r.Logf(errLevelInfo, "client sent plain HTTP request to HTTPS port while reading client request headers")
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
func (srv *Server) EvaluateTLS(t *session.Template, hello *tls.ClientHelloInfo) string {
	r := srv.Location.ask(&Client{
		Client: session.Client{Local: hello.Conn.LocalAddr()}, scheme: "https",
		secured: &secured{server: srv, asked: srv, state: tls.ConnectionState{ServerName: hello.ServerName}},
	})
	return string(t.Append(&r.Session, nil))
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
