package web

import (
	"context"
	"errors"
	"io"
	"slices"

	"tandem/internal/errorlog"
	"tandem/internal/logfile"
	"tandem/nginxconf"
)

// HTTP is one http block, read and complete: the servers, the addresses they
// listen on, and the handlers and filters that the modules added.
// It is never changed once requests use it.
type HTTP struct {
	Servers []*Server
	Ports   []*Port // what to listen on, in order of first mention
	Log     *errorlog.Log
	Prefix  string  // -p, with a final slash: what relative file names are relative to
	OpenLog OpenLog // opens the target of an error_log directive
	// OpenAccessLog opens the target of an access_log directive: a file by
	// its full name, "syslog:..." or, with an empty name, the default log.
	OpenAccessLog func(name string, opts logfile.Options) (io.Writer, error)
	// OpenNamedLogs opens a writer for access logs with variables in the name.
	OpenNamedLogs func(logfile.CacheOptions) *logfile.Named
	// TempRoot returns the full name of a default folder for temporary files,
	// such as "client_body_temp". nil: it is below Prefix.
	TempRoot func(name string) string
	// Previous is the http block that this one takes the place of at a
	// reload, for modules whose state outlives configurations; it is there
	// while the block is read. nil: there is none.
	Previous *HTTP

	// TLS is set by the module that configures it.
	TLS TLS

	settings                []any
	tempNamed, tempDefaults []string
	zones                   map[string]*Zone

	root *Block // the level of the http block itself

	handlers      [phases][]Handler
	headerFilters []HeaderFilter

	background []func(context.Context)
	stats      *Stats // once a generation has it

	modules   []*Module
	variables variableTable
	regexes   map[regexKey]*Regex
	newer     newerProtocols
}

// Block is one level of the configuration while it is being read: what the
// setters of directives work on.
type Block struct {
	HTTP     *HTTP
	Server   *Server   // the enclosing server; at the http level the one servers inherit from
	Location *Location // this level's location settings
}

// Empty reports whether the configuration has no http block; there are no
// settings in h then.
func (h *HTTP) Empty() bool { return h.root == nil }

// BlockOf returns the level that s reads.
func BlockOf(s *nginxconf.Scope) *Block { return s.Data.(*Block) }

// Location settings of the level being read, for the setters of package
// nginxconf: Set: nginxconf.SetFlag(web.At(slot, func(c *settings) ...)).
func At[T, V any](slot LocationSlot[T], field func(*T) *nginxconf.Value[V]) func(*nginxconf.Scope) *nginxconf.Value[V] {
	return func(s *nginxconf.Scope) *nginxconf.Value[V] { return field(slot.Of(BlockOf(s).Location)) }
}

// AtServer is At for the settings of servers.
func AtServer[T, V any](slot ServerSlot[T], field func(*T) *nginxconf.Value[V]) func(*nginxconf.Scope) *nginxconf.Value[V] {
	return func(s *nginxconf.Scope) *nginxconf.Value[V] { return field(slot.Of(BlockOf(s).Server)) }
}

// Commands returns the directives of the http block and of everything in it.
// The one http block that a configuration may have is read into h.
func (h *HTTP) Commands(modules []*Module) [][]nginxconf.Command {
	h.modules = modules
	groups := [][]nginxconf.Command{{{
		Name: "http", In: nginxconf.Main, Arity: nginxconf.Block | nginxconf.NoArgs,
		Set: func(s *nginxconf.Scope, d *nginxconf.Directive) error { return h.read(s, d) },
	}}, coreCommands, protocolCommands}
	for _, m := range modules {
		groups = append(groups, m.Commands)
	}
	return groups
}

// read reads the http block: every directive first, then what inherits from
// what, then the modules' own completion, then names that were used before
// they were defined.
func (h *HTTP) read(s *nginxconf.Scope, d *nginxconf.Directive) error {
	if h.root != nil {
		return nginxconf.ErrDuplicate
	}
	h.settings = makeSettings(mainSlots)
	level := &Server{HTTP: h, settings: makeSettings(serverSlots), Pos: d.Pos}
	level.Location = newLocation(level, nil)
	h.root = &Block{HTTP: h, Server: level, Location: level.Location}
	h.variables.init(h.modules)
	h.newer = newerProtocols{}

	s.Block(d, nginxconf.HTTP, h.root)

	if err := h.inherit(s); err != nil {
		return err
	}
	for _, srv := range h.Servers {
		srv.arrangeLocations(s)
	}
	h.arrangePorts(s)
	h.newer.warn(s)
	h.allowConnect()
	h.openZones(s)
	for _, m := range h.modules {
		if m.Init == nil {
			continue
		}
		if err := m.Init(h); err != nil {
			reportInit(s, d, err)
		}
	}
	h.variables.resolve(s)
	h.Previous = nil
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

// reportInit reports what a module's Init found, each where it belongs.
func reportInit(s *nginxconf.Scope, d *nginxconf.Directive, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			reportInit(s, d, e)
		}
		return
	}
	var e *nginxconf.Error
	if errors.As(err, &e) {
		if e.Severity >= nginxconf.Warn {
			s.WarnAt(e.Pos, "%s", e.Msg)
			return
		}
		s.ErrorAt(e.Pos, "%s", e.Msg)
		return
	}
	s.ErrorAt(d.Pos, "%v", err)
}

// inherit completes the settings of every level, outermost first.
func (h *HTTP) inherit(s *nginxconf.Scope) error {
	root := h.root.Server
	if err := inheritSettings(serverSlots, root.settings, makeSettings(serverSlots)); err != nil {
		return err
	}
	if c := root.Location.Core; !c.Root.Set {
		c.Root = nginxconf.Value[PathTemplate]{V: PathTemplate{Text: h.Prefix + "html"}, Set: true}
	}
	if err := inheritSettings(locationSlots, root.Location.settings, makeSettings(locationSlots)); err != nil {
		return err
	}
	root.Location.finish()
	for _, srv := range h.Servers {
		if err := inheritSettings(serverSlots, srv.settings, root.settings); err != nil {
			s.ErrorAt(srv.Pos, "%v", err)
		}
		srv.Core = coreServer.Of(srv)
		inheritLocation(s, srv.Location, root.Location)
	}
	return nil
}

func inheritLocation(s *nginxconf.Scope, l, parent *Location) {
	if err := inheritSettings(locationSlots, l.settings, parent.settings); err != nil {
		s.ErrorAt(l.Pos, "%v", err)
	}
	l.finish()
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
