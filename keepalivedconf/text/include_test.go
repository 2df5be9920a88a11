package text

import (
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
)

func TestBraceExpand(t *testing.T) {
	for pattern, want := range map[string][]string{
		"a":             {"a"},
		"{a,b}":         {"a", "b"},
		"x{a,b}y{1,2}":  {"xay1", "xay2", "xby1", "xby2"},
		"{foo/{,c},b}z": {"foo/z", "foo/cz", "bz"},
		"{}":            {"{}"},
		"{a":            {"{a"},
		"{a}":           {"a"},
	} {
		if got := braceExpand(pattern); !reflect.DeepEqual(got, want) {
			t.Errorf("braceExpand(%q) = %q, want %q", pattern, got, want)
		}
	}
	if n := len(braceExpand(strings.Repeat("{a,b}", 40))); n > maxNesting*maxNesting {
		t.Errorf("%d names", n)
	}
}

func TestInclude(t *testing.T) {
	files := map[string]string{
		"one":        "word 1\n",
		"two":        "word 2",
		"sub/a.conf": "word a\ninclude b.conf\n", // relative to the file that it stands in
		"sub/b.conf": "word b\n$X=from b\n",
		"open":       "block {\n",
	}
	for _, e := range []example{
		{"include one\nword 3", "word|1\nword|3\n", ""},
		{"include sub/a.conf\nword $X", "word|a\nword|b\nword|from|b\n", ""},
		{"include {one,two}", "word|1\nword|2\n", ""},
		{"include sub/*.conf", "word|a\nword|b\nword|b\n", ""},
		{"@node1 include one\n@node2 include two", "word|1\n", ""},
		{"$F=one\ninclude $F", "word|1\n", ""},
		{"include open\nword 1\n}", "block {1-3}\n  word|1\n", ""},
		{"include ", "include\n", ""},
		{"include none", "", "(main: Line 1) Config files missing 'none'."},
		{"include none*", "", "(main: Line 1) No config files matched 'none*'."},
		{"include {one,none}", "word|1\n", "(main: Line 1) Some config files missing: \"{one,none}\"."},
		{"include [", "", "(main: Line 1) Error reading config file(s): glob(\"[\"): syntax error in pattern, skipping.\n" +
			"(main: Line 1) No config files matched '['."},
		{"include sub", "", "(main: Line 1) Configuration file 'sub' is a directory - skipping"},
	} {
		e.check(t, files)
	}
}

// What is missing is an error where the include, or include_check, asks for more than keepalived did at first.
func TestIncludeChecks(t *testing.T) {
	files := map[string]string{"one": "word 1\n"}
	for _, c := range []struct {
		config string
		fails  bool
	}{
		{"include none", false},
		{"includer none", false},
		{"includem none", true},
		{"includem none*", false},
		{"includew none*", true},
		{"include {one,none}", false},
		{"includeb {one,none}", true},
		{"includea none*", true},
		{"global_defs {\n include_check\n}\ninclude none*", true},
		{"global_defs {\n include_check match\n}\ninclude none", true},
		{"global_defs {\n include_check match\n}\ninclude none*", false},
		{"global_defs {\n include_check\n include_check -wildcard_match\n}\ninclude none*", false},
		{"global_defs {\n include_check +brace_match\n}\ninclude {one,none}", true},
		{"block {\n include_check\n}\ninclude none", false}, // it is a keyword of global_defs
	} {
		_, reports := read(t, c.config, files)
		if len(reports) != 1 {
			t.Errorf("%q: said\n%s", c.config, reports)
			continue
		}
		if fails := reports[0].Kind == KindFile; fails != c.fails {
			t.Errorf("%q: %v of kind %v", c.config, reports[0], reports[0].Kind)
		}
	}
	for config, want := range map[string]string{
		"global_defs {\n include_check match read\n}": "(main: Line 2) Duplicate include_check 'read' specified - ignoring\n",
		"global_defs {\n include_check all\n}":        "(main: Line 2) Unknown include_check type 'all' - ignoring\n",
	} {
		if _, reports := read(t, config, nil); reports.String() != want {
			t.Errorf("%q: said\n%s", config, reports)
		}
	}
}

func TestIncludeOfPrograms(t *testing.T) {
	m := memory{fstest.MapFS{"main": {Data: []byte("include a.sh\ninclude gone")}, "a.sh": {Data: []byte("word 1"), Mode: 0o755}}}
	var reports Reports
	Read("main", Options{ReadFile: m.ReadFile, Glob: m.Glob, Stat: func(name string) (fs.FileInfo, error) {
		if name == "gone" { // it goes between the look and the opening
			return m.Stat("main")
		}
		return m.Stat(name)
	}}, known, func(r Report) { reports = append(reports, r) })
	const want = "(main: Line 1) Configuration file 'a.sh' is not a regular non-executable file - skipping\n" +
		"(main: Line 2) Configuration file 'gone' open problem (file does not exist) - skipping\n"
	if reports.String() != want {
		t.Errorf("said\n%s", reports)
	}
}
