package vars

import (
	"errors"
	"fmt"
	"strings"

	"tandem/internal/hostnames"
	nc "tandem/nginxconf"
	"tandem/session"
)

// Map is the map module:
//
//	map STRING $VARIABLE { SOURCE VALUE; ... }
//
// with the special entries default, hostnames, volatile and include.
func Map(in session.Contexts) *session.Module {
	return &session.Module{Name: "map", Commands: []nc.Command{
		{Name: "map", In: in.Block, Arity: nc.Block | nc.Take2, Set: readMap},
		// The shape of nginx's hash tables cannot be seen from outside.
		{Name: "map_hash_max_size", In: in.Block, Arity: nc.Take1},
		{Name: "map_hash_bucket_size", In: in.Block, Arity: nc.Take1},
	}}
}

// mapping is one map block.
type mapping struct {
	source    *session.Template
	hostnames bool
	names     hostnames.Table[*session.Template]
	regexes   []mapRegex
	deflt     *session.Template // nil: empty
}

type mapRegex struct {
	re    *session.Regex
	value *session.Template
}

func readMap(s *nc.Scope, d *nc.Directive) error {
	r := session.BlockOf(s).Realm
	m := new(mapping)
	var err error
	if m.source, err = r.Template(d, d.Args[0]); err != nil {
		return err
	}
	name, err := variableName(d.Args[1])
	if err != nil {
		return err
	}
	volatile := false
	eachEntry(s, d, func(e *nc.Directive, words []string) error {
		switch {
		case len(words) == 1 && words[0] == "hostnames":
			m.hostnames = true
			return nil
		case len(words) == 1 && words[0] == "volatile":
			volatile = true
			return nil
		case len(words) != 2:
			return errors.New("invalid number of the map parameters")
		}
		value, err := r.Template(e, words[1])
		if err != nil {
			return err
		}
		return m.add(r, words[0], value)
	})
	return r.DefineVariable(name, m.get, !volatile)
}

func (m *mapping) add(r *session.Realm, source string, value *session.Template) error {
	if source == "default" {
		if m.deflt != nil {
			return errors.New("duplicate default map parameter")
		}
		m.deflt = value
		return nil
	}
	if text, ok := strings.CutPrefix(source, "~"); ok {
		text, caseless := strings.CutPrefix(text, "*")
		re, err := r.Regex(text, caseless)
		if err != nil {
			return err
		}
		m.regexes = append(m.regexes, mapRegex{re, value})
		return nil
	}
	// A backslash takes the special meaning from what follows it.
	source = strings.TrimPrefix(source, "\\")
	add := m.names.AddExact
	if m.hostnames {
		add = m.names.Add
	}
	switch err := add(source, value); {
	case errors.Is(err, hostnames.ErrConflict):
		return fmt.Errorf("conflicting parameter \"%s\"", source)
	case err != nil:
		return fmt.Errorf("invalid hostname or wildcard \"%s\"", source)
	}
	return nil
}

func (m *mapping) get(s *session.Session, dst []byte) ([]byte, bool) {
	source := m.source.Append(s, s.Scratch())
	subject := source
	if n := len(subject); m.hostnames && n > 0 && subject[n-1] == '.' {
		subject = subject[:n-1]
	}
	value := m.find(s, subject)
	s.Unscratch(source)
	return value.Append(s, dst), true
}

// find returns the value for a source: that of the text itself, in any case,
// or of the first expression that matches; else the default.
func (m *mapping) find(s *session.Session, subject []byte) *session.Template {
	if !m.names.Empty() {
		lower := s.Scratch()
		for _, c := range subject {
			if c >= 'A' && c <= 'Z' {
				c |= 0x20
			}
			lower = append(lower, c)
		}
		value, ok := m.names.Find(lower)
		s.Unscratch(lower)
		if ok {
			return value
		}
	}
	if len(subject) == 0 {
		return m.deflt
	}
	kept := false
	for i := range m.regexes {
		e := &m.regexes[i]
		if !kept && e.re.Groups() > 0 {
			// Captures point into what was matched.
			subject, kept = s.Keep(subject), true
		}
		if s.Match(e.re, subject) {
			return e.value
		}
	}
	return m.deflt
}
