package session

import (
	"tandem/internal/errorlog"
	"tandem/internal/regex"
)

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
func (r *Realm) Regex(text string, caseless bool) (*Regex, error) {
	key := regexKey{text, caseless}
	if re := r.regexes[key]; re != nil {
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
		v, err := r.variables.define(name)
		if err != nil {
			return nil, err
		}
		re.named = append(re.named, namedGroup{i, v})
	}
	if r.regexes == nil {
		r.regexes = make(map[regexKey]*Regex)
	}
	r.regexes[key] = re
	return re, nil
}

// Match matches re against subject. On success the captures are what $1, $2
// and the named groups stand for from now on; subject must stay unchanged for
// the rest of the session. A match that failed for another reason than that
// subject is different is logged; MatchFailed tells of it.
func (s *Session) Match(re *Regex, subject []byte) bool {
	if re.Groups() == 0 {
		ok, err := re.Try(subject)
		if s.noteMatch(re, subject, err); ok {
			s.captures = nil
		}
		return ok
	}
	m, err := re.Captures(subject)
	s.noteMatch(re, subject, err)
	if m == nil {
		return false
	}
	s.captures, s.captured = m, subject
	for _, g := range re.named {
		// A group that took no part is empty, not without a value.
		value := subject[:0:0]
		if m[2*g.group] >= 0 {
			value = subject[m[2*g.group]:m[2*g.group+1]]
		}
		if g.v.set != nil {
			g.v.set(s, value)
			continue
		}
		s.main.vars.slot(g.v.index).set(varValue{varFound, value})
	}
	return true
}

// MatchFailed reports whether the last Match came to no verdict, such as for
// its time limit. Who relies on the verdict answers 500.
func (s *Session) MatchFailed() bool { return s.matchFailed }

func (s *Session) noteMatch(re *Regex, subject []byte, err error) {
	if s.matchFailed = err != nil; err != nil {
		s.Logf(errorlog.Alert, "pcre2_match() failed: %v on \"%s\" using \"%s\"", err, subject, re.Text)
	}
}

// ForgetCaptures leaves $1 and its like without values; named groups keep
// theirs.
func (s *Session) ForgetCaptures() { s.captures = nil }

// CopyCaptures gives s the captures of another session.
func (s *Session) CopyCaptures(of *Session) {
	s.captures, s.captured = of.captures, of.captured
}

// Capture returns group n of the last successful match, nil if it has none.
func (s *Session) Capture(n int) []byte {
	if 2*n+1 >= len(s.captures) || s.captures[2*n] < 0 {
		return nil
	}
	return s.captured[s.captures[2*n]:s.captures[2*n+1]]
}
