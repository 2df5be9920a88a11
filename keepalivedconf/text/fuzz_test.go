package text

import (
	"reflect"
	"strings"
	"testing"
)

// Words hold no more than their line does, and what holds no quotes or escapes is cut at Blanks alone.
func FuzzWords(f *testing.F) {
	for _, line := range []string{"a b", `a "b c"d`, `"`, `'a "b' \"`, `x\x41\101\cA\`, "a # b \\# c", `"# "!`, "\\"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		text, _ := uncomment(line)
		if len(text) > len(line) {
			t.Errorf("uncomment(%q) = %q", line, text)
		}
		words, _ := SplitWords(line)
		plain := !strings.ContainsAny(line, `"'\`)
		if plain && !reflect.DeepEqual(append([]string{}, words...), append([]string{}, strings.FieldsFunc(line, isBlank)...)) {
			t.Errorf("SplitWords(%q) = %q", line, words)
		}
		for _, escapes := range []bool{false, true} {
			quoted, open, dangling := SplitQuoted(line, escapes)
			if plain && (open != 0 || dangling || !reflect.DeepEqual(append([]string{}, quoted...), append([]string{}, words...))) {
				t.Errorf("SplitQuoted(%q) = %q", line, quoted)
			}
			if n := len(strings.Join(quoted, "")); n > len(line) {
				t.Errorf("SplitQuoted(%q) = %q", line, quoted)
			}
		}
	})
}

func isBlank(r rune) bool { return strings.ContainsRune(Blanks, r) }
