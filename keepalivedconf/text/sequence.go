package text

import (
	"strconv"
	"strings"
)

// counter is ~SEQ: a line read once for every value of a variable.
type counter struct {
	name             string
	value, step, end int64
	hex              bool
	text             string
	done             bool
}

func (c *counter) next(r *lineReader) (string, bool) {
	if c.done {
		return "", false
	}
	base := 10
	if c.hex {
		base = 16
	}
	r.defs[c.name] = &definition{lines: []string{strconv.FormatInt(c.value, base)}}
	following := c.value + c.step
	overflow := (c.step > 0) != (following > c.value)
	c.done = overflow || c.step > 0 && following > c.end || c.step < 0 && following < c.end
	c.value = following
	return c.text, true
}

// list is ~LST: a line read once for every set of values of its variables.
type list struct {
	names []string
	sets  [][]string
	text  string
}

func (l *list) next(r *lineReader) (string, bool) {
	if len(l.sets) == 0 {
		return "", false
	}
	set := l.sets[0]
	l.sets = l.sets[1:]
	for i, name := range l.names {
		value := "" // what is missing is blank
		if i < len(set) {
			value = set[i]
		}
		r.defs[name] = &definition{lines: []string{value}}
	}
	return l.text, true
}

// sequence takes a line that begins with ~SEQ or ~LST.
func (r *lineReader) sequence(text string) {
	if strings.HasPrefix(text, "~LST") {
		l, problem := parseList(text)
		if problem != "" {
			r.say(KindGeneral, "%s '%s'", problem, text)
		}
		if l == nil {
			r.say(KindGeneral, "Invalid ~LST specification '%s'", text)
			return
		}
		r.push(l)
		return
	}
	c, problem := r.parseCounter(text)
	if problem != "" {
		r.say(KindGeneral, "%s '%s'", problem, text)
	}
	if c == nil {
		r.say(KindGeneral, "Invalid ~SEQ specification '%s'", text)
		return
	}
	r.push(c)
}

// parseCounter reads "~SEQ[x](NAME, [START, [STEP,]] END) TEXT". The numbers may be definitions, octal or hexadecimal.
func (r *lineReader) parseCounter(text string) (c *counter, problem string) {
	s := text[len("~SEQ"):]
	c = &counter{}
	if strings.HasPrefix(s, "x") {
		c.hex = true
		s = s[1:]
	}
	s = strings.TrimLeft(s, " \t")
	if !strings.HasPrefix(s, "(") {
		return nil, ""
	}
	head, tail, closed := strings.Cut(s[1:], ")")
	if !closed {
		return nil, "~SEQ missing terminating ')'"
	}
	name, numbers, ok := strings.Cut(head, ",")
	c.name = strings.TrimSpace(name)
	if !ok || nameLength(c.name) != len(c.name) || c.name == "" {
		return nil, "Invalid ~SEQ definition"
	}
	depth := len(r.stack)
	numbers, _ = r.substitute(numbers)
	if len(r.stack) != depth {
		r.stack = r.stack[:min(depth, len(r.stack))]
		return nil, "~SEQ parameter is multiline definition"
	}
	var n []int64
	for field := range strings.SplitSeq(numbers, ",") {
		v, err := strconv.ParseInt(strings.TrimSpace(field), 0, 64)
		if err != nil || len(n) == 3 {
			return nil, "Invalid ~SEQ definition"
		}
		n = append(n, v)
	}
	toward := func(from, to int64) int64 {
		if from <= to {
			return 1
		}
		return -1
	}
	switch len(n) {
	case 1:
		c.end = n[0]
		c.step, c.value = 1, 1
		if c.end < 1 {
			c.step = -1
		}
		if c.end < 0 {
			c.value = -1
		}
	case 2:
		c.value, c.step, c.end = n[0], toward(n[0], n[1]), n[1]
	default:
		c.value, c.step, c.end = n[0], n[1], n[2]
		if c.step == 0 || c.value < c.end && c.step < 0 || c.value > c.end && c.step > 0 {
			return nil, "Invalid ~SEQ values"
		}
	}
	if c.hex && (c.value < 0 || c.end < 0) {
		return nil, "~SEQx is only valid for positive numbers"
	}
	c.text = strings.TrimLeft(tail, " \t")
	return c, ""
}

// parseList reads "~LST(NAME, VALUE, ...) TEXT" and "~LST({NAME, ...}, {VALUE, ...}, ...) TEXT".
func parseList(text string) (l *list, problem string) {
	s := strings.TrimLeft(text[len("~LST"):], " \t")
	if !strings.HasPrefix(s, "(") {
		return nil, ""
	}
	head, tail, closed := strings.Cut(s[1:], ")")
	if !closed {
		return nil, ""
	}
	l = &list{text: strings.TrimLeft(tail, " \t")}
	for first := true; ; first = false {
		set, remaining, ok := listItem(head)
		switch {
		case !ok:
			return nil, ""
		case first:
			l.names = set
		case len(set) > len(l.names):
			return nil, "~LST specification has too many values"
		default:
			l.sets = append(l.sets, set)
		}
		if remaining == "" {
			break
		}
		head = remaining[1:]
	}
	for _, name := range l.names {
		if name == "" || nameLength(name) != len(name) {
			return nil, ""
		}
	}
	if len(l.sets) == 0 {
		return nil, ""
	}
	return l, ""
}

// listItem cuts one item off the front of s: a word, or words in braces. remaining begins with the comma after it.
func listItem(s string) (words []string, remaining string, ok bool) {
	s = strings.TrimLeft(s, " \t")
	if strings.HasPrefix(s, "{") {
		inner, after, closed := strings.Cut(s[1:], "}")
		after = strings.TrimLeft(after, " \t")
		if !closed || after != "" && after[0] != ',' {
			return nil, "", false
		}
		for word := range strings.SplitSeq(inner, ",") {
			words = append(words, strings.TrimSpace(word))
		}
		return words, after, true
	}
	end := strings.IndexByte(s, ',')
	if end < 0 {
		end = len(s)
	}
	return []string{strings.TrimSpace(s[:end])}, s[end:], true
}
