package nginxconf

import (
	"fmt"
	"strings"
)

// wordMax is the size of the buffer that nginx reads a configuration file
// through (NGX_CONF_BUFFER). A word or a comment has to fit into it together
// with the byte that ends it.
const wordMax = 4096

// ending says what a statement ended with.
type ending int

const (
	endText  ending = iota // nothing more to read
	endLine                // ";"
	endOpen                // "{"
	endClose               // "}"
)

// recovery says how reading may go on after a syntax error.
type recovery int

const (
	stopFile  recovery = iota // the rest of the file cannot be made sense of
	skipEmpty                 // the stray byte was skipped, there is no statement
	takeAsEnd                 // the statement is taken as if it were terminated
)

// syntaxError is a mistake found by the lexer; line is the one nginx names.
type syntaxError struct {
	line int
	msg  string
	then recovery
}

// word is one unescaped word of a statement.
type word struct {
	text   string
	quoted bool
}

// lexer cuts the text of one file into statements the way nginx does
// (ngx_conf_read_token in ngx_conf_file.c), on bytes: nothing is decoded.
type lexer struct {
	text string
	pos  int
	line int
	max  int // longest word with its end, in bytes; 0: no limit
	// param: the text is that of option -g, which changes the words of errors.
	param bool
	// broken: the rest of the text is given up.
	broken bool
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// statement reads up to and including the next ";", "{" or "}" and appends
// the words before it to words. At its end, lx.line is the line of the
// terminator.
func (lx *lexer) statement(words []word) ([]word, ending, *syntaxError) {
	for {
		if err := lx.skipBlanks(); err != nil {
			return words, endText, err
		}
		if lx.pos == len(lx.text) {
			if len(words) > 0 {
				return words, endText, lx.unexpectedEnd()
			}
			return words, endText, nil
		}
		switch c := lx.text[lx.pos]; c {
		case ';', '{':
			lx.pos++
			end := endLine
			if c == '{' {
				end = endOpen
			}
			if len(words) == 0 {
				return words, end, &syntaxError{lx.line, fmt.Sprintf("unexpected \"%c\"", c), skipEmpty}
			}
			return words, end, nil
		case '}':
			if len(words) > 0 {
				// The "}" stays where it is, to close the block afterwards.
				return words, endLine, &syntaxError{lx.line, `unexpected "}"`, takeAsEnd}
			}
			lx.pos++
			return words, endClose, nil
		case '"', '\'':
			w, err := lx.quotedWord(c)
			if err != nil {
				return words, endText, err
			}
			words = append(words, word{w, true})
		default:
			w, err := lx.bareWord()
			if err != nil {
				return words, endText, err
			}
			words = append(words, word{w, false})
		}
	}
}

// skipBlanks moves to the next byte that is neither white space nor part of a
// comment. It is called only between words, so "#" begins a comment here.
func (lx *lexer) skipBlanks() *syntaxError {
	for lx.pos < len(lx.text) {
		switch lx.text[lx.pos] {
		case '\n':
			lx.line++
			lx.pos++
		case ' ', '\t', '\r':
			lx.pos++
		case '#':
			end := strings.IndexByte(lx.text[lx.pos:], '\n')
			if end < 0 {
				end = len(lx.text)
			} else {
				end += lx.pos
			}
			if lx.overflows(lx.pos, end) {
				return lx.tooLong(lx.pos, lx.line, 0)
			}
			lx.pos = end
		default:
			return nil
		}
	}
	return nil
}

// quotedWord reads the word whose opening quote stands at lx.pos. What
// follows the closing quote must end the word: white space, ";", "{", or the
// ")" of an if, which begins a word of its own.
func (lx *lexer) quotedWord(quote byte) (string, *syntaxError) {
	line, start := lx.line, lx.pos+1
	end, escaped := start, false
	for end < len(lx.text) && lx.text[end] != quote {
		if lx.text[end] == '\\' {
			escaped = true
			end++
			if end == len(lx.text) {
				break
			}
		}
		if lx.text[end] == '\n' {
			lx.line++
		}
		end++
	}
	if lx.overflows(start, end) {
		return "", lx.tooLong(start, line, quote)
	}
	if end == len(lx.text) {
		return "", lx.unexpectedEnd()
	}
	lx.pos = end + 1

	// nginx keeps the word in its buffer until it has seen the next one begin.
	next := lx.pos
	if next < len(lx.text) && isBlank(lx.text[next]) {
		next++
	}
	if lx.overflows(start, next) {
		return "", lx.tooLong(start, line, 0)
	}
	if lx.pos < len(lx.text) {
		c := lx.text[lx.pos]
		if !isBlank(c) && c != ';' && c != '{' && c != ')' {
			return "", &syntaxError{lx.line, "unexpected \"" + string([]byte{c}) + "\"", stopFile}
		}
	}
	return unescape(lx.text[start:end], escaped), nil
}

// bareWord reads the word that begins at lx.pos without a quote. White space,
// ";" and "{" end it, but not the "{" of "${" and nothing after a backslash.
func (lx *lexer) bareWord() (string, *syntaxError) {
	line, start := lx.line, lx.pos
	end, escaped, dollar := start, false, false
scan:
	for end < len(lx.text) {
		switch lx.text[end] {
		case '\\':
			escaped, dollar = true, false
			end++
			if end == len(lx.text) {
				break scan
			}
			if lx.text[end] == '\n' {
				lx.line++
			}
		case '$':
			dollar = true
		case '{':
			if !dollar {
				break scan
			}
		case ' ', '\t', '\r', '\n', ';':
			break scan
		default:
			dollar = false
		}
		end++
	}
	// nginx needs one byte more to see a word begin after white space.
	next := end
	if end < len(lx.text) && isBlank(lx.text[end]) {
		next++
	}
	if lx.overflows(start, next) {
		return "", lx.tooLong(start, line, 0)
	}
	if end == len(lx.text) {
		return "", lx.unexpectedEnd()
	}
	lx.pos = end
	return unescape(lx.text[start:end], escaped), nil
}

// overflows reports whether nginx's buffer would be full of the word that
// begins at start before the byte at end has been read.
func (lx *lexer) overflows(start, end int) bool {
	return lx.max > 0 && end-start >= lx.max && start+lx.max < len(lx.text)
}

// tooLong is the error for a word that overflows; quote is the one still open
// or 0.
func (lx *lexer) tooLong(start, line int, quote byte) *syntaxError {
	if quote != 0 {
		return &syntaxError{line, fmt.Sprintf(`too long parameter, probably missing terminating "%c" character`, quote), stopFile}
	}
	return &syntaxError{line, `too long parameter "` + lx.text[start:start+10] + `..." started`, stopFile}
}

// unexpectedEnd is the error for a text that ends within a statement.
func (lx *lexer) unexpectedEnd() *syntaxError {
	msg := `unexpected end of file, expecting ";" or "}"`
	if lx.param {
		msg = `unexpected end of parameter, expecting ";"`
	}
	lx.pos = len(lx.text)
	return &syntaxError{lx.line, msg, stopFile}
}

// unescape undoes nginx's escapes: a backslash before a quote or a backslash
// goes, \t \r \n become what they name, any other backslash stays.
func unescape(raw string, escaped bool) string {
	if !escaped {
		return raw
	}
	var b strings.Builder
	b.Grow(len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '\\' && i+1 < len(raw) {
			switch raw[i+1] {
			case '"', '\'', '\\':
				i++
				c = raw[i]
			case 't':
				i++
				c = '\t'
			case 'r':
				i++
				c = '\r'
			case 'n':
				i++
				c = '\n'
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}
