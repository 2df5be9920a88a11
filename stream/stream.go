package stream

import (
	"errors"
	"fmt"

	"tandem/internal/errorlog"
	"tandem/internal/listen"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/session/virtual"
)

// Stream is one stream block, read and complete. It is never changed once sessions
// use it.
type Stream struct {
	session.Realm

	Servers []*Server
	Ports   []*Port // what to listen on, in order of first mention

	root     *Server // the level of the block itself
	handlers [session.Phases][]session.Handler
	prereads []Preread
	modules  []*Module
}

// Port is one socket to listen on, with the addresses that share it.
type Port = virtual.Port[*Server]

// Server is one server block.
type Server struct {
	session.Server
	Level  session.Level
	Stream *Stream
	Names  []virtual.Name

	listens []virtual.Listen
	core    *core
	content Content // nil: nothing says what to do
}

// Serve has content serve the sessions of the server. The last directive that says
// what is done wins, as in nginx.
func (srv *Server) Serve(content Content) { srv.content = content }

// Log returns the server's error log.
func (srv *Server) Log() *errorlog.Log {
	if own := srv.core.errorLog.V; own != nil {
		return own
	}
	return srv.Stream.Log
}

// Virtual implements virtual.Server.
func (srv *Server) Virtual() ([]virtual.Listen, []virtual.Name, *session.Server) {
	return srv.listens, srv.Names, &srv.Server
}

// ALPN implements session.ServerOwner.
func (srv *Server) ALPN() []string { return srv.core.alpn.V }

// Deputies implements session.ServerOwner.
func (srv *Server) Deputies() []*session.Server {
	return virtual.Deputies(srv, srv.Stream.Servers, srv.Stream.Ports)
}

// Before implements session.ServerOwner.
func (srv *Server) Before(c *session.Client) *session.Session {
	s := new(Session)
	s.Session.Init(s)
	s.Server = srv
	s.Attach(c, &srv.Level)
	return &s.Session
}

// Shared is the level that is being read; see session.BlockOf.
func (srv *Server) Shared() session.Block {
	return session.Block{Realm: &srv.Stream.Realm, Server: &srv.Server, Level: &srv.Level}
}

// ServerOf returns the server that s reads, or what its servers inherit from.
func ServerOf(s *nc.Scope) *Server { return s.Data.(*Server) }

// Preread adds a handler that looks at what clients send; for use by Module.Init.
func (st *Stream) Preread(handler Preread) { st.prereads = append(st.prereads, handler) }

func (st *Stream) newServer(pos nc.Pos) *Server {
	srv := &Server{Stream: st}
	srv.Server.Init(&st.Realm, srv, pos)
	srv.Level.Init(&srv.Server)
	srv.core = coreSlot.Of(&srv.Level)
	return srv
}

// Commands returns the directives of the stream block and of everything in it. The
// one stream block that a configuration may have is read into st.
func (st *Stream) Commands(modules []*Module) [][]nc.Command {
	st.modules = modules
	groups := [][]nc.Command{{{
		Name: "stream", In: nc.Main, Arity: nc.Block | nc.NoArgs,
		Set: func(s *nc.Scope, d *nc.Directive) error { return st.read(s, d) },
	}}, coreCommands}
	for _, m := range modules {
		groups = append(groups, m.Commands)
	}
	return groups
}

// Listening returns the sockets that the block listens on.
func (st *Stream) Listening() []listen.Port {
	var ports []listen.Port
	for _, p := range st.Ports {
		ports = append(ports, p.Port)
	}
	return ports
}

// read reads the stream block: every directive first, then what inherits from
// what, then the modules' own completion.
func (st *Stream) read(s *nc.Scope, d *nc.Directive) error {
	if st.root != nil {
		return nc.ErrDuplicate
	}
	st.Begin(host{st})
	st.AddVariables(session.Common)
	st.AddVariables(coreVariables)
	for _, m := range st.modules {
		st.AddVariables(m.Variables)
	}
	st.root = st.newServer(d.Pos)

	s.Block(d, nc.Stream, st.root)

	if err := errors.Join(st.root.Inherit(nil), st.root.Level.Inherit(nil)); err != nil {
		return err
	}
	for _, srv := range st.Servers {
		if err := errors.Join(srv.Inherit(&st.root.Server), srv.Level.Inherit(&st.root.Level)); err != nil {
			s.ErrorAt(srv.Pos, "%v", err)
		}
	}
	st.Ports = virtual.Arrange(s, st.Servers)
	st.OpenZones(s)
	for _, m := range st.modules {
		if m.Init == nil {
			continue
		}
		if err := m.Init(st); err != nil {
			s.ReportAll(d, err)
		}
	}
	st.Finish(s)
	return nil
}

func readServer(s *nc.Scope, d *nc.Directive) error {
	st := ServerOf(s).Stream
	srv := st.newServer(d.Pos)
	st.Servers = append(st.Servers, srv)
	s.Block(d, nc.StreamServer, srv)
	if len(srv.Names) == 0 {
		srv.Names = []virtual.Name{{}}
	}
	if len(srv.listens) == 0 {
		return fmt.Errorf("no \"listen\" is defined for server in %s:%d", d.Pos.File, d.Pos.Line)
	}
	return nil
}

func readServerName(s *nc.Scope, d *nc.Directive) error {
	names, err := virtual.ReadNames(s, d)
	srv := ServerOf(s)
	srv.Names = append(srv.Names, names...)
	return err
}

// readListen reads listen address[:port] [parameters].
func readListen(s *nc.Scope, d *nc.Directive) error {
	srv := ServerOf(s)
	udp := false
	more, err := virtual.ReadListen(d.Pos, d.Args, "", func(word string) bool {
		udp = udp || word == "udp"
		return word == "udp"
	})
	if err != nil {
		return err
	}
	for i := range more {
		if !udp {
			break
		}
		more[i].Addr.UDP = true
		if word := more[i].OnlyConnections(); word != "" {
			return nc.Complaint(fmt.Sprintf("\"%s\" parameter is incompatible with \"udp\"", word))
		}
	}
	srv.listens, err = virtual.Add(srv.listens, more, d.Args[0])
	return err
}
