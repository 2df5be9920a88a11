package keepalivedconf

import (
	"fmt"
	"sort"
	"strings"
)

// Pos is a place in a configuration file. The zero Pos is no place at all.
type Pos struct {
	File string // as it was opened
	Line int    // from 1; 0 in the zero Pos
}

// String is "FILE:LINE", or "-" for the zero Pos.
func (p Pos) String() string {
	if p.Line == 0 {
		return "-"
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Kind says what a report is about. The order matters: keepalived's `-t` exits by the highest kind it met, and of two
// kinds the later one is the higher, as in its own list.
type Kind uint8

const (
	// KindNote is something keepalived writes to its log without counting it as an error.
	KindNote Kind = iota
	// KindAdvice is tandem's own warning: the configuration is valid, and most likely not what was meant.
	KindAdvice
	// KindUnsupported is a part of keepalived that tandem does not have yet.
	KindUnsupported
	// KindFile is a configuration file that cannot be read.
	KindFile
	// KindInterface is a configuration that cannot run because of an interface.
	KindInterface
	// KindFatal is any other reason that makes a configuration impossible to run.
	KindFatal
	// KindFiles is more than one file where one was expected.
	KindFiles
	// KindUnknown is an unknown keyword.
	KindUnknown
	// KindUnexpectedOpen is a '{' where none belongs.
	KindUnexpectedOpen
	// KindMissingOpen is a block without its '{'.
	KindMissingOpen
	// KindUnexpectedClose is a '}' too many.
	KindUnexpectedClose
	// KindMissingClose is a '}' too few.
	KindMissingClose
	// KindQuote is a quotation mark without its partner.
	KindQuote
	// KindMissingParameter is a keyword without a parameter that it needs. keepalived ends there; here the statement
	// is skipped.
	KindMissingParameter
	// KindNumber is a number that is none, or out of range.
	KindNumber
	// KindGeneral is any other error that keepalived survives.
	KindGeneral
	// KindWarning is what keepalived calls a warning.
	KindWarning
	// KindDeprecated is a keyword or usage on its way out.
	KindDeprecated
	// KindSecurity is a script that somebody else than root could change.
	KindSecurity
)

var kindNames = [...]string{
	"note", "advice", "unsupported", "file", "interface", "fatal", "files", "unknown keyword", "unexpected {",
	"missing {", "unexpected }", "missing }", "quote", "missing parameter", "number", "error", "warning", "deprecated",
	"security",
}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	panic(fmt.Sprintf("keepalivedconf: kind %d", uint8(k)))
}

// Report is one thing found while reading a configuration.
type Report struct {
	Kind Kind
	Pos  Pos    // zero when it is about no line in particular
	Text string // without the position, in keepalived's words where keepalived has any
	// Through is the last line of what was skipped because of this report; 0 if nothing but the statement itself was.
	Through int
	// Hint says what to do about it, where that can be said; "" otherwise.
	Hint string
	// Stops is set when keepalived refuses to run the VRRP side of the configuration because of it.
	Stops bool
}

// String is the line keepalived prints: "(FILE: Line N) TEXT".
func (r Report) String() string {
	if r.Pos.Line == 0 {
		return r.Text
	}
	return fmt.Sprintf("(%s: Line %d) %s", r.Pos.File, r.Pos.Line, r.Text)
}

// Explain is String, and on a second line the hint if there is one.
func (r Report) Explain() string {
	if r.Hint == "" {
		return r.String()
	}
	return r.String() + "\n    " + r.Hint
}

// Reports is everything found in one configuration.
type Reports []Report

// String is one report per line.
func (rs Reports) String() string {
	var b strings.Builder
	for _, r := range rs {
		b.WriteString(r.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// Of returns the reports of one kind.
func (rs Reports) Of(kind Kind) Reports {
	var of Reports
	for _, r := range rs {
		if r.Kind == kind {
			of = append(of, r)
		}
	}
	return of
}

// Stops reports whether keepalived would refuse to run this configuration.
func (rs Reports) Stops() bool {
	for _, r := range rs {
		if r.Stops {
			return true
		}
	}
	return false
}

// Exit codes of keepalived's --config-test. keepalived(8) gives 3, 4 and 5 for the last three; the program itself has
// returned 4, 5 and 6 since it kept 4 for compatibility, and that is what scripts around it see.
const (
	ExitOK       = 0 // nothing to report
	ExitCannot   = 4 // the configuration cannot be run
	ExitErrors   = 5 // there are errors, and the configuration runs without what they are about
	ExitSecurity = 6 // scripts are run and enable_script_security is missing
	exitMissing  = 2 // a parameter is missing: keepalived gives up at once
)

// ExitCode is the exit code of keepalived's --config-test for these reports. As there, the highest kind decides, so
// that an error beside a fatal one hides it: ask Stops whether the configuration can be run.
func (rs Reports) ExitCode() int {
	var highest Kind
	for _, r := range rs {
		if r.Kind == KindMissingParameter {
			return exitMissing
		}
		highest = max(highest, r.Kind)
	}
	switch {
	case highest == KindSecurity:
		return ExitSecurity
	case highest > KindFatal:
		return ExitErrors
	case highest > KindUnsupported:
		return ExitCannot
	}
	return ExitOK
}

// sortByPlace orders reports as a reader meets their lines: files in the order they were opened, then lines; reports of
// one line stay in the order they were made, and those without a place go last.
func (rs Reports) sortByPlace(files []File) {
	order := make(map[string]int, len(files))
	for i, f := range files {
		if _, seen := order[f.Name]; !seen {
			order[f.Name] = i
		}
	}
	rank := func(p Pos) (int, int) {
		if p.Line == 0 {
			return len(files), 0
		}
		return order[p.File], p.Line
	}
	sort.SliceStable(rs, func(i, j int) bool {
		fi, li := rank(rs[i].Pos)
		fj, lj := rank(rs[j].Pos)
		if fi != fj {
			return fi < fj
		}
		return li < lj
	})
}
