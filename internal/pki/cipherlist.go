package pki

import (
	"errors"
	"strings"
)

var (
	errNoCipher      = errors.New("error:0A0000B9:SSL routines::no cipher match")
	errCipherCommand = errors.New("error:0A000118:SSL routines::invalid command")
)

// suiteB are the words that, at the beginning of a cipher list, stand for all
// of it (RFC 6460), in the order in which they are looked for.
var suiteB = []struct{ word, list string }{
	{"SUITEB128ONLY", "ECDHE-ECDSA-AES128-GCM-SHA256"},
	{"SUITEB128C2", "ECDHE-ECDSA-AES256-GCM-SHA384"},
	{"SUITEB128", "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"},
	{"SUITEB192", "ECDHE-ECDSA-AES256-GCM-SHA384"},
}

// cipherList is OpenSSL's way to read a cipher list (ciphers(1)): all suites in
// a row, of which some are chosen. What a word chooses moves to the end.
type cipherList struct {
	all    []*suite
	chosen map[*suite]bool
}

// parseCiphers returns the suites that a list stands for, in its order.
func parseCiphers(list string) ([]*suite, error) {
	l := cipherList{chosen: make(map[*suite]bool)}
	for i := range suites {
		l.all = append(l.all, &suites[i])
	}
	for _, b := range suiteB {
		if strings.HasPrefix(list, b.word) {
			list = b.list
			break
		}
	}
	if rest, ok := strings.CutPrefix(list, "DEFAULT"); ok {
		list = "ALL:!COMPLEMENTOFDEFAULT:!eNULL:" + rest
	}
	if err := l.read(list); err != nil {
		return nil, err
	}
	var out []*suite
	for _, s := range l.all {
		if l.chosen[s] {
			out = append(out, s)
		}
	}
	if out == nil {
		return nil, errNoCipher
	}
	return out, nil
}

const cipherSeparators = ": ;,"

// read follows a list word by word. Nothing need stand between a word and the
// operator of the next one.
func (l *cipherList) read(list string) error {
	for list != "" {
		op := byte(0)
		if strings.IndexByte("-+!@", list[0]) >= 0 {
			op, list = list[0], list[1:]
		}
		if list != "" && strings.IndexByte(cipherSeparators, list[0]) >= 0 {
			list = list[1:]
			continue
		}
		var words []string
		for more := true; more; {
			n := 0
			for n < len(list) && isCipherChar(list[n]) {
				n++
			}
			if n == 0 {
				return errCipherCommand
			}
			words = append(words, list[:n])
			list = list[n:]
			if more = op != '@' && strings.HasPrefix(list, "+"); more {
				list = list[1:]
				// A word that is none ends what it stands in.
				if !isCipherWord(words[len(words)-1]) {
					break
				}
			}
		}
		if op == '@' {
			if err := l.command(words[0]); err != nil {
				return err
			}
			list = afterCipher(list)
			continue
		}
		if !l.apply(op, words) {
			list = afterCipher(list)
		}
	}
	return nil
}

func isCipherChar(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '=' || c == '_'
}

// isCipherWord reports whether a word stands for any suite.
func isCipherWord(word string) bool {
	for i := range suites {
		if suites[i].has(word) {
			return true
		}
	}
	return false
}

// afterCipher is what follows the next separator.
func afterCipher(list string) string {
	if i := strings.IndexAny(list, cipherSeparators); i >= 0 {
		return list[i:]
	}
	return ""
}

// command follows a word behind "@". The security level has no effect.
func (l *cipherList) command(word string) error {
	switch level, ok := strings.CutPrefix(word, "SECLEVEL="); {
	case word == "STRENGTH":
		for _, bits := range []int{256, 128, 0} {
			l.move(true, func(s *suite) bool { return l.chosen[s] && s.bits == bits })
		}
	case !ok || len(level) != 1 || level[0] < '0' || level[0] > '5':
		return errCipherCommand
	}
	return nil
}

// apply does what an operator says with the suites that all words stand for;
// false when there are none.
func (l *cipherList) apply(op byte, words []string) bool {
	found := false
	named := make(map[*suite]bool)
	for i := range suites {
		s := &suites[i]
		named[s] = true
		for _, w := range words {
			named[s] = named[s] && s.has(w)
		}
		found = found || named[s]
	}
	switch op {
	case 0:
		l.move(true, func(s *suite) bool { return named[s] && !l.chosen[s] })
		for _, s := range l.all {
			l.chosen[s] = l.chosen[s] || named[s]
		}
	case '+':
		l.move(true, func(s *suite) bool { return named[s] && l.chosen[s] })
	case '-':
		l.move(false, func(s *suite) bool { return named[s] && l.chosen[s] })
		for s := range named {
			l.chosen[s] = l.chosen[s] && !named[s]
		}
	case '!':
		var rest []*suite
		for _, s := range l.all {
			if !named[s] {
				rest = append(rest, s)
			}
		}
		l.all = rest
	}
	return found
}

// move brings the suites that f picks to the end or to the front, in the order
// that they have.
func (l *cipherList) move(toEnd bool, f func(*suite) bool) {
	var picked, rest []*suite
	for _, s := range l.all {
		if f(s) {
			picked = append(picked, s)
		} else {
			rest = append(rest, s)
		}
	}
	if toEnd {
		l.all = append(rest, picked...)
	} else {
		l.all = append(picked, rest...)
	}
}
