package ssi

import (
	"bytes"
	"strings"

	"tandem/internal/regex"
	"tandem/session"
	"tandem/web"
)

// variable returns the value of a name: what set gave it, a capture, or a
// variable of the server.
func (s *scanner) variable(r *web.Request, name []byte) (value []byte, found bool) {
	lower := strings.ToLower(string(name))
	if v, ok := s.page.variables[lower]; ok {
		return v, true
	}
	if len(lower) == 1 && lower[0] >= '1' && lower[0] <= '9' {
		v := r.Capture(int(lower[0] - '0'))
		return v, v != nil
	}
	return r.NamedVariable(lower, nil)
}

// evaluate replaces variables in a value and takes the backslashes off. False
// for a variable that is badly written.
func (s *scanner) evaluate(r *web.Request, text []byte) ([]byte, bool) {
	var out []byte
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case '\\':
			i++
			if i == len(text) {
				return out, true
			}
			if c := text[i]; c != '\\' && c != '\'' && c != '"' && c != '$' {
				out = append(out, '\\')
			}
			out = append(out, text[i])
			i++
		case '$':
			name, rest, err := session.CutVariable(string(text[i+1:]))
			if err != nil {
				r.Logf(logError, "%v in \"%s\"", err, text)
				return nil, false
			}
			if value, found := s.variable(r, []byte(name)); found {
				out = append(out, value...)
			}
			i = len(text) - len(rest)
		default:
			out = append(out, c)
			i++
		}
	}
	return out, true
}

// expression evaluates the expr of if and elif: a value, which is true when it
// is not empty, or two values with = or !=, the second of which may be a
// regular expression between slashes. ok is false for one that makes no sense.
func (s *scanner) expression(r *web.Request, expr []byte) (truth, ok bool) {
	n := 0
	for n < len(expr) && isLeft(expr[n]) {
		n++
	}
	rest := bytes.TrimLeft(expr[n:], " ")
	left, ok := s.evaluate(r, expr[:n])
	if !ok {
		return false, false
	}
	if len(rest) == 0 {
		return len(left) > 0, true
	}
	negative := false
	switch {
	case rest[0] == '=':
		rest = rest[1:]
	case bytes.HasPrefix(rest, []byte("!=")):
		negative, rest = true, rest[2:]
	default:
		r.Logf(logError, "invalid expression in \"%s\"", expr)
		return false, false
	}
	rest = bytes.TrimLeft(rest, " ")
	if len(rest) > 1 && rest[0] == '/' {
		if rest[len(rest)-1] != '/' {
			r.Logf(logError, "invalid expression in \"%s\"", expr)
			return false, false
		}
		matched, ok := s.match(r, rest[1:len(rest)-1], left)
		return matched != negative, ok
	}
	if len(rest) > 1 && rest[0] == '\\' && rest[1] == '/' {
		// A slash at the beginning that is no regular expression's.
		rest = rest[1:]
	}
	right, ok := s.evaluate(r, rest)
	return bytes.Equal(left, right) != negative, ok
}

func isLeft(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '$' || c == '{' || c == '}' || c == '_' || c == '"' || c == '\''
}

// match matches a regular expression of the page; its captures are what $1 to
// $9 and the named groups stand for from now on.
func (s *scanner) match(r *web.Request, pattern, subject []byte) (matched, ok bool) {
	text, ok := s.evaluate(r, pattern)
	if !ok {
		return false, false
	}
	compiled, err := regex.Compile(string(text), false)
	if err != nil {
		r.Logf(logError, "%v", err)
		return false, false
	}
	if !r.Match(&session.Regex{Regexp: compiled}, r.Keep(subject)) {
		return false, true
	}
	for i, name := range compiled.Names {
		if name != "" {
			s.page.variables[strings.ToLower(name)] = append([]byte(nil), r.Capture(i)...)
		}
	}
	return true, true
}
