// Package sessiontest is a server of sessions without any protocol, for tests of
// what http and stream have in common. Its language is stream's, without
// directives of its own: stream { server { ... } }.
package sessiontest

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tandem/internal/errorlog"
	"tandem/internal/logfile"
	nc "tandem/nginxconf"
	"tandem/session"
)

// Module makes a module for a server.
type Module = func(session.Contexts) *session.Module

// contexts are where the server has the directives of modules.
var contexts = session.Contexts{
	Block:   nc.Stream,
	Servers: nc.Stream | nc.StreamServer,
	Levels:  nc.Stream | nc.StreamServer,
}

// Server is the server of one configuration.
type Server struct {
	session.Realm
	Dir  string // the prefix
	Logs *logfile.Set

	log      log
	block    *site
	sites    []*site
	handlers [session.Phases][]session.Handler
	number   uint64 // of the last client
}

// log is an error log in memory.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// site is a server block, or the block around them.
type site struct {
	session.Server
	level session.Level
	of    *Server
}

func (s *site) ALPN() []string              { return []string{"test"} }
func (s *site) Deputies() []*session.Server { return nil }
func (s *site) Before(c *session.Client) *session.Session {
	x := s.of.session(s, c)
	return &x.Session
}

// Shared is the level that is being read; see session.BlockOf.
func (s *site) Shared() session.Block {
	return session.Block{Realm: &s.of.Realm, Server: &s.Server, Level: &s.level}
}

func (s *Server) newSite(d *nc.Directive) *site {
	one := &site{of: s}
	one.Server.Init(&s.Realm, one, d.Pos)
	one.level.Init(&one.Server)
	return one
}

// Handle, Levels and Servers make the server the host of its realm.

func (s *Server) Handle(p session.Phase, h session.Handler) {
	s.handlers[p] = append(s.handlers[p], h)
}

func (s *Server) Levels(f func(*session.Level)) {
	f(&s.block.level)
	for _, one := range s.sites {
		f(&one.level)
	}
}

func (s *Server) Servers() []*session.Server {
	var list []*session.Server
	for _, one := range s.sites {
		list = append(list, &one.Server)
	}
	return list
}

// Load reads the text of a stream block in a new folder; the caller looks at the
// errors. previous is the server that it takes the place of, or nil.
func Load(t testing.TB, previous *Server, text string, modules ...Module) (*Server, nc.Errors) {
	t.Helper()
	s := &Server{Dir: t.TempDir() + "/", Logs: new(logfile.Set)}
	s.Prefix = s.Dir
	s.Log = errorlog.New(errorlog.Target{Level: errorlog.Debug, To: &s.log})
	s.OpenAccessLog = func(name string, _ logfile.Options) (io.Writer, error) {
		return os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	}
	s.OpenNamedLogs = s.Logs.OpenNamed
	if previous != nil {
		s.Previous = &previous.Realm
	}
	file := filepath.Join(s.Dir, "nginx.conf")
	tree, errs := nc.Read(file, nc.Options{Prefix: s.Dir, ReadFile: func(name string) ([]byte, error) {
		if name == file {
			return []byte("stream {\n" + text + "\n}\n"), nil
		}
		return os.ReadFile(name)
	}})
	if errs.Failed() {
		return s, errs
	}
	var made []*session.Module
	commands := [][]nc.Command{{
		{Name: "stream", In: nc.Main, Arity: nc.Block | nc.NoArgs, Set: func(sc *nc.Scope, d *nc.Directive) error { return s.read(sc, d, made) }},
		{Name: "server", In: nc.Stream, Arity: nc.Block | nc.NoArgs, Set: func(sc *nc.Scope, d *nc.Directive) error {
			one := s.newSite(d)
			s.sites = append(s.sites, one)
			sc.Block(d, nc.StreamServer, one)
			return nil
		}},
	}}
	for _, module := range modules {
		m := module(contexts)
		made = append(made, m)
		commands = append(commands, m.Commands)
	}
	return s, append(errs, nc.NewTable(commands...).Bind(tree, nil, nc.BindOptions{})...)
}

// read reads the block, in the order in which any server does.
func (s *Server) read(sc *nc.Scope, d *nc.Directive, modules []*session.Module) error {
	s.Begin(s)
	s.AddVariables(session.Common)
	for _, m := range modules {
		s.AddVariables(m.Variables)
	}
	s.block = s.newSite(d)
	sc.Block(d, nc.Stream, s.block)
	if err := s.block.inherit(nil); err != nil {
		return err
	}
	for _, one := range s.sites {
		if err := one.inherit(s.block); err != nil {
			sc.ErrorAt(one.Pos, "%v", err)
		}
	}
	s.OpenZones(sc)
	for _, m := range modules {
		if m.Init == nil {
			continue
		}
		if err := m.Init(&s.Realm); err != nil {
			sc.ErrorAt(d.Pos, "%v", err)
		}
	}
	s.Finish(sc)
	return nil
}

func (s *site) inherit(block *site) error {
	if block == nil {
		if err := s.Server.Inherit(nil); err != nil {
			return err
		}
		return s.level.Inherit(nil)
	}
	if err := s.Server.Inherit(&block.Server); err != nil {
		return err
	}
	return s.level.Inherit(&block.level)
}

// Start is Load of a configuration without errors.
func Start(t testing.TB, text string, modules ...Module) *Server {
	t.Helper()
	s, errs := Load(t, nil, text, modules...)
	if len(errs) > 0 {
		t.Fatalf("configuration:\n%v", errs)
	}
	return s
}

// Write makes a file below Dir.
func (s *Server) Write(t testing.TB, name string) {
	t.Helper()
	if err := os.WriteFile(s.Dir+name, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// ErrorLog returns what the error log has come to.
func (s *Server) ErrorLog() string {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.b.String()
}

// Session is a session of the server.
type Session struct {
	session.Session
	site *site
}

// Log and AppendAbout make it the owner of its session.

func (x *Session) Log() *errorlog.Log { return x.site.of.Realm.Log }

func (x *Session) AppendAbout(b []byte, extra func([]byte) []byte) []byte {
	b = append(b, ", server: test"...)
	if extra != nil {
		b = extra(b)
	}
	return b
}

// Client makes a client with an address such as 192.0.2.1:1234, or "unix:".
func (s *Server) Client(peer string) *session.Client {
	s.number++
	c := &session.Client{Number: s.number, Local: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 99).To4(), Port: 4433}}
	if peer == "unix:" {
		c.SetPeer(&net.UnixAddr{Net: "unix"})
		return c
	}
	c.SetPeer(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(peer)))
	return c
}

// Session begins a session of a client with server number i.
func (s *Server) Session(i int, c *session.Client) *Session { return s.session(s.sites[i], c) }

func (s *Server) session(one *site, c *session.Client) *Session {
	x := &Session{site: one}
	x.Init(x)
	x.Attach(c, &one.level)
	return x
}

// Serve runs the phases of a session up to Access; what is not OK or Declined ends
// that.
func (x *Session) Serve() session.Code {
	for _, p := range []session.Phase{session.Begin, session.Limit, session.Access} {
		for _, h := range x.site.of.handlers[p] {
			if code := h(&x.Session); code != session.OK && code != session.Declined {
				return code
			}
		}
	}
	return session.OK
}

// Close logs a session and ends it.
func (x *Session) Close() {
	for _, h := range x.site.of.handlers[session.Logging] {
		h(&x.Session)
	}
	x.End()
}

// Value returns the value of a variable, "-" when it has none.
func (x *Session) Value(name string) string {
	v, found := x.NamedVariable(strings.TrimPrefix(name, "$"), nil)
	if !found {
		return "-"
	}
	return string(v)
}
