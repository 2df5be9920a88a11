package proxy

import (
	"bytes"

	nc "tandem/nginxconf"
	"tandem/proxy/header"
	"tandem/session"
	"tandem/web"
)

// rule rewrites a part of a response's header: of Location and Refresh, or of
// the attributes of a cookie.
type rule struct {
	match   matchKind
	literal string            // matchLiteral: the beginning that is replaced
	pattern *session.Template // matchPrefix, matchDomain
	re      *session.Regex    // matchRegex: the whole value is replaced

	text string            // the replacement, for matchLiteral
	to   *session.Template // the replacement otherwise
}

type matchKind uint8

const (
	matchLiteral matchKind = iota
	matchPrefix
	matchDomain // the whole value, but for a leading dot, in any case
	matchRegex
)

// compileRule reads a pattern and its replacement; caseless is for regular
// expressions that begin with "~" alone.
func compileRule(s *nc.Scope, d *nc.Directive, from, to string, plain matchKind, caseless bool) (rule, error) {
	h := web.BlockOf(s).HTTP
	ru := rule{match: plain}
	var err error
	switch {
	case len(from) > 0 && from[0] == '~':
		from = from[1:]
		if plain != matchDomain && len(from) > 0 && from[0] == '*' {
			from, caseless = from[1:], true
		}
		ru.match = matchRegex
		ru.re, err = h.Regex(from, caseless)
	default:
		ru.pattern, err = h.Template(d, from)
	}
	if err != nil {
		return ru, err
	}
	ru.to, err = h.Template(d, to)
	return ru, err
}

// apply appends the rewritten value to dst; ok is false when the rule does not
// concern the value.
func (ru *rule) apply(r *web.Request, dst, value []byte) (out []byte, ok bool) {
	switch ru.match {
	case matchLiteral:
		if len(value) < len(ru.literal) || string(value[:len(ru.literal)]) != ru.literal {
			return dst, false
		}
		return append(append(dst, ru.text...), value[len(ru.literal):]...), true
	case matchRegex:
		if !r.Match(ru.re, value) {
			return dst, false
		}
		return ru.to.Append(&r.Session, dst), true
	}
	pattern := ru.pattern.Append(&r.Session, r.Scratch())
	defer r.Unscratch(pattern)
	if ru.match == matchDomain {
		if len(value) > 0 && value[0] == '.' {
			dst, value = append(dst, '.'), value[1:]
		}
		if !bytes.EqualFold(value, pattern) {
			return dst, false
		}
		return ru.to.Append(&r.Session, dst), true
	}
	if !bytes.HasPrefix(value, pattern) {
		return dst, false
	}
	return append(ru.to.Append(&r.Session, dst), value[len(pattern):]...), true
}

// rewrite returns the value as the first rule that concerns it has it, kept
// for the request.
func rewrite(r *web.Request, rules []rule, value []byte) ([]byte, bool) {
	for i := range rules {
		scratch := r.Scratch()
		out, ok := rules[i].apply(r, scratch, value)
		if ok {
			out = nonNil(r.Keep(out))
			// What a variable holds may not end the header.
			if header.Splits(out) {
				ok = false
			}
		}
		r.Unscratch(scratch)
		if ok {
			return out, true
		}
	}
	return value, false
}

func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
