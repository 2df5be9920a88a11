package web

import (
	"bytes"
	"errors"
	"io"

	"tandem/internal/errorlog"
	"tandem/internal/flow"
	"tandem/internal/hostnames"
	"tandem/session"
	"tandem/session/virtual"
)

// secured is the TLS side of a connection, and what of it concerns HTTP.
type secured struct {
	session.Secured
	plain bool // the client spoke plain HTTP: there is no TLS

	// server is the one that the handshake chose. name is the one that chose it
	// (SNI), as a Host would be written: nil when the client sent none or one
	// that no server has, and server is the default one.
	server *Server
	name   []byte
}

// byServerName returns the server that a client asks for in its handshake, and
// by which name; the default server and nil when it asks for none of them.
func byServerName(a *addrServers, sni string) (srv *Server, name []byte) {
	if a.Names != nil {
		if host, _, ok := hostnames.ServerName(nil, []byte(sni)); ok {
			if srv, ok := a.Names.Match(host); ok {
				return srv, host
			}
		}
	}
	return a.Default, nil
}

// misdirected reports whether a Host that stands for srv must not be served on
// the connection (RFC 9110 section 15.5.20, nginx's
// ngx_http_set_virtual_server): srv asks for client certificates, and the
// handshake was made for a server of another name, which may have asked for
// none, or for those of somebody else.
func (s *secured) misdirected(host []byte, srv *Server) bool {
	return s.name != nil && !bytes.Equal(s.name, host) && srv.HTTP.TLS.Asks(&srv.Server)
}

// secure performs the TLS handshake of a connection whose first bytes have
// arrived. A client that speaks plain HTTP is let through, to be answered that
// it should not. False: the connection is of no use.
func (c *Conn) secure() bool {
	first := c.Flow.Buffered()
	c.secured = &secured{server: c.servers.Default}
	if len(first) > 0 && first[0] != recordHandshake && first[0] != recordSSLv2 {
		c.secured.plain = true
		return true
	}
	c.TLS = &c.secured.Secured
	conn, err := c.Handshake(flow.NewUnderlay(c.Socket, first), c.servers.Default.Core.Limits.HeaderTimeout, func(name string) (asked, deputy *session.Server) {
		c.secured.server, c.secured.name = byServerName(c.servers, name)
		return &c.secured.server.Server, &c.servers.Default.Server
	})
	for _, tell := range c.gen.HTTP.handshakes {
		tell(c.secured.server, &c.TLS.State, err)
	}
	if err != nil {
		c.logHandshake(err)
		return false
	}
	c.Flow.Reset(conn)
	if c.gen.draining() {
		c.Flow.Interrupt()
	}
	return true
}

// The first byte of a TLS handshake, and of that of SSLv2.
const recordHandshake, recordSSLv2 = 0x16, 0x80

func (c *Conn) logHandshake(err error) {
	log := c.Log()
	level := errorlog.Info
	if errors.Is(err, io.EOF) {
		err = errors.New("peer closed connection in SSL handshake")
	}
	if log.Enabled(level) {
		log.Write(level, c.Number, []byte("SSL_do_handshake() failed ("+err.Error()+") while SSL handshaking, client: "+c.PeerText+", server: "+c.servers.Addr.String()))
	}
}

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
	switch err := r.Server.HTTP.TLS.Refuses(&r.Session); {
	case err == nil:
		return false
	case errors.Is(err, session.ErrNoCertificate):
		r.Logf(errLevelInfo, "%v while reading client request headers", err)
		r.Finalize(StatusNoCert)
	default:
		r.Logf(errLevelInfo, "client SSL certificate verify error: %v while reading client request headers", err)
		r.Finalize(StatusCertError)
	}
	return true
}

// Before returns a session of a client that has sent no request yet. Its
// variables have values as far as they are of the connection, or never change.
func (srv *Server) Before(c *session.Client) *session.Session { return &srv.Location.ask(c).Session }

// Deputies implements session.ServerOwner.
func (srv *Server) Deputies() []*session.Server {
	return virtual.Deputies(srv, srv.HTTP.Servers, srv.HTTP.Ports)
}
