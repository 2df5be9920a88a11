package web

import (
	"crypto/tls"
	"slices"

	"tandem/internal/listen"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/status"
)

// HTTP is one http block, read and complete: the servers, the addresses they
// listen on, and the handlers and filters that the modules added.
// It is never changed once requests use it.
type HTTP struct {
	session.Realm // what its modules share by name

	Servers []*Server
	Ports   []*Port // what to listen on, in order of first mention
	root    *Block  // the level of the http block itself

	// Node is what the process tells of itself and can be told, for modules that
	// show it. It is set before the block is at work; nil: there is none.
	Node status.Node

	handlers      [phases][]Handler
	headerFilters []HeaderFilter
	handshakes    []func(*Server, *tls.ConnectionState, error)

	stats    *Stats    // once a generation has it
	arrivals *arrivals // see KeepOrder

	modules []*Module
	newer   newerProtocols
}

// Block is one level of the configuration while it is being read: what the
// setters of directives work on.
type Block struct {
	HTTP     *HTTP
	Server   *Server   // the enclosing server; at the http level the one servers inherit from
	Location *Location // this level's location settings
}

// Shared returns the level as modules see it that serve stream as well; see
// session.BlockOf.
func (b *Block) Shared() session.Block {
	return session.Block{Realm: &b.HTTP.Realm, Server: &b.Server.Server, Level: &b.Location.Level}
}

// BlockOf returns the level that s reads.
func BlockOf(s *nc.Scope) *Block { return s.Data.(*Block) }

// Location settings of the level being read, for the setters of package
// nginxconf: Set: nc.SetFlag(web.At(slot, func(c *settings) ...)).
func At[T, V any](slot LocationSlot[T], field func(*T) *nc.Value[V]) func(*nc.Scope) *nc.Value[V] {
	return func(s *nc.Scope) *nc.Value[V] { return field(slot.Of(BlockOf(s).Location)) }
}

// AtServer is At for the settings of servers.
func AtServer[T, V any](slot ServerSlot[T], field func(*T) *nc.Value[V]) func(*nc.Scope) *nc.Value[V] {
	return func(s *nc.Scope) *nc.Value[V] { return field(slot.Of(BlockOf(s).Server)) }
}

// Commands returns the directives of the http block and of everything in it.
// The one http block that a configuration may have is read into h.
func (h *HTTP) Commands(modules []*Module) [][]nc.Command {
	h.modules = modules
	groups := [][]nc.Command{{{
		Name: "http", In: nc.Main, Arity: nc.Block | nc.NoArgs,
		Set: func(s *nc.Scope, d *nc.Directive) error { return h.read(s, d) },
	}}, coreCommands, protocolCommands, h.tlsCommands()}
	for _, m := range modules {
		groups = append(groups, m.Commands)
	}
	return groups
}

// Listening returns the sockets that the block listens on.
func (h *HTTP) Listening() []listen.Port {
	var ports []listen.Port
	for _, p := range h.Ports {
		ports = append(ports, p.Port)
	}
	return ports
}

// read reads the http block: every directive first, then what inherits from
// what, then the modules' own completion, then names that were used before
// they were defined.
func (h *HTTP) read(s *nc.Scope, d *nc.Directive) error {
	if h.root != nil {
		return nc.ErrDuplicate
	}
	h.Begin(host{h})
	h.addVariables()
	h.AddTempFolder(defaultBodyFolder)
	level := newServer(h, d.Pos)
	h.root = &Block{HTTP: h, Server: level, Location: level.Location}
	h.newer = newerProtocols{}

	s.Block(d, nc.HTTP, h.root)

	if err := h.inherit(s); err != nil {
		return err
	}
	for _, srv := range h.Servers {
		srv.arrangeLocations(s)
	}
	h.arrangePorts(s)
	h.newer.warn(s)
	h.allowConnect()
	h.OpenZones(s)
	for _, m := range h.modules {
		if m.Init == nil {
			continue
		}
		if err := m.Init(h); err != nil {
			s.ReportAll(d, err)
		}
	}
	h.Finish(s)
	return nil
}

// allowConnect lets CONNECT through to where the server is known, if any server
// allows it.
func (h *HTTP) allowConnect() {
	if !slices.ContainsFunc(h.Servers, func(srv *Server) bool { return srv.connect }) {
		return
	}
	for _, srv := range h.Servers {
		srv.Core.Limits.AllowConnect = true
	}
}

// inherit completes the settings of every level, outermost first.
func (h *HTTP) inherit(s *nc.Scope) error {
	root := h.root.Server
	if err := root.inherit(nil); err != nil {
		return err
	}
	if c := root.Location.Core; !c.Root.Set {
		c.Root = nc.Value[PathTemplate]{V: PathTemplate{Text: h.Prefix + "html"}, Set: true}
	}
	if err := root.Location.inherit(nil); err != nil {
		return err
	}
	for _, srv := range h.Servers {
		if err := srv.inherit(root); err != nil {
			s.ErrorAt(srv.Pos, "%v", err)
		}
		srv.Core = coreServer.Of(srv)
		inheritLocation(s, srv.Location, root.Location)
	}
	return nil
}

func inheritLocation(s *nc.Scope, l, parent *Location) {
	if err := l.inherit(parent); err != nil {
		s.ErrorAt(l.Pos, "%v", err)
	}
	for _, inner := range l.inner {
		inheritLocation(s, inner, l)
	}
}

// Each calls f for the settings of every level from the http block inward.
func (h *HTTP) Each(f func(*Location)) {
	if h.root == nil {
		return
	}
	var walk func(*Location)
	walk = func(l *Location) {
		f(l)
		for _, inner := range l.inner {
			walk(inner)
		}
	}
	f(h.root.Location)
	for _, srv := range h.Servers {
		walk(srv.Location)
	}
}

// Any reports whether some level satisfies f: how a module's Init finds out
// whether the configuration uses it.
func (h *HTTP) Any(f func(*Location) bool) bool {
	found := false
	h.Each(func(l *Location) { found = found || f(l) })
	return found
}
