package session

import (
	"errors"
	"slices"
	"strings"

	nc "tandem/nginxconf"
)

// Template is a value of the configuration that may hold variables, compiled.
// A nil Template is empty.
type Template struct {
	Text  string // as written
	parts []templatePart
	late  func() // see LateTemplate; nil when there is nothing left to do
}

// LateTemplate is Template for a directive whose value nginx compiles where it is
// in force. In the http block itself the variables in it may be unknown, as long
// as every server has such directives of its own; a level that inherits the
// template calls InForce.
func (r *Realm) LateTemplate(s *nc.Scope, d *nc.Directive, text string) (*Template, error) {
	before := len(r.variables.uses)
	t, err := r.Template(d, text)
	if err != nil || s.Context != nc.HTTP {
		return t, err
	}
	uses := slices.Clone(r.variables.uses[before:])
	r.variables.uses = r.variables.uses[:before]
	t.late = func() { r.variables.uses = append(r.variables.uses, uses...) }
	return t, nil
}

// InForce has the variables of a LateTemplate looked at like all others.
func (t *Template) InForce() {
	if t != nil && t.late != nil {
		t.late()
		t.late = nil
	}
}

// templatePart is a run of text, a variable, or a capture: one of them.
type templatePart struct {
	text    string
	v       *variable
	capture int // 1 to 9, 0 for none
}

var errVariableName = errors.New("invalid variable name")

// Template compiles text: $name, ${name}, $1 to $9, and the rest as it is.
func (r *Realm) Template(d *nc.Directive, text string) (*Template, error) {
	t := &Template{Text: text}
	err := SplitVariables(text, func(plain string) {
		t.parts = append(t.parts, templatePart{text: plain})
	}, func(name string) {
		if name[0] >= '1' && name[0] <= '9' {
			t.parts = append(t.parts, templatePart{capture: int(name[0] - '0')})
			return
		}
		t.parts = append(t.parts, templatePart{v: r.variables.use(d, strings.ToLower(name))})
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// SplitVariables calls, in the order of a text, plain for what stands between
// variables and variable for the name of each, or the digit of a capture.
func SplitVariables(text string, plain, variable func(string)) error {
	for text != "" {
		i := strings.IndexByte(text, '$')
		if i < 0 {
			plain(text)
			return nil
		}
		if i > 0 {
			plain(text[:i])
		}
		name, rest, err := CutVariable(text[i+1:])
		if err != nil {
			return err
		}
		variable(name)
		text = rest
	}
	return nil
}

// CutVariable splits what follows a "$" into the name of the variable, or the
// digit of the capture, and the rest.
func CutVariable(s string) (name, rest string, err error) {
	if s == "" {
		return "", "", errVariableName
	}
	if s[0] >= '1' && s[0] <= '9' {
		return s[:1], s[1:], nil
	}
	if s[0] == '{' {
		end := strings.IndexByte(s, '}')
		if end < 0 {
			return "", "", errors.New("the closing bracket in \"" + strings.TrimPrefix(s, "{") + "\" variable is missing")
		}
		name, rest = s[1:end], s[end+1:]
		if name == "" || variableLen(name) != len(name) {
			return "", "", errVariableName
		}
		return name, rest, nil
	}
	n := variableLen(s)
	if n == 0 {
		return "", "", errVariableName
	}
	return s[:n], s[n:], nil
}

func variableLen(s string) int {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' {
			continue
		}
		return i
	}
	return len(s)
}

// HasVariables reports whether text holds a variable or capture.
func HasVariables(text string) bool { return strings.IndexByte(text, '$') >= 0 }

// IsLiteral reports whether the value is the same for every session.
func (t *Template) IsLiteral() bool {
	return t == nil || len(t.parts) == 0 || len(t.parts) == 1 && t.parts[0].v == nil && t.parts[0].capture == 0
}

// Append appends the value in s to dst. A variable without a value adds
// nothing.
func (t *Template) Append(s *Session, dst []byte) []byte {
	if t == nil {
		return dst
	}
	for i := range t.parts {
		switch p := &t.parts[i]; {
		case p.v != nil:
			dst, _ = p.v.appendTo(s, dst)
		case p.capture > 0:
			dst = append(dst, s.Capture(p.capture)...)
		default:
			dst = append(dst, p.text...)
		}
	}
	return dst
}

// AppendEscaped is Append with escape applied to what captures contribute, as
// the rewrite module does: they come from a path that has been decoded.
func (t *Template) AppendEscaped(s *Session, dst []byte, escape func(dst, value []byte) []byte) []byte {
	for i := range t.parts {
		switch p := &t.parts[i]; {
		case p.v != nil:
			dst, _ = p.v.appendTo(s, dst)
		case p.capture > 0:
			dst = escape(dst, s.Capture(p.capture))
		default:
			dst = append(dst, p.text...)
		}
	}
	return dst
}

// Value returns the value in s, valid until the session ends.
func (t *Template) Value(s *Session) []byte {
	if t == nil || len(t.parts) == 0 {
		return nil
	}
	scratch := s.Scratch()
	scratch = t.Append(s, scratch)
	value := s.Keep(scratch)
	s.Unscratch(scratch)
	return value
}

// IsTrue reports whether the value is neither empty nor "0", the truth of if=
// parameters and of *_bypass directives.
func (t *Template) IsTrue(s *Session) bool {
	scratch := s.Scratch()
	scratch = t.Append(s, scratch)
	ok := len(scratch) > 0 && !(len(scratch) == 1 && scratch[0] == '0')
	s.Unscratch(scratch)
	return ok
}

// AnyTrue reports whether one of the templates is true in s.
func AnyTrue(s *Session, ts []*Template) bool {
	for _, t := range ts {
		if t.IsTrue(s) {
			return true
		}
	}
	return false
}

// Literal returns a value without variables.
func Literal(text string) *Template {
	return &Template{Text: text, parts: []templatePart{{text: text}}}
}
