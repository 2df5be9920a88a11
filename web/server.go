package web

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"tandem/internal/hostnames"
	"tandem/internal/regex"
	"tandem/nginxconf"
	"tandem/session"
)

// Server is one server block.
type Server struct {
	session.Server // as modules see it that serve stream as well

	HTTP     *HTTP
	Location *Location // the server's own level, which its locations inherit from
	Core     *ServerCore
	Names    []ServerName

	settings session.Settings
	listens  []listening
	http2    bool // it has an address for which listen asks for HTTP/2
	quic     bool // there is a listen that only HTTP/3 could use
	connect  bool // CONNECT is allowed
	named    map[string]*Location
}

// ServerName is one word of a server_name directive.
type ServerName struct {
	Text string // as written, lower-cased unless a regex
	re   *session.Regex
}

// Regexp returns the expression of a name that is one, else nil.
func (n ServerName) Regexp() *regex.Regexp {
	if n.re == nil {
		return nil
	}
	return n.re.Regexp
}

// Name returns the first name of the server, as $server_name does.
func (srv *Server) Name() string {
	if len(srv.Names) == 0 {
		return ""
	}
	return strings.TrimPrefix(srv.Names[0].Text, ".")
}

// ListensForHTTP2 reports whether a listen directive, of this or another server
// of an address, asks for HTTP/2.
func (srv *Server) ListensForHTTP2() bool { return srv.http2 }

// AllowConnect lets clients use CONNECT, which is answered 405 otherwise.
func (srv *Server) AllowConnect() { srv.connect = true }

func newServer(h *HTTP, pos nginxconf.Pos) *Server {
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

func readServer(s *nginxconf.Scope, d *nginxconf.Directive) error {
	h := BlockOf(s).HTTP
	srv := newServer(h, d.Pos)
	srv.Location.Pos = d.Pos
	h.Servers = append(h.Servers, srv)
	s.Block(d, nginxconf.Server, &Block{HTTP: h, Server: srv, Location: srv.Location})
	if len(srv.listens) == 0 && !srv.quic {
		// Without a listen directive nginx takes port 80, or 8000 when not root.
		text := "*:80"
		if os.Geteuid() != 0 {
			text = "*:8000"
		}
		if err := srv.listen(d.Pos, text, nil); err != nil {
			return err
		}
	}
	if len(srv.Names) == 0 {
		srv.Names = []ServerName{{}}
	}
	return nil
}

func readServerName(s *nginxconf.Scope, d *nginxconf.Directive) error {
	b := BlockOf(s)
	for _, text := range d.Args {
		name := ServerName{Text: strings.ToLower(text)}
		switch {
		case strings.HasPrefix(text, "~"):
			if len(text) == 1 {
				return fmt.Errorf("empty regex in server name %q", text)
			}
			name.Text = text
			re, err := b.HTTP.Regex(text[1:], serverNameCaseless(text[1:]))
			if err != nil {
				return err
			}
			name.re = re
		case text == "$hostname":
			host, err := os.Hostname()
			if err != nil {
				return err
			}
			name.Text = strings.ToLower(host)
		case !validServerName(text):
			return fmt.Errorf("invalid server name or wildcard %q", text)
		case strings.Contains(text, "/"):
			s.Warnf(d, "server name %q has suspicious symbols", text)
		}
		b.Server.Names = append(b.Server.Names, name)
	}
	return nil
}

// serverNameCaseless: nginx lower-cases hosts before it compares them, so an
// expression with capital letters has to match without regard to case.
func serverNameCaseless(text string) bool {
	return strings.ContainsAny(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
}

func validServerName(name string) bool {
	if strings.IndexByte(name, 0) >= 0 || strings.Contains(name, "..") {
		return false
	}
	if i := strings.IndexByte(name, '*'); i >= 0 {
		head := strings.HasPrefix(name, "*.") && len(name) > 2
		tail := strings.HasSuffix(name, ".*") && len(name) > 2
		if !head && !tail || strings.Count(name, "*") != 1 {
			return false
		}
	}
	return name != "."
}

// nameTable finds the server for a host among those of one address.
type nameTable struct {
	names   hostnames.Table[*Server]
	regexes []regexServer
}

type regexServer struct {
	re  *session.Regex
	srv *Server
}

func (t *nameTable) add(name ServerName, srv *Server) error {
	if name.re != nil {
		t.regexes = append(t.regexes, regexServer{name.re, srv})
		return nil
	}
	return t.names.Add(name.Text, srv)
}

// find returns the server for a lower-cased host: exact name, longest
// wildcard at the beginning, longest at the end, first matching regex; nil
// for none. A regex leaves its captures in r.
func (t *nameTable) find(r *Request, host []byte) *Server {
	if srv := t.lookup(host); srv != nil {
		return srv
	}
	if len(host) == 0 {
		return nil
	}
	for _, e := range t.regexes {
		if r.Match(e.re, host) {
			return e.srv
		}
	}
	return nil
}

// match is find for a name that comes before there is a request: captures are
// left to the find of the request.
func (t *nameTable) match(host []byte) *Server {
	if srv := t.lookup(host); srv != nil {
		return srv
	}
	for _, e := range t.regexes {
		if e.re.Regexp.Match(host) {
			return e.srv
		}
	}
	return nil
}

// lookup is find without the regexes.
func (t *nameTable) lookup(host []byte) *Server {
	srv, _ := t.names.Find(host)
	return srv
}
