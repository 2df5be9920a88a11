package web

import "tandem/internal/regex"

// Regex is an expression of the configuration together with the variables
// that its named groups set.
type Regex struct {
	*regex.Regexp
	named []namedGroup
}

type namedGroup struct {
	group int
	v     *variable
}

// Regex compiles an expression; its named groups become variables.
func (h *HTTP) Regex(text string, caseless bool) (*Regex, error) {
	compiled, err := regex.Compile(text, caseless)
	if err != nil {
		return nil, err
	}
	re := &Regex{Regexp: compiled}
	for i, name := range compiled.Names {
		if name == "" {
			continue
		}
		v, err := h.variables.define(name)
		if err != nil {
			return nil, err
		}
		re.named = append(re.named, namedGroup{i, v})
	}
	return re, nil
}

// Match matches re against subject. On success the captures are what $1, $2
// and the named groups stand for from now on; subject must stay unchanged for
// the rest of the request.
func (r *Request) Match(re *Regex, subject []byte) bool {
	if re.Groups() == 0 {
		if !re.Regexp.Match(subject) {
			return false
		}
		r.captures = nil
		return true
	}
	m := re.Captures(subject)
	if m == nil {
		return false
	}
	r.captures, r.captured = m, subject
	for _, g := range re.named {
		value := varValue{state: varNotFound}
		if m[2*g.group] >= 0 {
			value = varValue{varFound, subject[m[2*g.group]:m[2*g.group+1]]}
		}
		if g.v.set != nil {
			g.v.set(r, value.value)
			continue
		}
		r.vars.slot(g.v.index).set(value)
	}
	return true
}

// ForgetCaptures leaves $1 and its like without values; named groups keep
// theirs.
func (r *Request) ForgetCaptures() { r.captures = nil }

// Capture returns group n of the last successful match, nil if it has none.
func (r *Request) Capture(n int) []byte {
	if 2*n+1 >= len(r.captures) || r.captures[2*n] < 0 {
		return nil
	}
	return r.captured[r.captures[2*n]:r.captures[2*n+1]]
}
