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

// regexKey is what two expressions have in common that are one.
type regexKey struct {
	text     string
	caseless bool
}

// Regex compiles an expression; its named groups become variables. Servers that
// are made from one template have the same expressions: these share one.
func (h *HTTP) Regex(text string, caseless bool) (*Regex, error) {
	key := regexKey{text, caseless}
	if re := h.regexes[key]; re != nil {
		return re, nil
	}
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
	if h.regexes == nil {
		h.regexes = make(map[regexKey]*Regex)
	}
	h.regexes[key] = re
	return re, nil
}

// Match matches re against subject. On success the captures are what $1, $2
// and the named groups stand for from now on; subject must stay unchanged for
// the rest of the request. A match that failed for another reason than that
// subject is different is logged; MatchFailed tells of it.
func (r *Request) Match(re *Regex, subject []byte) bool {
	if re.Groups() == 0 {
		ok, err := re.Try(subject)
		if r.noteMatch(re, subject, err); ok {
			r.captures = nil
		}
		return ok
	}
	m, err := re.Captures(subject)
	r.noteMatch(re, subject, err)
	if m == nil {
		return false
	}
	r.captures, r.captured = m, subject
	for _, g := range re.named {
		// A group that took no part is empty, not without a value.
		value := subject[:0:0]
		if m[2*g.group] >= 0 {
			value = subject[m[2*g.group]:m[2*g.group+1]]
		}
		if g.v.set != nil {
			g.v.set(r, value)
			continue
		}
		r.vars.slot(g.v.index).set(varValue{varFound, value})
	}
	return true
}

// MatchFailed reports whether the last Match came to no verdict, such as for
// its time limit. Who relies on the verdict answers 500.
func (r *Request) MatchFailed() bool { return r.matchFailed }

func (r *Request) noteMatch(re *Regex, subject []byte, err error) {
	if r.matchFailed = err != nil; err != nil {
		r.Logf(errLevelAlert, "pcre2_match() failed: %v on \"%s\" using \"%s\"", err, subject, re.Text)
	}
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
