package nginxconf

import (
	"errors"
	"fmt"
)

// Complaint is an error of a setter whose words follow the directive's name:
// Complaint("is duplicate") becomes `"root" directive is duplicate`. Any other
// error of a setter is a whole message.
type Complaint string

func (c Complaint) Error() string { return string(c) }

// Complaints of nginx that many setters have.
const (
	ErrDuplicate     = Complaint("is duplicate")
	ErrInvalidValue  = Complaint("invalid value")
	ErrInvalidNumber = Complaint("invalid number")
)

// BindOptions say how to bind.
type BindOptions struct {
	// Context of the directives outside of all blocks. 0: Main.
	Context Context
}

// Scope is what a setter works in: a context with the data of the block.
type Scope struct {
	Context Context
	Data    any    // of the block's owner
	Parent  *Scope // of the enclosing block; nil outside of all
	b       *binder
}

// binder is the state of one Bind.
type binder struct {
	table *Table
	tree  *Tree
	errs  Errors
	// missing holds the one message for each directive that is only missing
	// here.
	missing map[missingKey]*Error
	listed  map[missingLine]bool
	near    map[missingKey]string // answers of nearMiss
}

// Bind walks the tree and calls the setters of the directives, in the order of
// the text. All mistakes are collected, none ends the walk; they are returned
// in the order of the text.
func (t *Table) Bind(tree *Tree, data any, opts BindOptions) Errors {
	if opts.Context == 0 {
		opts.Context = Main
	}
	b := &binder{
		table:   t,
		tree:    tree,
		missing: map[missingKey]*Error{},
		listed:  map[missingLine]bool{},
		near:    map[missingKey]string{},
	}
	s := &Scope{Context: opts.Context, Data: data, b: b}
	s.Walk(tree.Main)
	errs := b.errs.unique()
	tree.Sort(errs)
	return errs
}

// unique leaves out messages that say the same of the same line: a file
// included many times has its mistakes only once.
func (es Errors) unique() Errors {
	type key struct {
		file string
		line int
		sev  Severity
		msg  string
	}
	seen := make(map[key]bool, len(es))
	var kept Errors
	for _, e := range es {
		k := key{e.Pos.File, e.Pos.Line, e.Severity, e.Msg}
		if !seen[k] {
			seen[k] = true
			kept = append(kept, e)
		}
	}
	return kept
}

// Block binds what is in the block of d, in a context and with data of its own.
func (s *Scope) Block(d *Directive, ctx Context, data any) {
	s.Enter(ctx, data).Walk(d.Block)
}

// Enter returns a scope within s.
func (s *Scope) Enter(ctx Context, data any) *Scope {
	return &Scope{Context: ctx, Data: data, Parent: s, b: s.b}
}

// Walk binds the directives one after the other.
func (s *Scope) Walk(ds []*Directive) {
	for _, d := range ds {
		s.bind(d)
	}
}

// bind checks one directive, in the order of nginx's ngx_conf_handler, and
// calls its setter.
func (s *Scope) bind(d *Directive) {
	for _, c := range s.b.table.commands[d.Name] {
		if c.In&s.Context == 0 {
			continue
		}
		switch {
		case c.Arity&Block == 0 && d.IsBlock:
			s.Errorf(d, `directive "%s" is not terminated by ";"`, d.Name)
		case c.Arity&Block != 0 && !d.IsBlock:
			s.Errorf(d, `directive "%s" has no opening "{"`, d.Name)
		case !c.Arity.accepts(len(d.Args)):
			s.Errorf(d, `invalid number of arguments in "%s" directive`, d.Name)
		case c.Set != nil:
			s.report(d, c.Set(s, d))
		}
		return
	}
	s.b.unknown(s, d)
}

// Report adds an error as if the setter of d had returned it: one that is an
// *Error with a position of its own, or several, stay where they belong.
func (s *Scope) Report(d *Directive, err error) { s.report(d, err) }

// report adds the error of a setter.
func (s *Scope) report(d *Directive, err error) {
	if err == nil {
		return
	}
	var several Errors
	if errors.As(err, &several) {
		for _, e := range several {
			s.report(d, e)
		}
		return
	}
	e := &Error{Pos: d.Pos, Err: err, Msg: err.Error()}
	var complaint Complaint
	var own *Error
	switch {
	case errors.As(err, &own):
		e = own
		if e.Pos.File == "" {
			e.Pos = d.Pos
		}
	case errors.As(err, &complaint):
		e.Msg = fmt.Sprintf(`"%s" directive %s`, d.Name, err)
	}
	s.b.errs = append(s.b.errs, e)
}

// ReportAll adds errors that were found when the block of d had been read, each
// where it belongs: those that are joined, and those that are *Errors.
func (s *Scope) ReportAll(d *Directive, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			s.ReportAll(d, e)
		}
		return
	}
	var e *Error
	if errors.As(err, &e) {
		s.add(e.Pos, e.Severity, errors.New(e.Msg))
		return
	}
	s.ErrorAt(d.Pos, "%v", err)
}

// Errorf adds a message that refuses the configuration, at the position of d.
// Of arguments given for %w, the message unwraps to the first.
func (s *Scope) Errorf(d *Directive, format string, args ...any) {
	s.add(d.Pos, Emerg, fmt.Errorf(format, args...))
}

// Warnf adds a warning at the position of d.
func (s *Scope) Warnf(d *Directive, format string, args ...any) {
	s.add(d.Pos, Warn, fmt.Errorf(format, args...))
}

// ErrorAt adds a message that refuses the configuration, at any position: the
// end of a block, a place remembered from before.
func (s *Scope) ErrorAt(pos Pos, format string, args ...any) {
	s.add(pos, Emerg, fmt.Errorf(format, args...))
}

// WarnAt adds a warning at any position.
func (s *Scope) WarnAt(pos Pos, format string, args ...any) {
	s.add(pos, Warn, fmt.Errorf(format, args...))
}

// WarnAllAt adds a warning that is for several positions.
func (s *Scope) WarnAllAt(at []Pos, format string, args ...any) {
	s.WarnAt(at[0], format, args...)
	s.b.errs[len(s.b.errs)-1].Also = at[1:]
}

func (s *Scope) add(pos Pos, sev Severity, err error) {
	s.b.errs = append(s.b.errs, &Error{Pos: pos, Severity: sev, Msg: err.Error(), Err: errors.Unwrap(err)})
}

// Path returns the full name of a file: relative to the folder of the
// configuration file, as nginx takes certificates and the like, or to the
// prefix, as root and logs. Like nginx, it does not tidy the path.
func (s *Scope) Path(name string, confPrefix bool) string {
	if confPrefix {
		return fullName(s.b.tree.confPrefix, name)
	}
	return fullName(s.b.tree.prefix, name)
}
