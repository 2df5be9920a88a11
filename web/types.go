package web

import (
	"strings"

	nc "tandem/nginxconf"
)

// TypeMap gives the media type for a file name extension.
type TypeMap struct {
	byExtension map[string][]byte // lower case, without the dot
}

var defaultTypes = &TypeMap{map[string][]byte{
	"html": []byte("text/html"), "gif": []byte("image/gif"), "jpg": []byte("image/jpeg"),
}}

// Lookup returns the type for an extension, nil if it is not known.
func (m *TypeMap) Lookup(extension []byte) []byte {
	if t, ok := m.byExtension[string(extension)]; ok {
		return t
	}
	for _, c := range extension {
		if c >= 'A' && c <= 'Z' {
			return m.byExtension[strings.ToLower(string(extension))]
		}
	}
	return nil
}

// readTypes reads a types block; one without entries forgets the defaults.
func readTypes(s *nc.Scope, d *nc.Directive) error {
	v := &BlockOf(s).Location.Core.Types
	if !v.Set {
		*v = nc.Value[*TypeMap]{V: &TypeMap{make(map[string][]byte)}, Set: true}
	}
	for _, e := range d.Block {
		if e.IsBlock {
			s.Errorf(e, "unexpected \"{\"")
			continue
		}
		for _, ext := range e.Args {
			ext = strings.ToLower(ext)
			if old, ok := v.V.byExtension[ext]; ok {
				s.Warnf(e, "duplicate extension \"%s\", content type: \"%s\", previous content type: \"%s\"", ext, e.Name, old)
			}
			v.V.byExtension[ext] = []byte(e.Name)
		}
	}
	return nil
}

// SetContentType sets the response's media type by the extension of the
// request's path, or to default_type.
func (r *Request) SetContentType() {
	if r.Response.ContentType != nil {
		return
	}
	if ext := extension(r.Path); len(ext) > 0 {
		if t := r.Core.Types.V.Lookup(ext); t != nil {
			r.Response.ContentType = t
			return
		}
	}
	if r.Core.defaultType != nil {
		r.Response.ContentType = r.Core.defaultType
	}
}

func extension(path []byte) []byte {
	for i := len(path) - 1; i >= 0; i-- {
		switch path[i] {
		case '.':
			// A path that is all extension has none, as "/.htaccess".
			if i > 0 && path[i-1] != '/' {
				return path[i+1:]
			}
			return nil
		case '/':
			return nil
		}
	}
	return nil
}

// TypeSet is a set of media types, as gzip_types and its like name them; "*"
// is any.
type TypeSet struct {
	all   bool
	types map[string]bool
}

// Has reports whether the set holds a type; parameters after ";" and case do
// not count.
func (t *TypeSet) Has(contentType []byte) bool {
	if t == nil {
		return false
	}
	if t.all {
		return true
	}
	for i, c := range contentType {
		if c == ';' || c == ' ' {
			contentType = contentType[:i]
			break
		}
	}
	if t.types[string(contentType)] {
		return true
	}
	for _, c := range contentType {
		if c >= 'A' && c <= 'Z' {
			return t.types[strings.ToLower(string(contentType))]
		}
	}
	return false
}

// NewTypeSet makes a set of the types.
func NewTypeSet(types ...string) *TypeSet {
	t := &TypeSet{types: make(map[string]bool)}
	for _, name := range types {
		t.types[name] = true
	}
	return t
}

// HTMLOnly is the set that most filters work on unless the configuration names
// others.
var HTMLOnly = NewTypeSet("text/html")

// SetTypes is the setter of directives that list media types: the words come
// on top of always.
func SetTypes(get func(*nc.Scope) *nc.Value[*TypeSet], always ...string) func(*nc.Scope, *nc.Directive) error {
	return func(s *nc.Scope, d *nc.Directive) error {
		v := get(s)
		if !v.Set {
			*v = nc.Value[*TypeSet]{V: NewTypeSet(always...), Set: true}
		}
		for _, name := range d.Args {
			if name == "*" {
				v.V.all = true
				continue
			}
			name = strings.ToLower(name)
			if v.V.types[name] {
				s.Warnf(d, "duplicate MIME type \"%s\"", name)
			}
			v.V.types[name] = true
		}
		return nil
	}
}
