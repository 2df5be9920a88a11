package nginxconf

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// CommandLine is the Pos.File of what was read from Options.Globals, nginx's
// option -g.
const CommandLine = "command line"

// Pos is where a directive stands: the line on which it was terminated by ";"
// or "{", which is the line that nginx names in its messages.
type Pos struct {
	File     string // full name as nginx prints it, or CommandLine; empty: nowhere in particular
	Line     int    // from 1; meaningless for CommandLine
	Included *Pos   // the include directive that brought File in; nil for the main file and -g
	Offset   int    // bytes of File up to there, which orders what stands on one line
}

// String returns FILE:LINE, or just "command line".
func (p Pos) String() string {
	if p.File == CommandLine {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}

// Severity is nginx's level of a message.
type Severity int

// The severities that reading a configuration can give, worst first. Emerg is
// the zero value: whoever does not say otherwise refuses the configuration.
const (
	Emerg Severity = iota
	Crit
	Warn
	Notice
	Info
)

var severityNames = [...]string{"emerg", "crit", "warn", "notice", "info"}

// String returns nginx's name of the level, as between the brackets of
// "nginx: [emerg]".
func (s Severity) String() string {
	if s < 0 || int(s) >= len(severityNames) {
		panic("nginxconf: unknown Severity " + strconv.Itoa(int(s)))
	}
	return severityNames[s]
}

// Error is one message about the configuration, at its position.
type Error struct {
	Pos      Pos
	Severity Severity
	Msg      string // in nginx's words, without the position
	Err      error  // the cause, for errors.Is and errors.As; its text is already part of Msg
	Also     []Pos  // further places with the same mistake, where one message speaks for several
}

// alsoMax bounds the number of further places that one message lists.
const alsoMax = 10

// Error returns `MSG in FILE:LINE`, followed by the chain of includes that
// led there and by the further places in parentheses. Without a file in Pos it
// is MSG alone.
func (e *Error) Error() string {
	if e.Pos.File == "" {
		return e.Msg
	}
	var b strings.Builder
	b.WriteString(e.Msg)
	b.WriteString(" in ")
	b.WriteString(e.Pos.String())
	for p := e.Pos.Included; p != nil; p = p.Included {
		b.WriteString(", included from ")
		b.WriteString(p.String())
	}
	if len(e.Also) > 0 {
		b.WriteString(" (also at ")
		e.writeAlso(&b)
		b.WriteByte(')')
	}
	return b.String()
}

// writeAlso writes the further places: "line 12", "lines 12, 40",
// "lines 12, 40, other.conf:3". Files in the folder of Pos.File or below it
// are named relative to that folder.
func (e *Error) writeAlso(b *strings.Builder) {
	dir := e.Pos.File[:strings.LastIndexByte(e.Pos.File, '/')+1]
	same := 0
	for _, p := range e.Also {
		if p.File != e.Pos.File || p.File == CommandLine {
			break
		}
		same++
	}
	switch {
	case same == 1:
		b.WriteString("line ")
	case same > 1:
		b.WriteString("lines ")
	}
	for i, p := range e.Also {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == alsoMax {
			fmt.Fprintf(b, "and at %d more", len(e.Also)-i)
			return
		}
		if i < same {
			b.WriteString(strconv.Itoa(p.Line))
			continue
		}
		p.File = strings.TrimPrefix(p.File, dir)
		b.WriteString(p.String())
	}
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errors are the messages of one reading or binding, warnings included.
type Errors []*Error

// Error returns the messages, one per line, without their severities.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the messages one by one, for errors.Is and errors.As.
func (es Errors) Unwrap() []error {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = e
	}
	return errs
}

// Failed reports whether any message refuses the configuration, that is,
// whether there is anything worse than a warning.
func (es Errors) Failed() bool {
	for _, e := range es {
		if e.Severity < Warn {
			return true
		}
	}
	return false
}

// Sort puts messages into the order in which nginx would have come across
// them: along the text, with an included file at the place of its include.
// Messages about the same place keep their order; those without a file come
// last.
func (t *Tree) Sort(errs Errors) {
	index := make(map[string]int, len(t.Files))
	for i, f := range t.Files {
		index[f.Name] = i + 1
	}
	keys := make(map[*Error][]place, len(errs))
	for _, e := range errs {
		keys[e] = places(&e.Pos, index)
	}
	sort.SliceStable(errs, func(i, j int) bool {
		a, b := keys[errs[i]], keys[errs[j]]
		for k := range min(len(a), len(b)) {
			if a[k] != b[k] {
				return a[k].before(b[k])
			}
		}
		return len(a) < len(b)
	})
}

// place is one step of the way from the main file to a position.
type place struct{ file, line, offset int }

func (p place) before(q place) bool {
	if p.file != q.file {
		return p.file < q.file
	}
	if p.line != q.line {
		return p.line < q.line
	}
	return p.offset < q.offset
}

// places returns the way to p, the main file first.
func places(p *Pos, index map[string]int) []place {
	if p.File == "" {
		return []place{{file: len(index) + 1}}
	}
	var way []place
	for ; p != nil; p = p.Included {
		way = append([]place{{index[p.File], p.Line, p.Offset}}, way...)
	}
	return way
}
