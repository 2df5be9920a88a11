package text

import "testing"

func TestCounters(t *testing.T) {
	check(t,
		example{"~SEQ(A, 3) word $A", "word|1\nword|2\nword|3\n", ""},
		example{"~SEQ(A, -2) word $A", "word|-1\nword|-2\n", ""},
		example{"~SEQ(A, 2, 4) word $A", "word|2\nword|3\nword|4\n", ""},
		example{"~SEQ(A, 4, 2) word $A", "word|4\nword|3\nword|2\n", ""},
		example{"~SEQ(A, 1, 3, 8) word $A", "word|1\nword|4\nword|7\n", ""},
		example{"~SEQx(A, 9, 11) word ${A}0", "word|90\nword|a0\nword|b0\n", ""},
		example{"~SEQ(A, 0x10, 021) word $A", "word|16\nword|17\n", ""},
		example{"$N=2\n~SEQ(A, $N) word $A\nword $A", "word|1\nword|2\nword|2\n", ""},
		example{"~SEQ(A, 2) ~SEQ(B, 2) word ${A}${B}", "word|11\nword|12\nword|21\nword|22\n", ""},
		example{"~SEQ(A, 9223372036854775806, 9223372036854775807) word ${A}", "word|9223372036854775806\nword|9223372036854775807\n", ""},
	)
}

func TestCountersWithMistakes(t *testing.T) {
	for line, problem := range map[string]string{
		"~SEQ(A, 1, 0, 2) word":   "Invalid ~SEQ values",
		"~SEQ(A, 1, -1, 2) word":  "Invalid ~SEQ values",
		"~SEQ(A, x) word":         "Invalid ~SEQ definition",
		"~SEQ(A) word":            "Invalid ~SEQ definition",
		"~SEQ(1A, 2) word":        "Invalid ~SEQ definition",
		"~SEQ(A, 1, 2, 3, 4) w":   "Invalid ~SEQ definition",
		"~SEQ(A, 2 word":          "~SEQ missing terminating ')'",
		"~SEQx(A, -2, 2) word $A": "~SEQx is only valid for positive numbers",
	} {
		example{line, "", "(main: Line 1) " + problem + " '" + line + "'\n(main: Line 1) Invalid ~SEQ specification '" + line + "'"}.check(t, nil)
	}
	example{"~SEQ A", "", "(main: Line 1) Invalid ~SEQ specification '~SEQ A'"}.check(t, nil)
}

func TestLists(t *testing.T) {
	check(t,
		example{"~LST(A, x, y z) word $A", "word|x\nword|y|z\n", ""},
		example{"~LST({A, B}, {1, x}, {2, y}) word $A ${B}", "word|1|x\nword|2|y\n", ""},
		example{"~LST({A, B}, {1}, 2) word ${A}-${B}", "word|1-\nword|2-\n", ""}, // what is missing is blank
		example{"~LST({A}, {1, 2}) word", "", "(main: Line 1) ~LST specification has too many values '~LST({A}, {1, 2}) word'\n" +
			"(main: Line 1) Invalid ~LST specification '~LST({A}, {1, 2}) word'"},
	)
	for _, line := range []string{"~LST word", "~LST(A) word", "~LST(A, 1 word", "~LST({A, 1) word", "~LST({A} x, 1) word", "~LST(1, 2) word"} {
		example{line, "", "(main: Line 1) Invalid ~LST specification '" + line + "'"}.check(t, nil)
	}
}
