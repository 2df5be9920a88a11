package text

import (
	"math"
	"slices"
	"testing"
)

func TestUncomment(t *testing.T) {
	for line, want := range map[string]string{
		"  a b \t":           "a b",
		"a # b":              "a",
		"a ! b":              "a",
		"a#b":                "a",
		`a \# b \! c`:        "a # b ! c",
		`"a # b" ! c`:        `"a # b"`,
		`"a \# b"`:           `"a \# b"`, // in quotes the backslash has nothing to protect
		`a \b`:               `a \b`,
		`$A=b  \`:            `$A=b\`,
		"# only a comment":   "",
		"\t":                 "",
		`word "x" # "y`:      `word "x"`,
		`word 'it''s' # "it`: `word 'it''s'`,
	} {
		if got, open := uncomment(line); got != want || open {
			t.Errorf("uncomment(%q) = %q, %v, want %q", line, got, open, want)
		}
	}
	if got, open := uncomment(`a "b # c`); got != `a "b # c` || !open {
		t.Errorf("an open quote: %q, %v", got, open)
	}
}

func TestSplitWords(t *testing.T) {
	for line, want := range map[string][]string{
		"":             nil,
		"a":            {"a"},
		" a \t b\fc\v": {"a", "b", "c"},
		`a "b c" d`:    {"a", "b c", "d"},
		`a"b c"d`:      {"a", "b c", "d"}, // a quote always begins a word
		`a ""`:         {"a", ""},
		`a 'b c'`:      {"a", "'b", "c'"}, // single quotes mean nothing
		`a b\ c`:       {"a", `b\`, "c"},
	} {
		if got, unmatched := SplitWords(line); !slices.Equal(got, want) || unmatched {
			t.Errorf("SplitWords(%q) = %q, %v, want %q", line, got, unmatched, want)
		}
	}
	if got, unmatched := SplitWords(`a "b c`); !slices.Equal(got, []string{"a"}) || !unmatched {
		t.Errorf("an open quote: %q, %v", got, unmatched)
	}
}

func TestSplitQuoted(t *testing.T) {
	for _, c := range []struct {
		line    string
		escapes bool
		want    []string
	}{
		{`script "a b" c`, true, []string{"script", "a b", "c"}},
		{`script 'a "b"'`, true, []string{"script", `a "b"`}},
		{`script a"b c"d`, true, []string{"script", "ab cd"}}, // quotes join
		{`script ''`, true, []string{"script", ""}},
		{`script "a \"b\""`, true, []string{"script", `a "b"`}},
		{`script "a \"b\""`, false, []string{"script", `a \"b\"`}}, // left for a second cut
		{`\x41\x4a\x4\cA\101\7`, true, []string{"AJ\x04\x01A\a"}},
		{`\n\t\E\a\b\f\r\v\e\q`, true, []string{"\n\t\x1b\a\b\f\r\veq"}},
		{`a\ b`, true, []string{"a b"}},
		{`\xzz`, true, []string{"xzz"}},
	} {
		got, open, dangling := SplitQuoted(c.line, c.escapes)
		if !slices.Equal(got, c.want) || open != 0 || dangling {
			t.Errorf("SplitQuoted(%q, %v) = %q, %q, %v, want %q", c.line, c.escapes, got, open, dangling, c.want)
		}
	}
	for line, want := range map[string]byte{`a "b`: '"', `a 'b "c"`: '\''} {
		if _, open, _ := SplitQuoted(line, true); open != want {
			t.Errorf("SplitQuoted(%q): open %q, want %q", line, open, want)
		}
	}
	if _, _, dangling := SplitQuoted(`a b\`, true); !dangling {
		t.Error("a backslash at the end of the line has nothing to protect")
	}
}

func TestNumber(t *testing.T) {
	for word, want := range map[string]uint64{
		"0": 0, "7": 7, "+7": 7, " 7": 7, "0x1F": 31, "010": 8, "4294967295": math.MaxUint32,
	} {
		if got, ok := Number(word, math.MaxUint32); got != want || !ok {
			t.Errorf("Number(%q) = %d, %v, want %d", word, got, ok, want)
		}
	}
	for _, word := range []string{"", "-1", "x", "7x", "08", "4294967296", "99999999999999999999"} {
		if got, ok := Number(word, math.MaxUint32); ok {
			t.Errorf("Number(%q) = %d", word, got)
		}
	}
}
