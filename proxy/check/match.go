package check

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tandem/internal/regex"
	nc "tandem/nginxconf"
	"tandem/proxy/answer"
	"tandem/proxy/checker"
	"tandem/session"
	"tandem/web"
)

// match is one match block: the tests that a response has to pass, all of
// them.
type match struct {
	statuses []statusTest
	headers  []headerTest
	bodies   []bodyTest
	require  []session.VariableRef // none may be empty or 0
}

// maxBody is how much of a body is looked at, as in nginx Plus.
const maxBody = 256 << 10

// statusTest is status [!] code|range ...
type statusTest struct {
	not    bool
	ranges [][2]int // both ends included
}

// headerTest is header [!] name, or header name =|!=|~|!~ value.
type headerTest struct {
	name  string
	op    string        // "": it is there; "!": it is not; or =, !=, ~, !~
	value string        // of = and !=
	re    *regex.Regexp // of ~ and !~
}

// bodyTest is body ~|!~ expression.
type bodyTest struct {
	not bool
	re  *regex.Regexp
}

// readMatch reads match name { ... }.
func readMatch(s *nc.Scope, d *nc.Directive) error {
	h := web.BlockOf(s).HTTP
	all := matchesSlot.Of(&h.Realm)
	if (*all)[d.Args[0]] != nil {
		return fmt.Errorf("duplicate match \"%s\"", d.Args[0])
	}
	m := new(match)
	for _, e := range d.Block {
		err := m.add(h, e)
		if err == errArguments {
			err = fmt.Errorf("invalid number of arguments in \"%s\" directive", e.Name)
		}
		s.Report(e, err)
	}
	if *all == nil {
		*all = make(map[string]*match)
	}
	(*all)[d.Args[0]] = m
	return nil
}

var errArguments = errors.New("invalid number of arguments")

// add takes one test in.
func (m *match) add(h *web.HTTP, e *nc.Directive) error {
	switch {
	case e.IsBlock:
		return fmt.Errorf("directive \"%s\" is not terminated by \";\"", e.Name)
	case e.Name == "status":
		return m.addStatus(e.Args)
	case e.Name == "header":
		return m.addHeader(e.Args)
	case e.Name == "body":
		return m.addBody(e.Args)
	case e.Name == "require":
		return m.addRequire(h, e)
	}
	return fmt.Errorf("unknown directive \"%s\" in a match block", e.Name)
}

// cutNot takes a "!" off, which may stand alone or before the first word.
func cutNot(args []string) (rest []string, not bool) {
	if len(args) > 0 && args[0] == "!" {
		return args[1:], true
	}
	if len(args) > 0 && len(args[0]) > 1 && args[0][0] == '!' {
		rest = slices.Clone(args)
		rest[0] = rest[0][1:]
		return rest, true
	}
	return args, false
}

func (m *match) addStatus(args []string) error {
	args, not := cutNot(args)
	if len(args) == 0 {
		return errArguments
	}
	t := statusTest{not: not}
	for _, arg := range args {
		low, high, isRange := strings.Cut(arg, "-")
		if !isRange {
			high = low
		}
		l, err1 := strconv.ParseUint(low, 10, 16)
		h, err2 := strconv.ParseUint(high, 10, 16)
		if err1 != nil || err2 != nil || l < 100 || h > 999 || l > h {
			return fmt.Errorf("invalid status \"%s\"", arg)
		}
		t.ranges = append(t.ranges, [2]int{int(l), int(h)})
	}
	m.statuses = append(m.statuses, t)
	return nil
}

func (m *match) addHeader(args []string) error {
	switch len(args) {
	case 1, 2:
		rest, not := cutNot(args)
		if len(rest) != 1 {
			return errArguments
		}
		t := headerTest{name: rest[0]}
		if not {
			t.op = "!"
		}
		m.headers = append(m.headers, t)
		return nil
	case 3:
	default:
		return errArguments
	}
	t := headerTest{name: args[0], op: args[1], value: args[2]}
	switch t.op {
	case "=", "!=":
	case "~", "!~":
		var err error
		if t.re, err = regex.Compile(args[2], false); err != nil {
			return err
		}
	default:
		return fmt.Errorf("invalid operator \"%s\"", t.op)
	}
	m.headers = append(m.headers, t)
	return nil
}

func (m *match) addBody(args []string) error {
	if len(args) != 2 {
		return errArguments
	}
	if args[0] != "~" && args[0] != "!~" {
		return fmt.Errorf("invalid operator \"%s\"", args[0])
	}
	re, err := regex.Compile(args[1], false)
	m.bodies = append(m.bodies, bodyTest{args[0] == "!~", re})
	return err
}

func (m *match) addRequire(h *web.HTTP, e *nc.Directive) error {
	if len(e.Args) == 0 {
		return errArguments
	}
	for _, arg := range e.Args {
		name, ok := strings.CutPrefix(arg, "$")
		if !ok || name == "" {
			return fmt.Errorf("invalid variable name \"%s\"", arg)
		}
		m.require = append(m.require, h.Variable(e, name))
	}
	return nil
}

// wantsBody reports whether the body is to be read.
func (m *match) wantsBody() bool { return m != nil && len(m.bodies) > 0 }

// judge returns what is wrong with the response to r, nil for nothing. A nil
// match wants a status of 2xx or 3xx.
func (m *match) judge(r *web.Request, head *answer.Head, body []byte) *checker.Failure {
	if m == nil {
		m = &byDefault
	}
	for i := range m.statuses {
		if !m.statuses[i].passes(head.Status) {
			return &checker.Failure{Action: "checking status code", Reason: fmt.Sprintf("status is %d", head.Status)}
		}
	}
	for i := range m.headers {
		if err := m.headers[i].fails(head.Fields); err != nil {
			return &checker.Failure{Action: "checking header", Reason: err.Error()}
		}
	}
	for _, t := range m.bodies {
		found, err := t.re.Try(body)
		switch {
		case err != nil:
			return &checker.Failure{Action: "checking response body", Reason: fmt.Sprintf("matching \"%s\" failed: %v", t.re.Text, err)}
		case found == t.not:
			return &checker.Failure{Action: "checking response body", Reason: "body " + describe(t.not, t.re.Text)}
		}
	}
	for _, v := range m.require {
		if value, _ := v.Append(&r.Session, nil); len(value) == 0 || string(value) == "0" {
			return &checker.Failure{Action: "checking variable", Reason: fmt.Sprintf("$%s is \"%s\"", v.Name(), value)}
		}
	}
	return nil
}

var byDefault = match{statuses: []statusTest{{ranges: [][2]int{{200, 399}}}}}

func describe(not bool, expression string) string {
	if not {
		return "matches \"" + expression + "\""
	}
	return "does not match \"" + expression + "\""
}

func (t *statusTest) passes(status int) bool {
	return t.not != slices.ContainsFunc(t.ranges, func(r [2]int) bool { return r[0] <= status && status <= r[1] })
}

// fails returns what is wrong with the fields. Of several fields of the name
// one has to pass a positive test, and all have to pass a negative one.
func (t *headerTest) fails(fields []answer.Field) error {
	there, hit := false, false
	for i := range fields {
		f := &fields[i]
		if !strings.EqualFold(string(f.Name), t.name) {
			continue
		}
		there = true
		switch t.op {
		case "=", "!=":
			hit = hit || bytes.Equal(f.Value, []byte(t.value))
		case "~", "!~":
			matched, err := t.re.Try(f.Value)
			if err != nil {
				return fmt.Errorf("matching \"%s\" failed: %w", t.value, err)
			}
			hit = hit || matched
		}
	}
	switch {
	case t.op == "!" && there:
		return fmt.Errorf("there is \"%s\"", t.name)
	case t.op == "!" || t.op == "" && there:
		return nil
	case !there:
		return fmt.Errorf("there is no \"%s\"", t.name)
	case t.op == "=" && !hit:
		return fmt.Errorf("\"%s\" is not \"%s\"", t.name, t.value)
	case t.op == "!=" && hit:
		return fmt.Errorf("\"%s\" is \"%s\"", t.name, t.value)
	case t.op == "~" && !hit, t.op == "!~" && hit:
		return errors.New("\"" + t.name + "\" " + describe(hit, t.value))
	}
	return nil
}
