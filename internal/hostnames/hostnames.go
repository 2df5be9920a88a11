// Package hostnames finds host names among names with wildcards, as nginx's
// combined hashes do: for server names, maps and valid referers.
package hostnames

import (
	"errors"
	"strings"
)

// Table holds values by name: example.com, *.example.com, .example.com (both
// of them) and www.example.*. The zero Table is empty.
type Table[V any] struct {
	exact map[string]V
	head  map[string]V // "*.example.com" by ".example.com"
	tail  map[string]V // "www.example.*" by "www.example."
}

// The errors of Add.
var (
	ErrInvalid  = errors.New("invalid hostname or wildcard")
	ErrConflict = errors.New("conflicting name")
)

// Add adds a name, in any case, which may be a wildcard. The first value for a
// name stays.
func (t *Table[V]) Add(name string, v V) error {
	if strings.Count(name, "*") > 1 || strings.Contains(name, "..") || strings.IndexByte(name, 0) >= 0 {
		return ErrInvalid
	}
	name = strings.ToLower(name)
	switch {
	case len(name) > 1 && name[0] == '.':
		if _, ok := t.head[name]; ok {
			return ErrConflict
		}
		if err := put(&t.exact, name[1:], v); err != nil {
			return err
		}
		return put(&t.head, name, v)
	case len(name) > 2 && strings.HasPrefix(name, "*."):
		return put(&t.head, name[1:], v)
	case len(name) > 2 && strings.HasSuffix(name, ".*"):
		return put(&t.tail, name[:len(name)-1], v)
	case strings.Contains(name, "*"):
		return ErrInvalid
	}
	return put(&t.exact, name, v)
}

// AddExact adds a name in which "*" has no meaning.
func (t *Table[V]) AddExact(name string, v V) error { return put(&t.exact, strings.ToLower(name), v) }

func put[V any](m *map[string]V, key string, v V) error {
	if *m == nil {
		*m = make(map[string]V)
	}
	if _, ok := (*m)[key]; ok {
		return ErrConflict
	}
	(*m)[key] = v
	return nil
}

// Empty reports whether the table holds nothing.
func (t *Table[V]) Empty() bool { return len(t.exact)+len(t.head)+len(t.tail) == 0 }

// Find returns the value for a name, which must be in lower case: that of the
// name itself, of the longest wildcard at its beginning, or of the longest one
// at its end.
func (t *Table[V]) Find(name []byte) (v V, ok bool) {
	if v, ok = t.exact[string(name)]; ok {
		return v, true
	}
	if t.head != nil {
		for i, c := range name {
			if c == '.' && i > 0 {
				if v, ok = t.head[string(name[i:])]; ok {
					return v, true
				}
			}
		}
	}
	if t.tail != nil {
		for i := len(name) - 1; i >= 0; i-- {
			if name[i] == '.' {
				if v, ok = t.tail[string(name[:i+1])]; ok {
					return v, true
				}
			}
		}
	}
	return v, false
}
