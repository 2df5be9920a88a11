package text

import (
	"regexp"
	"strings"
	"testing"
)

func TestDefinitions(t *testing.T) {
	check(t,
		example{"$A=1\nword $A ${A}2", "word|1|12\n", ""},
		example{"$A= x y\t\nword $A", "word|x|y\n", ""},
		example{"$A=1\n$A=2\nword $A", "word|2\n", ""},
		example{"word $A\n$A=1", "word|$A\n", "(main: Line 1) nothing defines $A: it stays as it is written"},
		example{"$A=1\nword ($A,$A)", "word|(1,1)\n", ""},
		example{"$A=1\nword $A.2", "word|$A.2\n", "(main: Line 2) $A stays as it is written, because of what follows it"},
		example{"$A=1\n$B=${A}2\nword $B", "word|12\n", ""},
		example{"$A=$B\n$B=7\nword $A", "word|7\n", ""}, // looked up where it is used
		example{"$A=word 1 {\nnew $A", "new|word|1 {2-0}\n", "There are 1 missing '}'s or extra '{'s"},
		example{"$A=\nword x${A}y", "word|xy\n", ""},
		example{"word a$ $1 $=", "word|a$|$1|$=\n", ""},
	)
}

func TestDefinitionsOfSeveralLines(t *testing.T) {
	check(t,
		example{"$A= \\\nword 1 \\\nword 2\n\nblock {\n $A\n}", "block {5-7}\n  word|1\n  word|2\n", ""},
		// The first line is put in place; the others follow.
		example{"$A=1 \\\nword 2\nword $A", "word|1\nword|2\n", ""},
		// Only at the end of a line.
		example{"$A=1 \\\nword 2\nword $A x", "word|$A|x\n", "(main: Line 3) $A stays as it is written, because of what follows it"},
		// An empty line ends one, as does the end of the file.
		example{"$A=\\\nword 1 \\\n\nword 2\n$A", "word|2\nword|1\n", ""},
		example{"$A=\\", "", ""},
	)
}

func TestBuiltins(t *testing.T) {
	check(t,
		example{"word ${_INSTANCE} $_INSTANCE", "word|node1|node1\n", ""},
		example{"word ${_ENV HOME}", "word|<HOME>\n", ""},
		example{"word ${_HASH}a ${_BANG}b", "word|#a|!b\n", ""},
		example{"word ${_ENV}", "word|${_ENV}\n", "(main: Line 1) Definition _ENV requires between 1 and 1 parameters, 0 specified.\n" +
			"(main: Line 1) nothing defines $_ENV: it stays as it is written"},
		example{"word ${_RANDOM 5 5}", "word|5\n", ""},
		example{"word ${_RANDOM 6 5}", "word|6\n", "(main: Line 1) ${_RANDOM}: min 6 exceeds max 5, using 6"},
		example{"word ${_RANDOM a b}", "word|${_RANDOM|a|b}\n",
			"(main: Line 1) Definition _RANDOM requires numeric parameters only.\n(main: Line 1) nothing defines $_RANDOM: it stays as it is written"},
	)
	got, reports := read(t, "word ${_RANDOM} ${_PWD}", nil)
	if !regexp.MustCompile(`^word\|\d{1,5}\|/.*\n$`).MatchString(got) || len(reports) != 0 {
		t.Errorf("%q\n%s", got, reports)
	}
	// With a seed the numbers are the same each time.
	const seeded = "global_defs {\n random_seed 7\n}\nword ${_RANDOM 0 1000000000}"
	one, _ := read(t, seeded, nil)
	two, _ := read(t, seeded, nil)
	if one != two || !strings.Contains(one, "random_seed|7") {
		t.Errorf("%q and %q", one, two)
	}
}

func TestConditions(t *testing.T) {
	check(t,
		example{"@node1 word 1\n@node2 word 2\n@^node1 word 3\n@^node2 word 4", "word|1\nword|4\n", ""},
		example{"@tandem word 1\n@^tandem word 2\nword 3", "word|1\nword|3\n", ""},
		example{"@node1\nword 1", "word|1\n", ""},
		example{"@node1 $A=1\n@node2 $A=2\nword $A", "word|1\n", ""},
		example{"$A=@node1 word 1\n$A\n@node1 block {\n word 2\n@node1 }", "word|1\nblock {3-5}\n  word|2\n", ""},
	)
}
