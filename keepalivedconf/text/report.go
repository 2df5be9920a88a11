package text

import "fmt"

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
	panic(fmt.Sprintf("text: kind %d", uint8(k)))
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
