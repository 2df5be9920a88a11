package status

import (
	"strings"
	"unicode/utf8"
)

// Screen is the size of a terminal; the zero value is one without an end.
type Screen struct{ Rows, Columns int }

// The terminal's commands (ECMA-48).
const (
	toHome  = "\x1b[H"
	eraseLn = "\x1b[K" // to the end of the line
	eraseDn = "\x1b[J" // to the end of the screen
)

// repaint has a terminal show a page in place of what it shows. Nothing scrolls: the
// page's first lines are always to be seen, long lines are cut, and what does not fit
// is counted.
func (s Screen) repaint(page string) string {
	lines := strings.Split(strings.TrimSuffix(page, "\n"), "\n")
	more := ""
	if s.Rows > 1 && len(lines) > s.Rows {
		more = plural(len(lines)-s.Rows+1, "more line")
		lines = lines[:s.Rows-1]
	}
	var b strings.Builder
	b.WriteString(toHome)
	for n, line := range lines {
		if n > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(s.cut(line))
		b.WriteString(eraseLn)
	}
	if more != "" {
		b.WriteString("\r\n" + s.cut("  ... "+more+": tandem status shows all") + eraseLn)
	}
	b.WriteString(eraseDn)
	return b.String()
}

// cut cuts a line off that is longer than the screen is wide. Colours have no width.
func (s Screen) cut(line string) string {
	if s.Columns <= 1 {
		return line
	}
	width, coloured := 0, false
	for i := 0; i < len(line); {
		if line[i] == '\x1b' {
			coloured = true
			end := strings.IndexByte(line[i:], 'm')
			if end < 0 {
				break
			}
			i += end + 1
			continue
		}
		if width == s.Columns-1 && strings.TrimRight(line[i:], " ") != "" && utf8.RuneCountInString(visible(line[i:])) > 1 {
			line = line[:i] + "…"
			if coloured {
				line += plain
			}
			return line
		}
		_, n := utf8.DecodeRuneInString(line[i:])
		i += n
		width++
	}
	return line
}

// visible is a text without its colours.
func visible(text string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(text, "\x1b")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		_, text, _ = strings.Cut(after, "m")
	}
}
