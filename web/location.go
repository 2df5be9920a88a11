package web

import (
	"errors"
	"fmt"
	"strings"

	nc "tandem/nginxconf"
	"tandem/session"
)

// LocationKind says how a location's name is compared with a path.
type LocationKind uint8

// The forms of the location directive, and the levels that are locations only
// in that they hold settings.
const (
	PrefixLocation        LocationKind = iota // location /a
	PrefixNoRegexLocation                     // location ^~ /a
	ExactLocation                             // location = /a
	RegexLocation                             // location ~ or ~* pattern
	NamedLocation                             // location @a
	Level                                     // http, server, if, limit_except
)

// Location is one set of location settings: of a location block, or of
// another level that has them.
type Location struct {
	Kind   LocationKind
	Name   string // path, pattern or @name as written; "" for a Level
	Server *Server
	Outer  *Location // the location it stands in; nil for a server's own level
	Pos    nc.Pos
	Core   *Core // the core module's settings; never nil once read
	// Level are the settings of modules that serve stream as well.
	Level session.Level

	// Handler answers every request of this location, in place of the
	// content phase. Set by directives such as proxy_pass. Never inherited.
	Handler Handler
	// AutoRedirect: the path without the final slash of Name is redirected
	// to Name, as nginx does for locations that proxy.
	AutoRedirect bool
	// IsIf marks an if block of the rewrite module, IsLimitExcept that block
	// of the core: both take Handler and name from the location around them.
	IsIf, IsLimitExcept bool

	settings session.Settings
	inner    []*Location // everything that inherits from here
	re       *session.Regex
	tree     *locationTree // inner locations by path, nil without any
	regexes  []*Location   // inner regex locations in order
}

func newLocation(srv *Server, outer *Location) *Location {
	l := &Location{Kind: Level, Server: srv, Outer: outer, settings: locationSlots.Make()}
	l.Level.Init(&srv.Server)
	l.Core = coreLocation.Of(l)
	return l
}

// PassTo has the location's requests passed on by h, as the *_pass directives do:
// the path without a final slash of its name is redirected to it.
func (l *Location) PassTo(h Handler) {
	l.Handler = h
	l.AutoRedirect = l.Kind != Level && strings.HasSuffix(l.Name, "/")
}

// Nest makes a level inside l that inherits its settings and has no path of
// its own, such as an if block.
func (l *Location) Nest(pos nc.Pos) *Location {
	inner := newLocation(l.Server, l)
	inner.Pos = pos
	inner.Name = l.Name
	l.inner = append(l.inner, inner)
	return inner
}

// inherit completes l by what the level around it says; nil: there is none.
func (l *Location) inherit(outer *Location) error {
	from, level := locationSlots.Make(), (*session.Level)(nil)
	if outer != nil {
		from, level = outer.settings, &outer.Level
	}
	err := errors.Join(l.Level.Inherit(level), locationSlots.Inherit(l.settings, from))
	if l.Outer != nil && (l.IsIf || l.IsLimitExcept) && l.Handler == nil {
		l.Handler = l.Outer.Handler
	}
	return err
}

// readLocation reads a location block: location [ = | ~ | ~* | ^~ ] uri {...}
// and location @name {...}.
func readLocation(s *nc.Scope, d *nc.Directive) error {
	b := BlockOf(s)
	l := newLocation(b.Server, b.Location)
	l.Pos = d.Pos
	if err := l.parseName(b, d.Args); err != nil {
		return err
	}
	if outer := b.Location; outer.Kind != Level {
		switch {
		case outer.Kind == ExactLocation:
			return fmt.Errorf("location %q cannot be inside the exact location %q", l.Name, outer.Name)
		case outer.Kind == NamedLocation:
			return fmt.Errorf("location %q cannot be inside the named location %q", l.Name, outer.Name)
		case l.Kind == NamedLocation:
			return fmt.Errorf("named location %q can be on the server level only", l.Name)
		case l.Kind != RegexLocation && !strings.HasPrefix(l.Name, outer.Name):
			return fmt.Errorf("location %q is outside location %q", l.Name, outer.Name)
		}
	}
	b.Location.inner = append(b.Location.inner, l)
	s.Block(d, nc.Location, &Block{HTTP: b.HTTP, Server: b.Server, Location: l})
	return nil
}

// parseName understands both "= /a" in two words and "=/a" in one.
func (l *Location) parseName(b *Block, args []string) error {
	mod, name := "", args[0]
	if len(args) == 2 {
		mod, name = args[0], args[1]
		switch mod {
		case "=", "^~", "~", "~*":
		default:
			return fmt.Errorf("invalid location modifier %q", mod)
		}
	} else {
		for _, m := range []string{"=", "^~", "~*", "~"} {
			if strings.HasPrefix(name, m) {
				mod, name = m, name[len(m):]
				break
			}
		}
	}
	l.Name = name
	switch mod {
	case "=":
		l.Kind = ExactLocation
	case "^~":
		l.Kind = PrefixNoRegexLocation
	case "~", "~*":
		l.Kind = RegexLocation
		re, err := b.HTTP.Regex(name, mod == "~*")
		if err != nil {
			return err
		}
		l.re = re
	default:
		l.Kind = PrefixLocation
		if strings.HasPrefix(name, "@") {
			l.Kind = NamedLocation
		}
	}
	return nil
}

// arrangeLocations sorts the locations of a server into the structures that
// requests search.
func (srv *Server) arrangeLocations(s *nc.Scope) { srv.Location.arrange(s) }

func (l *Location) arrange(s *nc.Scope) {
	for _, inner := range l.inner {
		var clash *Location
		switch inner.Kind {
		case RegexLocation:
			l.regexes = append(l.regexes, inner)
		case NamedLocation:
			if l.Server.named == nil {
				l.Server.named = make(map[string]*Location)
			}
			if l.Server.named[inner.Name] == nil {
				l.Server.named[inner.Name] = inner // the first stays, as in nginx
			}
		case ExactLocation, PrefixLocation, PrefixNoRegexLocation:
			if l.tree == nil {
				l.tree = new(locationTree)
			}
			clash = l.tree.insert(inner)
		}
		if clash != nil {
			s.ErrorAt(inner.Pos, "duplicate location %q", inner.Name)
		}
		inner.arrange(s)
	}
}

// findResult is how a search for a location ended.
type findResult uint8

const (
	findNothing  findResult = iota
	findPrefix              // the longest prefix: regexes may override it
	findFinal               // nothing overrides it
	findRedirect            // the path lacks the final slash
	findFailed              // an expression came to no verdict
)

// find searches the locations inside l for path and leaves the best in r, as
// ngx_http_core_find_location does.
func (l *Location) find(r *Request, path []byte) findResult {
	result, noRegex := findNothing, false
	if l.tree != nil {
		var found *Location
		found, result = l.tree.lookup(path)
		switch result {
		case findFinal, findRedirect:
			r.setLocation(found)
			return result
		case findPrefix:
			r.setLocation(found)
			noRegex = found.Kind == PrefixNoRegexLocation
			if inner := found.find(r, path); inner == findFinal || inner == findRedirect || inner == findFailed {
				return inner
			}
		}
	}
	if noRegex {
		return result
	}
	for _, re := range l.regexes {
		if r.Match(re.re, path) {
			r.setLocation(re)
			if re.find(r, path) == findFailed {
				return findFailed
			}
			return findFinal
		}
		if r.MatchFailed() {
			return findFailed
		}
	}
	return result
}
