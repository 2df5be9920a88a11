package rewrite

import (
	"fmt"
	"strings"

	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

// ifInstruction is an if block.
type ifInstruction struct {
	condition condition
	location  *web.Location // the settings of the block; nil in a server, where it has none
	program   []instruction
}

// condition is what stands in the parentheses of an if.
type condition interface {
	test(r *web.Request, st state) (ok bool, code web.Code)
}

func readIf(s *nc.Scope, d *nc.Directive) error {
	b := web.BlockOf(s)
	cond, err := readCondition(s, d)
	if err != nil {
		// The block is read all the same, so that its mistakes are shown too.
		s.Errorf(d, "%w", err)
	}
	inner := b.Location.Nest(d.Pos)
	inner.IsIf = true
	i := &ifInstruction{condition: cond, location: inner}
	context := nc.LocationIf
	if s.Context == nc.Server {
		context, i.location = nc.ServerIf, nil
	}
	s.Block(d, context, &web.Block{HTTP: b.HTTP, Server: b.Server, Location: inner})
	// The instructions belong to the run of the level around the block: they
	// do not run again when its settings have taken over.
	c := settingsSlot.Of(inner)
	i.program, c.program = c.program, nil
	add(s, i)
	return nil
}

func (i *ifInstruction) run(r *web.Request, st state) state {
	ok, code := i.condition.test(r, st)
	if code != web.OK {
		return st.end(code)
	}
	if !ok {
		return st
	}
	if i.location != nil {
		r.EnterIf(i.location)
	}
	return runAll(i.program, r, st)
}

// readCondition understands ($v), ($v = text), ($v != text), ($v ~ regex) with
// its variants, and (-f file) with its variants. The parentheses are part of
// the first and last words or words of their own.
func readCondition(s *nc.Scope, d *nc.Directive) (condition, error) {
	words := append([]string(nil), d.Args...)
	invalid := func(word string) error { return fmt.Errorf("invalid condition \"%s\"", word) }
	cur, last := 0, len(words)-1
	if !strings.HasPrefix(words[0], "(") {
		return nil, invalid(words[0])
	}
	if words[0] == "(" {
		cur = 1
	} else {
		words[0] = words[0][1:]
	}
	if !strings.HasSuffix(words[last], ")") {
		return nil, invalid(words[last])
	}
	if words[last] == ")" {
		last--
	} else {
		words[last] = strings.TrimSuffix(words[last], ")")
	}
	if last < cur {
		return nil, invalid(words[min(cur, len(words)-1)])
	}
	h := web.BlockOf(s).HTTP
	switch word := words[cur]; {
	case len(word) > 1 && word[0] == '$':
		if cur != last && cur+2 != last {
			return nil, invalid(word)
		}
		v := h.Variable(d, word[1:])
		if cur == last {
			return truth{v}, nil
		}
		return readComparison(h, s, d, v, words[cur+1], words[last])
	case len(word) == 2 && word[0] == '-', len(word) == 3 && word[:2] == "!-":
		if cur+1 != last {
			return nil, invalid(word)
		}
		file, err := h.Template(d, words[last])
		if err != nil {
			return nil, err
		}
		kind := fileKind(word[len(word)-1])
		switch kind {
		case plainFile, directory, anyFile, executable:
		default:
			return nil, invalid(word)
		}
		return &fileTest{file: file, kind: kind, negative: word[0] == '!'}, nil
	default:
		return nil, invalid(word)
	}
}

func readComparison(h *web.HTTP, s *nc.Scope, d *nc.Directive, v session.VariableRef, operator, operand string) (condition, error) {
	switch operator {
	case "=", "!=":
		t, err := h.Template(d, operand)
		if err != nil {
			return nil, err
		}
		return &comparison{v, t, operator == "!="}, nil
	case "~", "~*", "!~", "!~*":
		re, err := h.Regex(operand, strings.HasSuffix(operator, "*"))
		if err != nil {
			return nil, err
		}
		return &match{v, re, operator[0] == '!'}, nil
	}
	return nil, fmt.Errorf("unexpected \"%s\" in condition", operator)
}
