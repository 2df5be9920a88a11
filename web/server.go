package web

import (
	"errors"
	"os"

	"tandem/internal/listen"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/session/virtual"
)

// Server is one server block.
type Server struct {
	session.Server // as modules see it that serve stream as well

	HTTP     *HTTP
	Location *Location // the server's own level, which its locations inherit from
	Core     *ServerCore
	Names    []virtual.Name

	settings session.Settings
	listens  []virtual.Listen
	http2At  []listen.Address // for which listen asks for HTTP/2
	http2    bool             // it has an address for which listen asks for HTTP/2
	quic     bool             // there is a listen that only HTTP/3 could use
	connect  bool             // CONNECT is allowed
	named    map[string]*Location
}

// Name returns the first name of the server, as $server_name does.
func (srv *Server) Name() string { return virtual.First(srv.Names) }

// ListensForHTTP2 reports whether a listen directive, of this or another server
// of an address, asks for HTTP/2.
func (srv *Server) ListensForHTTP2() bool { return srv.http2 }

// AllowConnect lets clients use CONNECT, which is answered 405 otherwise.
func (srv *Server) AllowConnect() { srv.connect = true }

func newServer(h *HTTP, pos nc.Pos) *Server {
	srv := &Server{HTTP: h, settings: serverSlots.Make()}
	srv.Server.Init(&h.Realm, srv, pos)
	srv.Location = newLocation(srv, nil)
	return srv
}

// inherit completes the settings of srv by those of the http block; nil: they are
// the block's own.
func (srv *Server) inherit(block *Server) error {
	from, shared := serverSlots.Make(), (*session.Server)(nil)
	if block != nil {
		from, shared = block.settings, &block.Server
	}
	return errors.Join(srv.Server.Inherit(shared), serverSlots.Inherit(srv.settings, from))
}

func readServer(s *nc.Scope, d *nc.Directive) error {
	h := BlockOf(s).HTTP
	srv := newServer(h, d.Pos)
	srv.Location.Pos = d.Pos
	h.Servers = append(h.Servers, srv)
	s.Block(d, nc.Server, &Block{HTTP: h, Server: srv, Location: srv.Location})
	if len(srv.listens) == 0 && !srv.quic {
		// Without a listen directive nginx takes port 80, or 8000 when not root.
		text := "*:80"
		if os.Geteuid() != 0 {
			text = "*:8000"
		}
		if err := srv.listen(d.Pos, []string{text}); err != nil {
			return err
		}
	}
	if len(srv.Names) == 0 {
		srv.Names = []virtual.Name{{}}
	}
	return nil
}

func readServerName(s *nc.Scope, d *nc.Directive) error {
	names, err := virtual.ReadNames(s, d)
	srv := BlockOf(s).Server
	srv.Names = append(srv.Names, names...)
	return err
}
