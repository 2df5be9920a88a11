package text

import (
	"strconv"
	"strings"
)

// Blanks are the bytes that separate words.
const Blanks = " \t\f\n\r\v"

// SplitWords cuts a logical line into words as keepalived does for every keyword that takes no script: Blanks separate,
// and a double quote always begins a word of its own, which ends at the next one. Neither single quotes nor backslashes
// mean anything here. A quote without a partner ends the line; unmatched reports it.
func SplitWords(line string) (words []string, unmatched bool) {
	for {
		line = strings.TrimLeft(line, Blanks)
		if line == "" {
			return words, false
		}
		if line[0] == '"' {
			end := strings.IndexByte(line[1:], '"')
			if end < 0 {
				return words, true
			}
			words = append(words, line[1:1+end])
			line = line[2+end:]
			continue
		}
		end := strings.IndexAny(line, Blanks+`"`)
		if end < 0 {
			end = len(line)
		}
		words = append(words, line[:end])
		line = line[end:]
	}
}

// SplitQuoted cuts the line of a script keyword: single and double quotes join, a backslash protects the next byte. With
// escapes, backslash sequences become the bytes they stand for; without, they are left for a second cut.
// open is the quote that has no partner, or 0; dangling is set when the line ends in a lone backslash.
func SplitQuoted(line string, escapes bool) (words []string, open byte, dangling bool) {
	i := 0
	for {
		for i < len(line) && strings.IndexByte(Blanks, line[i]) >= 0 {
			i++
		}
		if i == len(line) {
			return words, 0, false
		}
		var word []byte
		for i < len(line) {
			c := line[i]
			switch {
			case c == '\\':
				i++
				if i == len(line) {
					return nil, 0, true
				}
				if !escapes {
					word = append(word, '\\', line[i])
					i++
					continue
				}
				var b byte
				b, i = unescape(line, i)
				word = append(word, b)
				continue
			case open != 0 && c == open:
				open = 0
			case open == 0 && (c == '"' || c == '\''):
				open = c
			case open == 0 && strings.IndexByte(Blanks, c) >= 0:
				goto done
			default:
				word = append(word, c)
			}
			i++
		}
		if open != 0 {
			return nil, open, false
		}
	done:
		words = append(words, string(word))
	}
}

// unescape reads the sequence that follows a backslash: \xHH, \cC, \OOO, the letters of C and \E; anything else is
// itself. It returns the byte and the index after the sequence.
func unescape(s string, i int) (byte, int) {
	c := s[i]
	switch {
	case c == 'x' && i+1 < len(s) && hexDigit(s[i+1]) >= 0:
		v := 0
		i++
		for n := 0; n < 2 && i < len(s) && hexDigit(s[i]) >= 0; n++ {
			v = v<<4 | hexDigit(s[i])
			i++
		}
		return byte(v), i
	case c == 'c' && i+1 < len(s):
		return s[i+1] & 0x1f, i + 2
	case c >= '0' && c <= '7':
		v := 0
		for n := 0; n < 3 && i < len(s) && s[i] >= '0' && s[i] <= '7'; n++ {
			v = v<<3 + int(s[i]-'0')
			i++
		}
		return byte(v), i
	}
	if at := strings.IndexByte("abEfnrtv", c); at >= 0 {
		return "\a\b\x1b\f\n\r\t\v"[at], i + 1
	}
	return c, i + 1
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// uncomment removes leading and trailing Blanks and the comment, which begins at the first '#' or '!' outside double
// quotes; a backslash before either keeps it. A backslash at the very end says that a definition goes on: it is kept, and
// the Blanks before it are removed. open reports a double quote without a partner.
func uncomment(line string) (text string, open bool) {
	line = strings.TrimLeft(line, " \t")
	out := make([]byte, 0, len(line))
	more := false
loop:
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '"':
			open = !open
		case c == '\\':
			if i+1 == len(line) {
				more = true
				break loop
			}
			next := line[i+1]
			if open || (next != '#' && next != '!') {
				out = append(out, c)
			}
			c = next
			i++
		case !open && (c == '#' || c == '!'):
			break loop
		}
		out = append(out, c)
	}
	text = strings.TrimRight(string(out), " \t")
	if more {
		text += `\`
	}
	return text, open
}

// Number reads an unsigned number as C does: decimal, octal (0...) or hexadecimal (0x...), at most high.
func Number(word string, high uint64) (uint64, bool) {
	v, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimLeft(word, Blanks), "+"), 0, 64)
	return v, err == nil && v <= high
}
