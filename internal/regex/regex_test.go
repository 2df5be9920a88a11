package regex

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/dlclark/regexp2"
)

// result is a match in the form of testdata/pcre2.txt.
func result(re *Regexp, subject string) string {
	m, err := re.Captures([]byte(subject))
	switch {
	case err != nil:
		return err.Error()
	case m == nil:
		return "N"
	}
	text := "M"
	for _, at := range m[2:] {
		text += " " + strconv.Itoa(at)
	}
	return text
}

// TestAgainstPCRE2 holds matches and errors against those of PCRE2 itself.
func TestAgainstPCRE2(t *testing.T) {
	data, err := os.ReadFile("testdata/pcre2.txt")
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		flag, rest, _ := strings.Cut(line, " ")
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		text, _ := strconv.Unquote(quoted)
		rest = rest[len(quoted)+1:]
		quoted, err = strconv.QuotedPrefix(rest)
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		subject, _ := strconv.Unquote(quoted)
		want := rest[len(quoted)+1:]

		re, err := Compile(text, flag == "i")
		if strings.HasPrefix(want, "E ") {
			// The place is left out: PCRE2 looks at some mistakes later than at
			// others.
			_, message, _ := strings.Cut(want[2:], " ")
			if err == nil || !strings.HasPrefix(err.Error(), "pcre2_compile() failed: "+message+" in \""+text+"\"") {
				t.Errorf("line %d: %q: %v, want %s", i+1, text, err, message)
			}
			continue
		}
		if err != nil {
			t.Errorf("line %d: %q: %v", i+1, text, err)
			continue
		}
		if got := result(re, subject); got != want {
			t.Errorf("line %d: %s %q on %q: %s, want %s", i+1, flag, text, subject, got, want)
		}
		if got, err := re.Try([]byte(subject)); got != (want != "N") || err != nil {
			t.Errorf("line %d: %s %q on %q: match %v %v", i+1, flag, text, subject, got, err)
		}
	}
}

func TestNames(t *testing.T) {
	for text, want := range map[string]string{
		`(a)(?<n>b)(?'q'c)(?P<p>d)(e)`: " n q p ",
		`(?|(?<x>a)|(?<x>b))(c)`:       "x ",
		`(?n)(a)(?<n>b)`:               "n",
		`[(](\()(?:a)(?=(b))?`:         " ",
	} {
		re, err := Compile(text, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(re.Names[1:], " "); got != want || re.Groups() != len(re.Names)-1 {
			t.Errorf("%s: names %q, want %q", text, got, want)
		}
	}
}

func TestErrorsAreInTheWordsOfNginx(t *testing.T) {
	for text, want := range map[string]string{
		"a(b":      `pcre2_compile() failed: missing closing parenthesis in "a(b"`,
		"a)b":      `pcre2_compile() failed: unmatched closing parenthesis in "a)b" at ")b"`,
		"*.php":    `pcre2_compile() failed: quantifier does not follow a repeatable item in "*.php" at "*.php"`,
		"[a":       `pcre2_compile() failed: missing terminating ] for character class in "[a"`,
		"a{3,2}b":  `pcre2_compile() failed: numbers out of order in {} quantifier in "a{3,2}b" at "}b"`,
		"(?<=a*)b": `pcre2_compile() failed: lookbehind assertion is not fixed length in "(?<=a*)b" at "(?<=a*)b"`,
		"(?R)":     `pcre2_compile() failed: recursion and callouts are not supported in "(?R)" at "R)"`,
	} {
		if _, err := Compile(text, false); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestUTF(t *testing.T) {
	for _, c := range []struct {
		text     string
		caseless bool
		subject  string
		want     string
	}{
		{`(*UTF8)^(.)(.)$`, false, "éa", "M 0 2 2 3"},
		{`(*UTF)é+`, true, "xÉé", "M"},
		{`(*UTF)[é]`, true, "É", "M"},
		{`(*UTF)[^é]`, true, "É", "N"},
		{`(*UTF)^(?=é)(.)`, false, "éa", "M 0 2"},
		{`(*UTF)a(.)$`, false, "aé\n", "M 1 3"},
		{`(*UTF)\w`, false, "é", "N"},
		{`(*UTF)(*UCP)\w`, false, "é", "M"},
		{`(*UTF)(*UCP)\bé`, false, "aé", "N"},
		{`(*UTF)\x{e9}`, false, "é", "M"},
		{`(*UTF)\p{Lu}`, false, "É", "M"},
		{`(*UTF).`, false, "\xff", "the subject is not UTF-8"},
		{`(*UTF)(?=.)`, false, "\xff", "the subject is not UTF-8"},
		{`^(.)(.)`, false, "éa", "M 0 1 1 2"},
		{`é`, true, "É", "N"},
	} {
		re, err := Compile(c.text, c.caseless)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := result(re, c.subject); got != c.want {
			t.Errorf("%s on %q: %s, want %s", c.text, c.subject, got, c.want)
		}
	}
}

// What PCRE2 has and this package has not is refused, never taken for something else.
func TestUnsupported(t *testing.T) {
	for text, want := range map[string]string{
		`(?R)`:            "recursion and callouts are not supported",
		`(a)(?1)`:         "recursion and callouts are not supported",
		`(a)(?-1)`:        "recursion and callouts are not supported",
		`(?<n>a)(?&n)`:    "recursion and callouts are not supported",
		`(?<n>a)(?P>n)`:   "recursion and callouts are not supported",
		`(a)\g<1>`:        "recursion and callouts are not supported",
		`(?C1)a`:          "recursion and callouts are not supported",
		`(?(R)a|b)`:       "recursion and callouts are not supported",
		`\X`:              `\X is not supported`,
		`(*UTF)\N{U+e9}`:  `\N{U+dddd} is not supported`,
		`(*COMMIT)a`:      "(*VERB) not recognized or malformed",
		`a(*ACCEPT)b`:     "(*VERB) not recognized or malformed",
		`a(*PRUNE)b`:      "(*VERB) not recognized or malformed",
		`a(*SKIP)b`:       "(*VERB) not recognized or malformed",
		`a(*THEN)b`:       "(*VERB) not recognized or malformed",
		`(*CRLF)a$`:       "(*VERB) not recognized or malformed",
		`(*ANYCRLF)a$`:    "(*VERB) not recognized or malformed",
		`(*BSR_ANYCRLF)a`: "(*VERB) not recognized or malformed",
	} {
		if _, err := Compile(text, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// Nesting and size have bounds, and none of them ends the process.
func TestBounds(t *testing.T) {
	for name, text := range map[string]string{
		"parentheses": strings.Repeat("(", 100_000) + strings.Repeat(")", 100_000),
		"classes":     strings.Repeat("(?:[^a", 10_000),
		"conditions":  strings.Repeat("(?(?=a)", 100_000),
	} {
		if _, err := Compile(text, false); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, text := range []string{"(a{1000}){1000}", "(?:a?){1000}(?:a){1000}", strings.Repeat("a|", 10_000) + "b", "((a*)*)*b"} {
		re, err := Compile(text, false)
		if err != nil {
			continue // too large for either engine is an answer
		}
		if _, err := re.Try([]byte(strings.Repeat("a", 200))); err != nil && !errors.Is(err, ErrLimit) {
			t.Errorf("%.20s: %v", text, err)
		}
	}
}

// An expression is used by all connections at once.
func TestConcurrentUse(t *testing.T) {
	for _, text := range []string{`^/(\w+)/(\d+)$`, `^/(?=\w)(\w+)/(\d+)$`, `é(.)$`} {
		re, err := Compile(text, true)
		if err != nil {
			t.Fatal(err)
		}
		subject := []byte("/caf\xe9/12")
		want, err := re.Captures(subject)
		if err != nil {
			t.Fatal(err)
		}
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				for range 200 {
					if got, err := re.Captures(subject); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
						t.Errorf("%s: %v, %v", text, got, err)
						return
					}
					if re.Match(subject) != (want != nil) {
						t.Errorf("%s: matches and does not", text)
						return
					}
				}
			})
		}
		wait.Wait()
	}
}

// An expression that the time limit ends does not match, for those who ask no further.
func TestMatchWithoutErrors(t *testing.T) {
	re, err := Compile(`^(?=(a+)+$)`, false)
	if err != nil {
		t.Fatal(err)
	}
	if re.Match([]byte(strings.Repeat("a", 64) + "b")) {
		t.Error("what was not decided matches")
	}
	if !re.Match([]byte("aaa")) {
		t.Error("aaa does not match")
	}
}

func TestCatastrophicExpressionsEnd(t *testing.T) {
	re, err := Compile(`^(?=(a+)+$)`, false)
	if err != nil {
		t.Fatal(err)
	}
	subject := strings.Repeat("a", 64) + "b"
	if _, err := re.Try([]byte(subject)); !errors.Is(err, ErrLimit) {
		t.Errorf("%v, want ErrLimit", err)
	}
	// Where nothing asks for backtracking there is no need for a limit.
	if re, err = Compile(`^(a+)+$`, false); err != nil {
		t.Fatal(err)
	}
	if ok, err := re.Try([]byte(subject)); ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	for _, text := range []string{`\.(gif|jpe?g|png)$`, `^/user/(\d+)/`, `é`} {
		re, err := Compile(text, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, subject := range []string{"/user/12/picture.PNG", "/"} {
			b := []byte(subject)
			if n := testing.AllocsPerRun(100, func() { _, _ = re.Try(b) }); n > 0 {
				t.Errorf("%s on %q: %v allocations", text, subject, n)
			}
		}
	}
}

// FuzzEngines holds the engines against each other: what Go's can do the
// backtracking one does alike.
func FuzzEngines(f *testing.F) {
	for _, c := range [][2]string{
		{`^/(.*)\.(php|html?)$`, "/a/b.php"}, {`(a|b*)*c`, "abbc"}, {`[^\W_]+?\b`, "foo_bar"}, {`(?i:[a-f]{2,3})(x)?`, "ABCD"}, {`\Qa.b\E|$`, "a.b\n"},
		{`(?m)^a$`, "b\na\n"}, {`(?x) a # b`, "a"}, {`(?|(a)|(b))\1`, "bb"}, {`\x{e9}[\x80-\xff]`, "\xe9\xea"},
	} {
		f.Add(c[0], c[1], false)
	}
	f.Fuzz(func(t *testing.T, text, subject string, caseless bool) {
		if len(text) > 60 || len(subject) > 60 {
			t.Skip("slow")
		}
		re, err := Compile(text, caseless)
		if err != nil {
			return
		}
		m, err := re.Captures([]byte(subject))
		if err != nil {
			return
		}
		for _, at := range m {
			if at > len(subject) {
				t.Fatalf("%q on %q: %v", text, subject, m)
			}
		}
		if m != nil && len(m) != 2*len(re.Names) {
			t.Fatalf("%q: %d offsets for %d groups", text, len(m), re.Groups())
		}
		if re.needsSlow([]byte(subject)) || strings.Contains(text, "(*U") {
			return
		}
		slow := *re
		slow.fast = nil
		if slow.slow == nil {
			p, err := parse(text, caseless)
			if err != nil {
				t.Fatal(err)
			}
			slow.slow = mustBacktrack(t, p)
		}
		again, err := slow.Captures([]byte(subject))
		if err == nil && fmt.Sprint(again) != fmt.Sprint(m) {
			t.Errorf("%q on %q: %v, backtracking %v", text, subject, m, again)
		}
	})
}
func mustBacktrack(t *testing.T, p *parsed) *regexp2.Regexp {
	re, err := regexp2.Compile(emit(p.tree, true, p.word), regexp2.None)
	if err != nil {
		t.Fatal(err)
	}
	re.MatchTimeout = Limit
	return re
}
