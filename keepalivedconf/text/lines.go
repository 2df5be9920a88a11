package text

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Bounds that no real configuration reaches. They keep a hostile one from taking the machine with it: definitions may
// name themselves, and ~SEQ may count to a billion.
const (
	maxLine    = 16 << 10  // bytes in one line, before and after definitions are put in
	maxLines   = 1_000_000 // logical lines in all; the manual's own largest example makes 850,000
	maxBytes   = 32 << 20  // bytes of text in those lines
	maxNesting = 64        // files in files, sequences in sequences, definitions in definitions
	maxPuts    = 1000      // definitions put into one line
	putBytes   = 1024      // bytes moved by putting definitions into lines, for each line that is allowed
)

// logical is one line after comments, conditions, definitions and sequences: words, or a single brace.
type logical struct {
	text string
	pos  Pos
}

// source is something that yields raw lines: a file, the rest of a line, a sequence, the lines of a definition.
type source interface {
	// next returns the next raw line; ok is false when there is none left.
	next(r *lineReader) (text string, ok bool)
}

// lineReader turns files into logical lines. The sources form a stack: the newest is read to its end first.
type lineReader struct {
	opt     Options // with everything filled in
	random  *rand.Rand
	report  func(Report)
	files   []File
	stack   []source
	defs    map[string]*definition
	pending *definition // the definition whose further lines are being collected
	check   includeCheck
	pos     Pos // of the physical line being worked on
	lines   int
	bytes   int
	moved   int
	over    bool // a bound was hit: nothing more is read
}

// rest is the part of a line after a brace.
type rest struct{ text string }

func (s *rest) next(*lineReader) (string, bool) {
	text := s.text
	s.text = ""
	return text, text != ""
}

func (r *lineReader) say(kind Kind, format string, args ...any) {
	r.report(Report{Kind: kind, Pos: r.pos, Text: fmt.Sprintf(format, args...)})
}

func (r *lineReader) push(s source) bool {
	if len(r.stack) >= maxNesting {
		r.say(KindGeneral, "files, definitions and sequences are nested more than %d deep - the rest is ignored", maxNesting)
		r.stop()
		return false
	}
	r.stack = append(r.stack, s)
	return true
}

func (r *lineReader) stop() {
	r.over = true
	r.stack = nil
	r.pending = nil
}

// account counts a line against the bounds; false means that reading ends here.
func (r *lineReader) account(text string) bool {
	r.lines++
	r.bytes += len(text)
	if r.lines <= r.opt.MaxLines && r.bytes <= maxBytes {
		return true
	}
	r.tooLarge()
	return false
}

func (r *lineReader) tooLarge() {
	r.say(KindGeneral, "the configuration grows beyond %d lines - the rest is ignored", r.opt.MaxLines)
	r.stop()
}

// raw returns the next line of the newest source.
func (r *lineReader) raw() (string, bool) {
	for len(r.stack) > 0 {
		top := r.stack[len(r.stack)-1]
		text, ok := top.next(r)
		if r.over {
			return "", false
		}
		if ok {
			if _, once := top.(*rest); once {
				r.stack = r.stack[:len(r.stack)-1]
			}
			if !r.account(text) {
				return "", false
			}
			return text, true
		}
		// A source may have put another one on top of itself before it ended.
		for i := len(r.stack) - 1; i >= 0; i-- {
			if r.stack[i] == top {
				r.stack = append(r.stack[:i], r.stack[i+1:]...)
				break
			}
		}
		if f, isFile := top.(*openFiles); isFile {
			f.close(r)
		}
	}
	return "", false
}

// next returns the next logical line; ok is false at the end of everything.
func (r *lineReader) next() (logical, bool) {
	for {
		text, ok := r.raw()
		if !ok {
			r.endDefinition()
			return logical{}, false
		}
		if r.pending != nil {
			r.continueDefinition(text)
			continue
		}
		before := len(text)
		if text = r.expand(text); text == "" {
			continue
		}
		if r.bytes += max(0, len(text)-before); r.bytes > maxBytes && !r.account("") {
			continue
		}
		if r.include(text) {
			continue
		}
		r.undefined(text)
		return logical{text: r.cutBrace(text), pos: r.pos}, true
	}
}

// expand applies conditions, definitions and sequences to one raw line. What is left is the line's text, or nothing.
func (r *lineReader) expand(text string) string {
	for range maxNesting {
		if text == "" {
			return ""
		}
		if text[0] == '@' {
			if text = r.condition(text); text == "" {
				return ""
			}
		}
		if text[0] == '$' && r.define(text) {
			return ""
		}
		if strings.HasPrefix(text, "~SEQ") || strings.HasPrefix(text, "~LST") {
			r.sequence(text)
			return ""
		}
		if text[0] == '~' || !strings.Contains(text, "$") {
			return text
		}
		replaced, changed := r.substitute(text)
		if !changed {
			return replaced
		}
		text, _ = uncomment(replaced)
		if text == "" || (text[0] != '@' && text[0] != '~' && !strings.Contains(text, "$")) {
			return text
		}
	}
	r.say(KindNote, "definitions in line '%.80s' lead to each other without an end", text)
	return strings.ReplaceAll(text, "$", "")
}

// condition reads "@ID rest" and "@^ID rest" and returns the rest if the line is meant for this configuration id.
// tandem answers to its own name beside the id it was given, so that a line "@tandem KEYWORD ..." is read here and
// skipped by keepalived.
func (r *lineReader) condition(text string) string {
	id := text[1:]
	not := strings.HasPrefix(id, "^")
	if not {
		id = id[1:]
	}
	end := strings.IndexAny(id, " \t")
	if end < 0 {
		return "" // nothing after the id
	}
	matches := id[:end] == r.opt.ConfigID || id[:end] == OwnID
	if matches == not {
		return ""
	}
	return strings.TrimLeft(id[end:], " \t")
}

// cutBrace splits a line at its first brace outside double quotes: what comes first is this line, the rest is read next.
// The braces of "${NAME}" that no definition replaced do not count.
func (r *lineReader) cutBrace(text string) string {
	at := -1
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '$' && i+1 < len(text) && text[i+1] == '{':
			if end := strings.IndexByte(text[i:], '}'); end > 0 {
				i += end
			}
		case c == '{' || c == '}':
			at = i
		}
		if at >= 0 {
			break
		}
	}
	if at < 0 {
		return strings.TrimRight(text, " \t")
	}
	cut := at
	if at == 0 {
		cut = 1
	}
	if tail := strings.Trim(text[cut:], " \t"); tail != "" {
		r.stack = append(r.stack, &rest{tail}) // taken off again by the next line
	}
	return strings.TrimRight(text[:cut], " \t")
}

// fileLines is one physical file.
type fileLines struct {
	name string
	data []byte
	line int
}

// next returns the next line that is not blank, without its comment and line end.
func (f *fileLines) next(r *lineReader) (string, bool) {
	for len(f.data) > 0 {
		raw := f.data
		if end := bytes.IndexByte(raw, '\n'); end >= 0 {
			raw, f.data = raw[:end], raw[end+1:]
		} else {
			f.data = nil
		}
		f.line++
		r.pos = Pos{f.name, f.line}
		raw = bytes.TrimRight(raw, "\r")
		switch {
		case len(raw) > maxLine:
			r.say(KindGeneral, "line too long - ignoring")
			continue
		case bytes.IndexByte(raw, 0) >= 0:
			r.say(KindGeneral, "configuration appears to have embedded NULs - ignoring line")
			continue
		}
		if len(raw) == 0 {
			r.endDefinition()
			continue
		}
		text, open := uncomment(string(raw))
		if open {
			r.say(KindGeneral, "Unterminated quote '%s'", text)
		}
		if text != "" {
			return text, true
		}
	}
	return "", false
}
