// Package regex matches the regular expressions of nginx configurations, which
// are written for PCRE. Expressions that Go's engine understands run in linear
// time; those with look-around, back references or possessive forms run in a
// backtracking engine with a time limit.
package regex

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/dlclark/regexp2"
)

// Limit is how long one match of a backtracking expression may take. It then
// counts as no match.
const Limit = 100 * time.Millisecond

// Regexp is a compiled expression, safe for concurrent use.
type Regexp struct {
	Text  string   // as written
	Names []string // of the groups, by number; "" where a group has none. Names[0] is "".
	fast  *regexp.Regexp
	slow  *regexp2.Regexp
}

// Compile reads a PCRE expression. Errors are in nginx's words.
func Compile(text string, caseless bool) (*Regexp, error) {
	flags := ""
	if caseless {
		flags = "(?i)"
	}
	if fast, err := regexp.Compile(flags + text); err == nil {
		return &Regexp{Text: text, Names: fast.SubexpNames(), fast: fast}, nil
	}
	opts := regexp2.None
	if caseless {
		opts = regexp2.IgnoreCase
	}
	slow, err := regexp2.Compile(text, regexp2.RegexOptions(opts))
	if err != nil {
		return nil, fmt.Errorf("pcre2_compile() failed: %v in %q", err, text)
	}
	slow.MatchTimeout = Limit
	re := &Regexp{Text: text, slow: slow}
	for _, n := range slow.GetGroupNumbers() {
		name := slow.GroupNameFromNumber(n)
		if strings.Trim(name, "0123456789") == "" {
			name = ""
		}
		re.Names = append(re.Names, name)
	}
	return re, nil
}

// Groups returns the number of capturing groups.
func (re *Regexp) Groups() int { return len(re.Names) - 1 }

// Match reports whether subject matches. It does not allocate for expressions
// that Go's engine runs.
func (re *Regexp) Match(subject []byte) bool {
	if re.fast != nil {
		return re.fast.Match(subject)
	}
	ok, err := re.slow.MatchString(string(subject))
	return ok && err == nil
}

// Captures returns the offsets of the match and of its groups in pairs, -1
// for a group that took no part; nil if subject does not match.
func (re *Regexp) Captures(subject []byte) []int {
	if re.fast != nil {
		return re.fast.FindSubmatchIndex(subject)
	}
	text := string(subject)
	m, err := re.slow.FindStringMatch(text)
	if err != nil || m == nil {
		return nil
	}
	offsets := byteOffsets(text)
	out := make([]int, 0, 2*len(re.Names))
	for _, g := range m.Groups() {
		if len(g.Captures) == 0 {
			out = append(out, -1, -1)
			continue
		}
		out = append(out, offsets(g.Index), offsets(g.Index+g.Length))
	}
	return out
}

// byteOffsets returns a function from rune index, which regexp2 counts in, to
// byte offset.
func byteOffsets(text string) func(int) int {
	ascii := true
	for i := 0; i < len(text); i++ {
		if text[i] >= 0x80 {
			ascii = false
			break
		}
	}
	if ascii {
		return func(i int) int { return i }
	}
	starts := make([]int, 0, len(text)+1)
	for i := range text {
		starts = append(starts, i)
	}
	starts = append(starts, len(text))
	return func(i int) int { return starts[i] }
}
