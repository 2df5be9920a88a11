package keepalivedconf

import (
	"fmt"
	"strings"
	"sync"

	"tandem/keepalivedconf/text"
)

// row is one keyword of a block whose settings go into a T.
type row[T any] struct {
	name string
	// min is the number of parameters that must be there. With fewer the statement is reported and skipped.
	min int
	// block says whether a block follows.
	block text.Block
	// sub is the table of the block's own keywords, where they are known.
	sub keywords
	// quoted marks the keywords whose line is cut by the rules for scripts.
	quoted bool
	// global marks the top-level keywords that are read before all others, wherever they stand.
	global bool
	// help is the syntax, what it does and the default, of tandem's own keywords.
	help string
	// set puts the statement into t. nil: the keyword is known, and changes nothing here.
	set func(b *builder, t *T, s *Statement)
}

// keywords is the part of a keyword table that does not depend on what it fills.
type keywords interface {
	shapes() text.Shapes
	// each gives each row to f, without what it does.
	each(f func(name string, min int, block text.Block, sub keywords, help string))
}

// rows is a keyword table.
type rows[T any] struct {
	list []row[T]
	once sync.Once
	by   map[string]*row[T]
	sub  text.Shapes
}

func newRows[T any](list ...row[T]) *rows[T] { return &rows[T]{list: list} }

func (t *rows[T]) index() {
	t.once.Do(func() {
		t.by = make(map[string]*row[T], len(t.list))
		t.sub = make(text.Shapes, len(t.list))
		for i := range t.list {
			r := &t.list[i]
			if t.by[r.name] != nil {
				panic("keepalivedconf: keyword " + r.name + " stands twice in one table")
			}
			t.by[r.name] = r
			s := &text.Shape{Block: r.block, Quoted: r.quoted}
			if r.sub != nil {
				s.Sub = r.sub.shapes()
			}
			t.sub[r.name] = s
		}
	})
}

func (t *rows[T]) shapes() text.Shapes {
	t.index()
	return t.sub
}

func (t *rows[T]) each(f func(name string, min int, block text.Block, sub keywords, help string)) {
	for i := range t.list {
		r := &t.list[i]
		f(r.name, r.min, r.block, r.sub, r.help)
	}
}

// walk puts statements into t by the table. Unknown keywords are reported and skipped, with their block if they have
// one. pass, if not nil, chooses the rows of this walk; keywords of other walks are left alone.
func (t *rows[T]) walk(b *builder, into *T, body []*Statement, pass func(*row[T]) bool) {
	t.index()
	for _, s := range body {
		r := t.by[s.Name()]
		if pass != nil && !pass(r) {
			continue
		}
		if r == nil {
			b.unknown(s, t)
			continue
		}
		if s.Args() < r.min {
			b.missing(s, len(s.Words))
			continue
		}
		if idles(into) {
			b.tellIdle(s)
		}
		if r.set != nil {
			r.set(b, into, s)
		}
	}
}

// builder makes a Config from statements.
type builder struct {
	cfg     *Config
	opt     Options
	reports Reports
	full    bool // the report made last found no place
	// What was defined so far, by name.
	instances map[string]*Instance
	scripts   map[string]*Script
	files     map[string]*TrackFile
	processes map[string]*Process
	bfd       map[string]*BFDInstance
	links     map[string]string // names of interfaces to be made, and the instances that make them
	// once holds the parts of keepalived that were reported as not supported.
	once map[string]bool
	// rulePriority counts the rules without a preference, by family.
	rulePriority [2]uint32
}

func newBuilder(opt Options) *builder {
	return &builder{
		cfg: &Config{Global: newGlobal()}, opt: opt, once: map[string]bool{}, links: map[string]string{}, bfd: map[string]*BFDInstance{},
		instances: map[string]*Instance{}, scripts: map[string]*Script{}, files: map[string]*TrackFile{}, processes: map[string]*Process{},
	}
}

// maxReports bounds what a hostile file can make of its lines.
const (
	maxReports     = 10_000
	maxSuggestions = 200 // further unknown keywords get no hint
)

func (b *builder) add(r Report) {
	// A sequence repeats its lines, and with them what is wrong with them.
	if n := len(b.reports); n > 0 && b.reports[n-1].Pos == r.Pos && b.reports[n-1].Text == r.Text {
		return
	}
	switch b.full = len(b.reports) == maxReports; {
	case !b.full:
		b.reports = append(b.reports, r)
	case r.Stops || r.Kind > b.reports[maxReports-1].Kind:
		b.reports[maxReports-1] = r // the last place is for the gravest of the rest
	}
}

func (b *builder) say(kind text.Kind, pos Pos, format string, args ...any) {
	b.add(Report{Kind: kind, Pos: pos, Text: fmt.Sprintf(format, args...)})
}

// escape makes a name safe inside a format.
func escape(name string) string { return strings.ReplaceAll(name, "%", "%%") }

// hint adds what to do to the report made last.
func (b *builder) hint(format string, args ...any) {
	if !b.full {
		b.reports[len(b.reports)-1].Hint = fmt.Sprintf(format, args...)
	}
}

// err reports an error that keepalived survives, at a statement.
func (b *builder) err(s *Statement, format string, args ...any) {
	b.say(text.KindGeneral, s.Pos, format, args...)
}

// note reports what keepalived only logs.
func (b *builder) note(s *Statement, format string, args ...any) {
	b.say(text.KindNote, s.Pos, format, args...)
}

// stops reports what makes keepalived refuse to run.
func (b *builder) stops(pos Pos, format string, args ...any) {
	b.add(Report{Kind: text.KindGeneral, Pos: pos, Text: fmt.Sprintf(format, args...), Stops: true})
}

// unknown reports a keyword that the table does not have; its block, if any, is skipped as a whole.
func (b *builder) unknown(s *Statement, in keywords) {
	r := Report{Kind: text.KindUnknown, Pos: s.Pos, Text: fmt.Sprintf("Unknown keyword '%s'", s.Name())}
	if len(b.reports) < maxSuggestions {
		r.Hint = suggest(s.Name(), in)
	}
	// A file that is included twice may close in one reading what it opened in the other.
	if s.Block && s.Close.File == s.Pos.File && s.Close.Line >= s.Pos.Line {
		r.Through = s.Close.Line
	}
	b.add(r)
}

// missing reports that word number n (from 1, the keyword) is the last one where another is needed.
func (b *builder) missing(s *Statement, n int) {
	b.say(text.KindMissingParameter, s.Pos,
		"*** Configuration line starting `%s` is missing a parameter after keyword `%s` at word position %d",
		s.Words[0], s.Words[n-1], n+1)
}
