package session_test

import (
	"slices"
	"strings"
	"testing"

	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/session/sessiontest"
)

// offered are the variables of the tests.
func offered(counted *int) []session.Variable {
	text := func(v string) session.Getter {
		return func(_ *session.Session, dst []byte) ([]byte, bool) { return append(dst, v...), true }
	}
	return []session.Variable{
		{Name: "fixed", Get: text("f")},
		{Name: "changeable", Get: text("old"), Changeable: true},
		{Name: "none", Get: func(_ *session.Session, dst []byte) ([]byte, bool) { return dst, false }},
		{Name: "counted", Cached: true, Get: func(_ *session.Session, dst []byte) ([]byte, bool) {
			*counted++
			return append(dst, "c"...), true
		}},
		{Name: "given_", Family: func(rest string) session.Getter { return text("<" + rest + ">") }},
		{Name: "given_more_", Family: func(rest string) session.Getter { return text("{" + rest + "}") }},
		{Name: "taken", Set: func(s *session.Session, v []byte) { s.Logf(5, "taken is %s", v) }, Get: text("t"), Changeable: true},
	}
}

// values are what the directives of the tests have made.
type values struct {
	said   []*session.Template
	stored []session.VariableRef
	match  *session.Regex
}

// module understands say TEXT, keep $NAME, match REGEX and late TEXT.
func module(v *values, counted *int) sessiontest.Module {
	set := func(f func(r *session.Realm, s *nc.Scope, d *nc.Directive) error) func(*nc.Scope, *nc.Directive) error {
		return func(s *nc.Scope, d *nc.Directive) error { return f(session.BlockOf(s).Realm, s, d) }
	}
	return func(in session.Contexts) *session.Module {
		return &session.Module{Name: "test", Variables: offered(counted), Commands: []nc.Command{
			{Name: "say", In: in.Levels, Arity: nc.Take1, Set: set(func(r *session.Realm, _ *nc.Scope, d *nc.Directive) error {
				t, err := r.Template(d, d.Args[0])
				v.said = append(v.said, t)
				return err
			})},
			{Name: "keep", In: in.Levels, Arity: nc.Take1, Set: set(func(r *session.Realm, _ *nc.Scope, d *nc.Directive) error {
				ref, err := r.SettableVariable(strings.TrimPrefix(d.Args[0], "$"), func(_ *session.Session, dst []byte) ([]byte, bool) { return append(dst, "unset"...), true })
				v.stored = append(v.stored, ref)
				return err
			})},
			{Name: "match", In: in.Levels, Arity: nc.Take1, Set: set(func(r *session.Realm, _ *nc.Scope, d *nc.Directive) (err error) {
				v.match, err = r.Regex(d.Args[0], false)
				return err
			})},
			{Name: "define", In: in.Levels, Arity: nc.Take2, Set: set(func(r *session.Realm, _ *nc.Scope, d *nc.Directive) error {
				t, err := r.Template(d, d.Args[1])
				if err != nil {
					return err
				}
				return r.DefineVariable(d.Args[0], func(s *session.Session, dst []byte) ([]byte, bool) { return t.Append(s, dst), true }, false)
			})},
		}}
	}
}

// start makes a server, and a session with it.
func start(t *testing.T, text string) (*values, *sessiontest.Server, *sessiontest.Session) {
	t.Helper()
	v := new(values)
	s := sessiontest.Start(t, text, module(v, new(int)))
	return v, s, s.Session(0, s.Client("192.0.2.1:1234"))
}

func TestTemplates(t *testing.T) {
	for text, want := range map[string]string{
		`plain`: "plain", `""`: "", `"$fixed"`: "f", `"a${fixed}b"`: "afb", `"$FIXED-$none-"`: "f--",
		`"$given_x.$given_more_x.$given_morex"`: "<x>.{x}.<morex>", `"$1"`: "", `"$remote_addr $remote_port"`: "192.0.2.1 1234",
	} {
		v, _, x := start(t, "server { say "+text+"; }")
		if got := string(v.said[0].Append(&x.Session, nil)); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
		if got := string(v.said[0].Value(&x.Session)); got != want {
			t.Errorf("the value of %s is %q, want %q", text, got, want)
		}
		if literal := !session.HasVariables(text); v.said[0].IsLiteral() != literal {
			t.Errorf("%s is literal: %v", text, !literal)
		}
	}
	var none *session.Template
	_, _, x := start(t, "server { }")
	if !none.IsLiteral() || none.Append(&x.Session, nil) != nil || none.Value(&x.Session) != nil {
		t.Error("no template is not empty")
	}
}

func TestTruth(t *testing.T) {
	v, _, x := start(t, `server { say ""; say 0; say 1; say 00; say "$none"; say "$fixed"; }`)
	var got []bool
	for _, said := range v.said {
		got = append(got, said.IsTrue(&x.Session))
	}
	if want := []bool{false, false, true, true, false, true}; !slices.Equal(got, want) {
		t.Errorf("truth is %v, want %v", got, want)
	}
	if session.AnyTrue(&x.Session, v.said[:2]) || !session.AnyTrue(&x.Session, v.said[:3]) {
		t.Error("any is wrong")
	}
}

func TestAVariableIsEvaluatedOnce(t *testing.T) {
	v, counted := new(values), 0
	s := sessiontest.Start(t, `server { say "$counted$counted"; }`, module(v, &counted))
	for i := range 2 {
		x := s.Session(0, s.Client("192.0.2.1:1"))
		if got := string(v.said[0].Append(&x.Session, nil)) + x.Value("$counted"); got != "ccc" || counted != i+1 {
			t.Errorf("session %d: %q after %d evaluations", i, got, counted)
		}
	}
}

func TestStoredVariables(t *testing.T) {
	v, s, x := start(t, `server { keep $mine; keep $changeable; keep $taken; say "$mine $changeable $taken"; }`)
	say := func() string { return string(v.said[0].Append(&x.Session, nil)) }
	if got := say(); got != "unset old t" {
		t.Errorf("before: %q", got)
	}
	for i, value := range []string{"one", "two", "three"} {
		v.stored[i].Store(&x.Session, []byte(value))
	}
	if got := say(); got != "one two t" || !strings.Contains(s.ErrorLog(), "taken is three, client: 192.0.2.1, server: test") {
		t.Errorf("after: %q, the log has %q", got, s.ErrorLog())
	}
	inner := new(sessiontest.Session)
	inner.Init(inner)
	inner.AttachTo(&x.Session)
	if got := inner.Value("$mine"); got != "one" || inner.RemoteText() != "192.0.2.1" {
		t.Errorf("a part of the session has %q", got)
	}
	x.Reset()
	x.Attach(s.Client("192.0.2.2:1"), s.Session(0, s.Client("unix:")).Level())
	if got := say(); got != "unset old t" {
		t.Errorf("the next session has %q", got)
	}
}

func TestCaptures(t *testing.T) {
	v, _, x := start(t, `server { match "^(?<first>a+)(b)?(c*)$"; say "$1|$2|$3|$first"; }`)
	say := func() string { return string(v.said[0].Append(&x.Session, nil)) }
	if x.Match(v.match, []byte("xyz")) || x.MatchFailed() || say() != "|||" {
		t.Errorf("no match leaves %q", say())
	}
	if !x.Match(v.match, []byte("aacc")) || say() != "aa||cc|aa" {
		t.Errorf("a match leaves %q", say())
	}
	if x.ForgetCaptures(); say() != "|||aa" {
		t.Errorf("without captures there is %q", say())
	}
}

func TestMistakesInVariables(t *testing.T) {
	for text, want := range map[string]string{
		`say "$"`:                    `invalid variable name`,
		`say "${}"`:                  `invalid variable name`,
		`say "${a-b}"`:               `invalid variable name`,
		`say "${fixed"`:              `the closing bracket in "fixed" variable is missing`,
		`say "$nosuch"`:              `unknown "nosuch" variable`,
		`say "$geoip_country"`:       `the "geoip_country" variable is one of nginx that tandem does not support yet`,
		`keep $fixed`:                `the duplicate "fixed" variable`,
		`define remote_addr x`:       `the duplicate "remote_addr" variable`,
		`match "(?<remote_addr>x)"`:  `the duplicate "remote_addr" variable`,
		`match "("`:                  `pcre2_compile() failed: missing closing parenthesis in "("`,
		`say $late; define late "x"`: ``,
	} {
		_, errs := sessiontest.Load(t, nil, "server { "+text+"; }", module(new(values), new(int)))
		if want == "" && len(errs) == 0 {
			continue
		}
		if len(errs) != 1 || !strings.HasPrefix(errs[0].Msg, want) {
			t.Errorf("%s: %v, want %s", text, errs, want)
		}
	}
	_, errs := sessiontest.Load(t, nil, "server { say $nosuch;\n say $nosuch;\n }", module(new(values), new(int)))
	if len(errs) != 1 || len(errs[0].Also) != 1 || errs[0].Also[0].Line != errs[0].Pos.Line+1 {
		t.Errorf("an unknown variable at two places: %v", errs)
	}
}

func TestACircleEnds(t *testing.T) {
	_, s, x := start(t, `server { define a "a$b"; define b "b$a"; }`)
	if got := x.Value("$a"); !strings.HasPrefix(got, "abab") || !strings.Contains(s.ErrorLog(), `cycle while evaluating variable "a"`) {
		t.Errorf("$a is %q, the log has %q", got, s.ErrorLog())
	}
}

func TestEvaluatingAllocatesNothing(t *testing.T) {
	v, _, x := start(t, `server { keep $mine; match "(b+)"; say "$fixed $counted $given_x $mine $1 $remote_addr $connection $time_local"; }`)
	subject, value, buf := []byte("abbc"), []byte("v"), make([]byte, 0, 512)
	said := v.said[0]
	v.stored[0].Store(&x.Session, value)
	x.Match(v.match, subject)
	if n := testing.AllocsPerRun(100, func() {
		buf = said.Append(&x.Session, buf[:0])
		if !said.IsTrue(&x.Session) {
			t.Error("it is false")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
