package accesslog

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"tandem/internal/escape"
	nc "tandem/nginxconf"
	"tandem/session"
)

// format is a log_format, compiled.
type format struct {
	name   string
	escape escaping
	parts  []part
}

// part is a run of text or a variable.
type part struct {
	text     string
	variable session.VariableRef
	isVar    bool
}

// escaping says what becomes of bytes in values that could be taken for
// something else by a reader of the log.
type escaping uint8

const (
	escapeDefault escaping = iota // quotes, backslashes and bytes outside printable ASCII as \xXX; "-" for no value
	escapeJSON                    // as within a JSON string
	escapeNone
)

// Combined is the format of http that exists without a log_format directive.
const Combined = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`

// readFormat reads log_format name [escape=default|json|none] string ...
func readFormat(s *nc.Scope, d *nc.Directive, hasCombined bool) error {
	r := session.BlockOf(s).Realm
	m := realmConf.Of(r)
	name := d.Args[0]
	if m.formats[name] != nil || name == "combined" && hasCombined {
		return fmt.Errorf("duplicate \"log_format\" name \"%s\"", name)
	}
	f := &format{name: name}
	words := d.Args[1:]
	if value, ok := strings.CutPrefix(words[0], "escape="); ok {
		switch value {
		case "default":
		case "json":
			f.escape = escapeJSON
		case "none":
			f.escape = escapeNone
		default:
			return fmt.Errorf("unknown log format escaping \"%s\"", value)
		}
		words = words[1:]
	}
	if err := f.compile(r, d, strings.Join(words, "")); err != nil {
		return err
	}
	if m.formats == nil {
		m.formats = make(map[string]*format)
	}
	m.formats[name] = f
	return nil
}

// compile splits the text at its variables.
func (f *format) compile(r *session.Realm, d *nc.Directive, text string) error {
	return session.SplitVariables(text, func(plain string) {
		f.parts = append(f.parts, part{text: plain})
	}, func(name string) {
		f.parts = append(f.parts, part{variable: r.Variable(d, name), isVar: true})
	})
}

// append appends the line for s, with its newline.
func (f *format) append(dst []byte, s *session.Session) []byte {
	for i := range f.parts {
		p := &f.parts[i]
		if !p.isVar {
			dst = append(dst, p.text...)
			continue
		}
		start := len(dst)
		var found bool
		dst, found = p.variable.Append(s, dst)
		switch {
		case !found && f.escape == escapeDefault:
			dst = append(dst[:start], '-')
		case f.escape == escapeDefault && needsEscape(dst[start:]):
			dst = escapeInPlace(dst, start, s, appendEscaped)
		case f.escape == escapeJSON && needsJSONEscape(dst[start:]):
			dst = escapeInPlace(dst, start, s, escape.AppendJSON)
		}
	}
	return append(dst, '\n')
}

// escapeInPlace replaces dst[start:] by its escaped form.
func escapeInPlace(dst []byte, start int, s *session.Session, escape func(dst, value []byte) []byte) []byte {
	value := append(s.Scratch(), dst[start:]...)
	dst = escape(dst[:start], value)
	s.Unscratch(value)
	return dst
}

func needsEscape(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return true
		}
	}
	return false
}

const hexDigits = "0123456789ABCDEF"

func appendEscaped(dst, value []byte) []byte {
	for _, c := range value {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			dst = append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

func needsJSONEscape(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c == '"' || c == '\\' {
			return true
		}
	}
	return !utf8.Valid(b)
}
