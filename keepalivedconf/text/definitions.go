package text

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// definition is the value of $NAME: text for one line, or several lines.
type definition struct {
	lines []string // more than one for a multi-line definition
	multi bool
}

// body is the further lines of a multi-line definition where it is used.
type body struct{ lines []string }

func (b *body) next(*lineReader) (string, bool) {
	if len(b.lines) == 0 {
		return "", false
	}
	text := b.lines[0]
	b.lines = b.lines[1:]
	return text, true
}

func nameStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func nameByte(c byte) bool { return nameStart(c) || c >= '0' && c <= '9' }

// nameLength is the length of the definition name that s begins with; 0 if it begins with none.
func nameLength(s string) int {
	if s == "" || !nameStart(s[0]) {
		return 0
	}
	n := 1
	for n < len(s) && nameByte(s[n]) {
		n++
	}
	return n
}

// define takes a line "$NAME=VALUE"; it returns false if text is no definition. A value that ends in a backslash goes on
// in the next lines.
func (r *lineReader) define(text string) bool {
	n := nameLength(text[1:])
	if n == 0 || 1+n >= len(text) || text[1+n] != '=' {
		return false
	}
	name := text[1 : 1+n]
	value := strings.TrimLeft(text[2+n:], " \t")
	def := &definition{lines: []string{value}}
	if strings.HasSuffix(value, `\`) {
		value = strings.TrimRight(strings.TrimSuffix(value, `\`), " \t")
		def.multi = true
		def.lines = nil
		if value != "" {
			def.lines = []string{value}
		}
		r.pending = def
	}
	r.defs[name] = def
	return true
}

// continueDefinition adds a line to the definition being collected.
func (r *lineReader) continueDefinition(text string) {
	more := strings.HasSuffix(text, `\`)
	if more {
		text = strings.TrimRight(strings.TrimSuffix(text, `\`), " \t")
	}
	if text != "" {
		r.pending.lines = append(r.pending.lines, text)
	}
	if !more {
		r.endDefinition()
	}
}

// endDefinition ends the definition being collected, if any: after a line without a backslash, at an empty line and at
// the end of its file.
func (r *lineReader) endDefinition() {
	if r.pending != nil && len(r.pending.lines) == 0 {
		r.pending.lines = []string{""}
		r.pending.multi = false
	}
	r.pending = nil
}

// substitute puts definitions in place of "$NAME" and "${NAME}" in one line. What has no definition stays as it is. The
// first line of a multi-line definition is put in place, and only at the end of the line; its further lines follow.
func (r *lineReader) substitute(text string) (replaced string, changed bool) {
	at := 0
	for puts := 0; ; puts++ {
		dollar := strings.IndexByte(text[at:], '$')
		if dollar < 0 {
			return text, changed
		}
		at += dollar
		value, length, more, ok := r.lookup(text[at:])
		if !ok {
			at++
			continue
		}
		if len(text)-length+len(value) > maxLine || puts == maxPuts {
			r.say(KindNote, "Parameter substitution on line '%.80s' would exceed maximum line length", text)
			return strings.ReplaceAll(text, "$", ""), changed
		}
		if r.moved += len(text) + len(value); r.moved > r.opt.MaxLines*putBytes {
			r.tooLarge()
			return "", true
		}
		if more != nil && !r.push(&body{more}) {
			return "", true
		}
		text = text[:at] + r.protect(text[:at], text[at:at+length], value) + text[at+length:]
		changed = true
		if strings.HasPrefix(strings.TrimLeft(value, " \t"), "~") {
			return text, true
		}
	}
}

// undefined advises about a use of a definition that was left as it is: "${NAME...}" and "$NAME" as a word if nobody made
// the definition, and "$NAME" before a character that ends no name.
func (r *lineReader) undefined(text string) {
	for at := 0; ; {
		dollar := strings.IndexByte(text[at:], '$')
		if dollar < 0 {
			return
		}
		at += dollar + 1
		name, braces := strings.CutPrefix(text[at:], "{")
		n := nameLength(name)
		if n == 0 {
			continue
		}
		word := n == len(name) && (at == 1 || strings.IndexByte(Blanks, text[at-2]) >= 0)
		name = name[:n]
		switch {
		case r.defs[name] == nil && (braces || word):
			r.report(Report{Kind: KindAdvice, Pos: r.pos, Text: "nothing defines $" + name + ": it stays as it is written",
				Hint: "write $" + name + "=VALUE on a line before, or use ${_ENV " + name + "} for a variable of the environment"})
			return
		case r.defs[name] != nil && !braces:
			r.report(Report{Kind: KindAdvice, Pos: r.pos, Text: "$" + name + " stays as it is written, because of what follows it",
				Hint: "write ${" + name + "}"})
			return
		}
	}
}

// protect keeps the '#' of ${_HASH} and the '!' of ${_BANG} from beginning a comment.
func (r *lineReader) protect(before, use, value string) string {
	if (use == "${_HASH}" || use == "${_BANG}") && strings.Count(before, `"`)%2 == 0 {
		return `\` + value
	}
	return value
}

// lookup finds the definition that s, beginning with '$', uses: its value, the length of the use, and the further lines.
func (r *lineReader) lookup(s string) (value string, length int, more []string, ok bool) {
	name := s[1:]
	braces := strings.HasPrefix(name, "{")
	if braces {
		name = name[1:]
	}
	n := nameLength(name)
	if n == 0 {
		return "", 0, nil, false
	}
	var args []string
	length = 1 + n
	if braces {
		end := strings.IndexByte(name, '}')
		if end < 0 {
			return "", 0, nil, false
		}
		args = strings.Fields(name[n:end])
		for _, a := range args {
			for i := range len(a) {
				if !nameByte(a[i]) {
					return "", 0, nil, false
				}
			}
		}
		length = end + 3
	} else if n < len(name) && !strings.ContainsRune(" \t,)", rune(name[n])) {
		return "", 0, nil, false
	}
	if def, found := r.defs[name[:n]]; found {
		if len(args) > 0 || def.multi && length != len(s) {
			return "", 0, nil, false
		}
		if len(def.lines) > 1 {
			more = def.lines[1:]
		}
		return def.lines[0], length, more, true
	}
	value, ok = r.builtin(name[:n], args)
	return value, length, nil, ok
}

// builtin is the value of a pre-defined definition.
func (r *lineReader) builtin(name string, args []string) (string, bool) {
	low, high := 0, 0
	switch name {
	case "_PWD", "_INSTANCE", "_HASH", "_BANG":
	case "_RANDOM":
		high = 2
	case "_ENV":
		low, high = 1, 1
	default:
		return "", false
	}
	if len(args) < low || len(args) > high {
		r.say(KindGeneral, "Definition %s requires between %d and %d parameters, %d specified.", name, low, high, len(args))
		return "", false
	}
	switch name {
	case "_PWD":
		dir := r.dir()
		if !filepath.IsAbs(dir) {
			if wd, err := os.Getwd(); err == nil {
				dir = filepath.Join(wd, dir)
			}
		}
		return dir, true
	case "_INSTANCE":
		return r.opt.ConfigID, true
	case "_HASH":
		return "#", true
	case "_BANG":
		return "!", true
	case "_ENV":
		return r.opt.Env(args[0]), true
	}
	bounds := [2]uint64{0, 32767}
	for i, a := range args {
		v, err := strconv.ParseUint(a, 10, 63)
		if err != nil {
			r.say(KindGeneral, "Definition %s requires numeric parameters only.", name)
			return "", false
		}
		bounds[i] = v
	}
	if bounds[0] > bounds[1] {
		r.say(KindGeneral, "${_RANDOM}: min %d exceeds max %d, using %d", bounds[0], bounds[1], bounds[0])
		bounds[1] = bounds[0]
	}
	return strconv.FormatUint(bounds[0]+r.random.Uint64N(bounds[1]-bounds[0]+1), 10), true
}
