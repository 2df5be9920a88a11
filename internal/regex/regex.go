// Package regex matches the regular expressions of nginx configurations, which
// are written for PCRE2. An expression is read here, with PCRE2's meaning of
// every construct, and then written anew for one of two engines: Go's, which
// takes linear time, where it matches alike, and a backtracking one with a time
// limit for what Go's cannot do: look-around, back references, atomic groups.
//
// As in nginx a character is a byte, \d, \w and \s know ASCII only, and case is
// that of ASCII letters, unless the expression begins with (*UTF) or (*UCP).
package regex

import (
	"errors"
	"regexp"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// Limit is how long one match of a backtracking expression may take.
const Limit = 250 * time.Millisecond

// Errors of matching.
var (
	ErrLimit = errors.New("match limit exceeded")
	ErrUTF   = errors.New("the subject is not UTF-8")
)

// Regexp is a compiled expression, safe for concurrent use.
type Regexp struct {
	Text  string   // as written
	Names []string // of the groups, by number; "" where a group has none. Names[0] is "".

	utf bool
	// fast is nil for what only the backtracking engine can do, slow where it
	// is never needed.
	fast *regexp.Regexp
	slow *regexp2.Regexp
	// dollar: there is a $ or \Z, which may stand before a newline at the end
	// of the subject. Go's engine knows no such thing: subjects with that
	// newline go to the other.
	dollar bool
}

// Compile reads a PCRE2 expression. Errors are in nginx's words.
func Compile(text string, caseless bool) (*Regexp, error) {
	p, err := parse(text, caseless)
	if err != nil {
		return nil, describe(err, text)
	}
	re := &Regexp{Text: text, Names: p.names, utf: p.utf}
	re.dollar = p.tree.any(func(n *node) bool { return n.kind == nodeDollar })
	if !p.tree.backtracks() && (!p.utf || isASCIISet(p.word)) {
		// Too large a number of repeats is beyond Go's engine, too.
		re.fast, _ = regexp.Compile(emit(p.tree, false, p.word))
	}
	if re.fast != nil && !re.dollar {
		return re, nil
	}
	if re.slow, err = regexp2.Compile(emit(p.tree, true, p.word), regexp2.None); err != nil {
		return nil, describe(err, text)
	}
	re.slow.MatchTimeout = Limit
	return re, nil
}

func isASCIISet(s set) bool { return len(s) > 0 && s[len(s)-1].hi < utf8.RuneSelf }

// Groups returns the number of capturing groups.
func (re *Regexp) Groups() int { return len(re.Names) - 1 }

// needsSlow reports whether a subject is one for the backtracking engine.
func (re *Regexp) needsSlow(subject []byte) bool {
	n := len(subject)
	return re.fast == nil || re.dollar && n > 0 && subject[n-1] == '\n'
}

// Match is Try where an error is no match.
func (re *Regexp) Match(subject []byte) bool {
	ok, _ := re.Try(subject)
	return ok
}

// Try reports whether subject matches. It does not allocate for ASCII subjects
// of expressions that Go's engine runs. The error is ErrLimit or ErrUTF.
func (re *Regexp) Try(subject []byte) (bool, error) {
	if re.needsSlow(subject) {
		m, err := re.backtrack(subject)
		return m != nil, err
	}
	if isASCII(subject) {
		return re.fast.Match(subject), nil
	}
	if re.utf {
		if !utf8.Valid(subject) {
			return false, ErrUTF
		}
		return re.fast.Match(subject), nil
	}
	w := widen(subject)
	defer widened.Put(w)
	return re.fast.Match(*w), nil
}

// Captures returns the offsets of the match and of its groups in pairs, -1 for
// a group that took no part; nil if subject does not match.
func (re *Regexp) Captures(subject []byte) ([]int, error) {
	if re.needsSlow(subject) {
		return re.backtrack(subject)
	}
	if isASCII(subject) {
		return re.fast.FindSubmatchIndex(subject), nil
	}
	if re.utf {
		if !utf8.Valid(subject) {
			return nil, ErrUTF
		}
		return re.fast.FindSubmatchIndex(subject), nil
	}
	w := widen(subject)
	defer widened.Put(w)
	m := re.fast.FindSubmatchIndex(*w)
	for i, at := range m {
		if at >= 0 {
			// Each byte beyond ASCII has become two.
			m[i] = utf8.RuneCount((*w)[:at])
		}
	}
	return m, nil
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

var widened = sync.Pool{New: func() any { return new([]byte) }}

// widen makes a character of each byte.
func widen(b []byte) *[]byte {
	w := widened.Get().(*[]byte)
	*w = (*w)[:0]
	for _, c := range b {
		*w = utf8.AppendRune(*w, rune(c))
	}
	return w
}

// backtrack matches with the backtracking engine.
func (re *Regexp) backtrack(subject []byte) ([]int, error) {
	runes := make([]rune, 0, len(subject))
	var starts []int // of characters, if they are not bytes
	if re.utf && !isASCII(subject) {
		if !utf8.Valid(subject) {
			return nil, ErrUTF
		}
		for i, c := range string(subject) {
			runes, starts = append(runes, c), append(starts, i)
		}
		starts = append(starts, len(subject))
	} else {
		for _, c := range subject {
			runes = append(runes, rune(c))
		}
	}
	m, err := re.slow.FindRunesMatch(runes)
	if err != nil {
		return nil, ErrLimit
	}
	if m == nil {
		return nil, nil
	}
	offset := func(i int) int {
		if starts == nil {
			return i
		}
		return starts[i]
	}
	out := make([]int, 2*len(re.Names))
	for n := range re.Names {
		g := m.GroupByNumber(n)
		if g == nil || len(g.Captures) == 0 {
			out[2*n], out[2*n+1] = -1, -1
			continue
		}
		out[2*n], out[2*n+1] = offset(g.Index), offset(g.Index+g.Length)
	}
	return out, nil
}
