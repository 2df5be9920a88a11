package text

import (
	"strings"
	"testing"
)

func TestBlocks(t *testing.T) {
	check(t,
		example{"block {\n word 1\n inner { word 2 }\n}\nword 3\n",
			"block {1-4}\n  word|1\n  inner {3-3}\n    word|2\nword|3\n", ""},
		example{"word 1 2\nblock { word 3 word 4\n}", "word|1|2\nblock {2-3}\n  word|3|word|4\n", ""},
		// Braces in quotes are words, and those of ${NAME} nothing.
		example{"word \"{ }\" a\nword ${NONE} b", "word|{ }|a\nword|${NONE}|b\n",
			"(main: Line 2) nothing defines $NONE: it stays as it is written"},
		// An unknown keyword may have a block; a known one without one may not.
		example{"new {\n old {\n }\n}", "new {1-4}\n  old {2-3}\n", ""},
		example{"maybe\nword 1\nmaybe {\n word 2\n}", "maybe\nword|1\nmaybe {3-5}\n  word|2\n", ""},
		example{"word 1 {\n word 2\n}\nword 3", "word|1\nword|3\n", "(main: Line 1) Unexpected '{' - ignoring"},
		example{"{\n word 1\n}\nword 2", "word|2\n", "(main: Line 1) Unexpected '{' - ignoring"},
		// A '{' that is missing is made up for where the keyword has to have a block.
		example{"block\n word 1\n}\nword 2", "block {1-3}\n  word|1\nword|2\n",
			"(main: Line 2) Missing '{' at beginning of configuration block"},
		example{"list\n 192.0.2.1\n}\nword 2", "list {1-3}\n  192.0.2.1\nword|2\n",
			"(main: Line 2) '{' missing from beginning of block list"},
		example{"block\n{\n word 1\n}", "block {1-4}\n  word|1\n", ""},
		// Too many, and too few.
		example{"word 1\n}\nword 2", "word|1\nword|2\n",
			"(main: Line 2) Extra '}' found\n(main: Line 2) Unknown keyword '}'"},
		example{"block {\n inner {\n word 1", "block {1-0}\n  inner {2-0}\n    word|1\n",
			"There are 2 missing '}'s or extra '{'s"},
		example{`word "a`, "word\n", "(main: Line 1) Unterminated quote 'word \"a'\n(main: Line 1) Unmatched quote: 'word \"a'"},
		// A script keyword's quotes are its own business.
		example{`script "a 'b' \"c\""`, `script|a 'b' \|c\|` + "\n", ""},
	)
}

// The line before it was cut is kept for those who cut it otherwise.
func TestRaw(t *testing.T) {
	var reports Reports
	body, files := Read("f", Options{ReadFile: func(string) ([]byte, error) { return []byte("  script 'a b' # c\n"), nil }},
		known, func(r Report) { reports = append(reports, r) })
	if len(body) != 1 || body[0].Raw != "script 'a b'" || len(reports) != 0 {
		t.Errorf("%+v\n%s", body, reports)
	}
	if s := body[0]; s.Name() != "script" || s.Args() != 2 || s.Arg(1) != "'a" || s.Arg(3) != "" || s.Pos != (Pos{"f", 1}) {
		t.Errorf("%+v", s)
	}
	if len(files) != 1 || files[0].Name != "f" {
		t.Errorf("%+v", files)
	}
}

// Lines that are ignored, each with its own number.
func TestIgnoredLines(t *testing.T) {
	long := strings.Repeat("x", maxLine+1)
	check(t, example{"word a\x00b\n" + long + "\n" + strings.Repeat(" ", 2000) + "# fine\nword 4\n", "word|4\n",
		"(main: Line 1) configuration appears to have embedded NULs - ignoring line\n(main: Line 2) line too long - ignoring"})
}

func TestMissingFile(t *testing.T) {
	var reports Reports
	body, files := Read("none.conf", Options{ReadFile: memory{}.ReadFile}, known, func(r Report) { reports = append(reports, r) })
	if len(body) != 0 || len(files) != 0 || !reports.Stops() || reports.ExitCode() != ExitCannot {
		t.Errorf("%v %v\n%s", body, files, reports)
	}
}

// No file takes more than its share of the machine.
func TestBounds(t *testing.T) {
	for name, config := range map[string]string{
		"a sequence that does not end":  "~SEQ(A, 1, 1000000000) word $A\nword last",
		"sequences in a sequence":       "~SEQ(A, 1, 100000) ~SEQ(B, 1, 100000) word $A $B\nword last",
		"a definition of itself":        "$A=x $A $A\nword ${A}\n",
		"definitions of each other":     "$A=$B $B\n$B=$A $A\nword $A\n",
		"a file that includes itself":   "include main\nword last",
		"a definition of several lines": "$A=\\\n$A\\\n$A\\\n$A\n$A\n",
	} {
		got, reports := read(t, config, nil)
		if lines := strings.Count(got, "\n"); len(reports) == 0 || lines > 2000 || len(got) > 2000*20 {
			t.Errorf("%s: %d lines, %d bytes, said:\n%s", name, lines, len(got), reports)
		}
	}
}
