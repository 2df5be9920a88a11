package session

import (
	"fmt"
	"strings"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
)

// Getter appends the value of a variable to dst; found is false for a
// variable that has no value in this request (logged as "-").
type Getter func(s *Session, dst []byte) (value []byte, found bool)

// Variable is a variable that a module offers.
type Variable struct {
	Name string // without "$"; one that ends in "_" is a family: $http_NAME
	Get  Getter
	// Family makes the getter of one member; rest is the name after the
	// family's.
	Family func(rest string) Getter
	// Set takes the value of a set directive, for variables that are more
	// than a value (args, limit_rate). Nil: stored as it is, if Changeable.
	Set func(s *Session, value []byte)
	// Cached: evaluated once a request.
	Cached bool
	// Changeable: set, map and their like may define it anew.
	Changeable bool
}

// variable is a variable of one configuration.
type variable struct {
	name       string
	get        Getter // nil: only what was stored
	set        func(s *Session, value []byte)
	index      int // place in Request.vars, -1 for a variable that is not stored
	cached     bool
	changeable bool
	defined    bool
	// weak: get says only what the variable is while nothing has been stored;
	// a family that the name belongs to knows better.
	weak bool
}

// variableTable holds the variables of one configuration by name.
type variableTable struct {
	byName   map[string]*variable
	families map[string]*Variable // by name with the final "_"
	stored   int                  // places that a request needs
	uses     []variableUse
}

type variableUse struct {
	v *variable
	d *nc.Directive
}

// AddVariables adds variables that are offered to the configuration, before it is
// read.
func (r *Realm) AddVariables(vs []Variable) {
	t := &r.variables
	for i := range vs {
		v := &vs[i]
		if v.Family != nil {
			t.families[v.Name] = v
			continue
		}
		got := t.lookup(v.Name)
		got.get, got.set, got.changeable, got.defined = v.Get, v.Set, v.Changeable, true
		got.cached = v.Cached
		if got.cached {
			t.store(got)
		}
	}
}

// lookup returns the variable by name, made undefined if it is new.
func (t *variableTable) lookup(name string) *variable {
	v := t.byName[name]
	if v == nil {
		v = &variable{name: name, index: -1}
		t.byName[name] = v
	}
	return v
}

func (t *variableTable) store(v *variable) {
	if v.index < 0 {
		v.index = t.stored
		t.stored++
	}
}

// define returns a variable whose value requests store, as set and named
// groups do. It fails for a variable that may not be redefined.
func (t *variableTable) define(name string) (*variable, error) {
	v := t.lookup(name)
	if v.defined && !v.changeable && v.set == nil {
		return nil, fmt.Errorf("the duplicate %q variable", name)
	}
	v.changeable = true
	if v.set == nil {
		v.defined = true
		t.store(v)
	}
	return v, nil
}

// use returns the variable by name for a directive; resolve reports it if
// nothing defines it by the end of the http block.
func (t *variableTable) use(d *nc.Directive, name string) *variable {
	v := t.lookup(name)
	t.uses = append(t.uses, variableUse{v, d})
	return v
}

// resolve gives every variable in use its meaning, and reports the unknown,
// each once with all its places.
func (t *variableTable) resolve(s *nc.Scope) {
	type line struct {
		v    *variable
		file string
		n    int
	}
	reported := make(map[*variable]*nc.Error)
	listed := make(map[line]bool)
	for _, v := range t.byName {
		if !v.weak {
			continue
		}
		if f, rest := t.family(v.name); f != nil {
			v.get = f.Family(rest)
		}
	}
	for _, u := range t.uses {
		v := u.v
		if v.defined {
			continue
		}
		if f, rest := t.family(v.name); f != nil {
			v.get, v.defined, v.cached = f.Family(rest), true, f.Cached
			if v.cached {
				t.store(v)
			}
			continue
		}
		at := line{v, u.d.Pos.File, u.d.Pos.Line}
		if listed[at] {
			continue
		}
		listed[at] = true
		if e := reported[v]; e != nil {
			e.Also = append(e.Also, u.d.Pos)
			continue
		}
		e := &nc.Error{Pos: u.d.Pos, Msg: fmt.Sprintf("unknown \"%s\" variable", v.name)}
		if missingVariable(v.name) {
			e.Msg = fmt.Sprintf("the \"%s\" variable is one of nginx that tandem does not support yet", v.name)
		}
		reported[v] = e
		s.Report(u.d, e)
	}
	t.uses = nil
}

// missingVariable reports whether nginx has a variable in a module that tandem
// lacks.
func missingVariable(name string) bool {
	switch name {
	case "ancient_browser", "modern_browser", "msie", "memcached_key",
		"proxy_add_via", "slice_range":
		return true
	}
	return strings.HasPrefix(name, "geoip_")
}

func (t *variableTable) family(name string) (*Variable, string) {
	for i := len(name); i > 0; i-- {
		if name[i-1] == '_' {
			if f := t.families[name[:i]]; f != nil {
				return f, name[i:]
			}
		}
	}
	return nil, ""
}

// DefineVariable adds a variable that a directive defines (map, geo,
// split_clients, perl_set ...): get is its value, evaluated once a request
// when cached. It fails for a name that is taken and cannot be changed.
func (r *Realm) DefineVariable(name string, get Getter, cached bool) error {
	v, err := r.variables.define(strings.ToLower(name))
	if err != nil {
		return err
	}
	v.get, v.cached, v.defined, v.weak = get, cached, true, false
	return nil
}

// VariableRef is a variable that a directive of the configuration names.
type VariableRef struct{ v *variable }

// Variable returns the variable that d names; an unknown name is reported at
// the end of the http block, so that it may be defined after its use.
func (r *Realm) Variable(d *nc.Directive, name string) VariableRef {
	return VariableRef{r.variables.use(d, strings.ToLower(name))}
}

// SettableVariable returns the variable $name for a directive that stores
// values in it, such as set. unset is its value while nothing has been stored,
// unless the variable has a meaning of its own.
func (r *Realm) SettableVariable(name string, unset Getter) (VariableRef, error) {
	v, err := r.variables.define(strings.ToLower(name))
	if err != nil {
		return VariableRef{}, err
	}
	if v.get == nil {
		v.get, v.weak = unset, true
	}
	return VariableRef{v}, nil
}

// NamedVariable appends the value of a variable that no directive names, but the
// content of a page does; found is false for an unknown one as well.
func (s *Session) NamedVariable(name string, dst []byte) (value []byte, found bool) {
	t := &s.Realm().variables
	if v := t.byName[name]; v != nil && v.defined {
		return v.appendTo(s, dst)
	}
	if f, rest := t.family(name); f != nil {
		return f.Family(rest)(s, dst)
	}
	return dst, false
}

// Name returns the name without "$".
func (ref VariableRef) Name() string { return ref.v.name }

// Append appends the value in s to dst; found is false if there is none.
func (ref VariableRef) Append(s *Session, dst []byte) (value []byte, found bool) {
	return ref.v.appendTo(s, dst)
}

// Store sets the value for the rest of the session; value must stay unchanged
// as long (see Session.Keep).
func (ref VariableRef) Store(s *Session, value []byte) {
	if ref.v.set != nil {
		ref.v.set(s, value)
		return
	}
	s.main.vars.slot(ref.v.index).set(varValue{varFound, value})
}

type varState uint8

const (
	varUnknown varState = iota // not evaluated yet
	varFound
	varNotFound
)

type varValue struct {
	state varState
	value []byte
}

func (v *varValue) set(to varValue) { *v = to }

// varStore holds the stored variables of a request; subrequests share it.
type varStore struct {
	values []varValue
	depth  int // of evaluations within evaluations
}

func (s *varStore) slot(i int) *varValue { return &s.values[i] }

func (s *varStore) reset(n int) {
	s.depth = 0
	if cap(s.values) < n {
		s.values = make([]varValue, n)
		return
	}
	s.values = s.values[:n]
	clear(s.values)
}

func (v *variable) appendTo(s *Session, dst []byte) ([]byte, bool) {
	if v.index < 0 {
		return v.evaluate(s, dst)
	}
	slot := s.main.vars.slot(v.index)
	switch slot.state {
	case varFound:
		return append(dst, slot.value...), true
	case varNotFound:
		return dst, false
	}
	start := len(dst)
	dst, found := v.evaluate(s, dst)
	if v.cached {
		// The getter may have evaluated other variables: the slot is looked
		// up again rather than held.
		slot = s.main.vars.slot(v.index)
		if found {
			slot.set(varValue{varFound, s.Keep(dst[start:])})
		} else {
			slot.set(varValue{state: varNotFound})
		}
	}
	return dst, found
}

// maxVariableDepth is how deep the evaluation of variables may nest: a map of
// variables that lead back to it has to end somewhere.
const maxVariableDepth = 100

// evaluate calls the getter.
func (v *variable) evaluate(s *Session, dst []byte) ([]byte, bool) {
	if v.get == nil {
		return dst, false
	}
	if s.main.vars.depth == maxVariableDepth {
		s.Logf(errorlog.Error, "cycle while evaluating variable \"%s\"", v.name)
		return dst, false
	}
	s.main.vars.depth++
	dst, found := v.get(s, dst)
	s.main.vars.depth--
	return dst, found
}
