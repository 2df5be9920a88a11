package nginxconf

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

func bindText(t *testing.T, text string, table *Table, data any) Errors {
	t.Helper()
	tree, errs := readText(text)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return table.Bind(tree, data, BindOptions{})
}

func TestArity(t *testing.T) {
	for _, test := range []struct {
		arity Arity
		want  string // the numbers of arguments from 0 to 9 that are accepted
	}{
		{0, ""},
		{NoArgs, "0"},
		{Take1, "1"},
		{Take2, "2"},
		{Take3, "3"},
		{Take4, "4"},
		{Take5, "5"},
		{Take6, "6"},
		{Take7, "7"},
		{Take12, "12"},
		{Take13, "13"},
		{Take23, "23"},
		{Take34, "34"},
		{Take123, "123"},
		{Take1234, "1234"},
		{NoArgs | Take1, "01"},
		{Take2 | Take5 | Take7, "257"},
		{OneMore, "123456789"},
		{TwoMore, "23456789"},
		{Any, "0123456789"},
		{Flag, "1"},
		{Block | NoArgs, "0"},
		{Block | OneMore, "123456789"},
	} {
		got := ""
		for n := range 10 {
			if test.arity.accepts(n) {
				got += fmt.Sprint(n)
			}
		}
		if got != test.want {
			t.Errorf("%b accepts %s, want %s", test.arity, got, test.want)
		}
	}
}

func TestScopes(t *testing.T) {
	var trace []string
	note := func(s *Scope, d *Directive) error {
		way := ""
		for p := s; p != nil; p = p.Parent {
			way = fmt.Sprint("/", p.Data, way)
		}
		trace = append(trace, fmt.Sprintf("%s in %s (%s)", d.Name, s.Context, way))
		return nil
	}
	block := func(name string, in, inner Context) Command {
		return Command{name, in, Block | Any, func(s *Scope, d *Directive) error {
			s.Block(d, inner, d.Name)
			return note(s, d)
		}}
	}
	table := NewTable(
		[]Command{block("http", Main, HTTP), block("server", HTTP, Server), block("upstream", HTTP, Upstream)},
		[]Command{{"server", Upstream, OneMore, note}, {"listen", Server, OneMore, note}, {"ignored", Main, Block | NoArgs, nil}},
	)
	errs := bindText(t, "ignored { anything goes; }\nhttp {\n upstream u {\n  server a;\n }\n server {\n  listen 1;\n }\n}\n", table, "root")
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	want := `server in upstream (/root/http/upstream)
upstream in http (/root/http)
listen in server (/root/http/server)
server in http (/root/http)
http in main (/root)`
	if got := strings.Join(trace, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !table.Knows("listen") || table.Knows("location") {
		t.Error("Knows is wrong")
	}
}

func TestSettersErrors(t *testing.T) {
	fail := func(err error) func(*Scope, *Directive) error {
		return func(*Scope, *Directive) error { return err }
	}
	table := NewTable([]Command{
		{"whole", Main, NoArgs, fail(errors.New("no resolver defined"))},
		{"complaint", Main, NoArgs, fail(Complaint("is out of place"))},
		{"wrapped", Main, NoArgs, fail(fmt.Errorf("has %w", ErrInvalidValue))},
		{"positioned", Main, NoArgs, fail(&Error{Pos: Pos{File: "/other", Line: 9}, Severity: Warn, Msg: "from elsewhere"})},
		{"unpositioned", Main, NoArgs, fail(&Error{Severity: Notice, Msg: "from here"})},
		{"several", Main, NoArgs, fail(Errors{{Msg: "one"}, {Msg: "two"}})},
		{"cause", Main, NoArgs, fail(fmt.Errorf("no such thing: %w", fs.ErrNotExist))},
		{"reported", Main, Block | NoArgs, func(s *Scope, d *Directive) error {
			s.ErrorAt(d.ClosePos, "at the end")
			s.Warnf(d, "careful with %q", d.Name)
			s.Errorf(d, "reading: %w", fs.ErrPermission)
			return nil
		}},
	})
	errs := bindText(t, "whole;\ncomplaint;\nwrapped;\npositioned;\nunpositioned;\nseveral;\ncause;\nreported {\n}\n", table, nil)
	var got []string
	for _, e := range errs {
		got = append(got, fmt.Sprintf("[%s] %v", e.Severity, e))
	}
	want := []string{
		`[warn] from elsewhere in /other:9`,
		`[emerg] no resolver defined in /nginx.conf:1`,
		`[emerg] "complaint" directive is out of place in /nginx.conf:2`,
		`[emerg] "wrapped" directive has invalid value in /nginx.conf:3`,
		`[notice] from here in /nginx.conf:5`,
		`[emerg] one in /nginx.conf:6`,
		`[emerg] two in /nginx.conf:6`,
		`[emerg] no such thing: file does not exist in /nginx.conf:7`,
		`[warn] careful with "reported" in /nginx.conf:8`,
		`[emerg] reading: permission denied in /nginx.conf:8`,
		`[emerg] at the end in /nginx.conf:9`,
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
	for _, cause := range []error{fs.ErrNotExist, fs.ErrPermission, ErrInvalidValue} {
		if !errors.Is(errs, cause) {
			t.Errorf("%v is not found", cause)
		}
	}
}

func TestMistakeInFileIncludedTwice(t *testing.T) {
	tree, errs := Read("/nginx.conf", Options{ReadFile: memory(map[string]string{
		"/nginx.conf": "http {\n include a;\n include a;\n}\n",
		"/a":          "frobnicate;",
	})})
	errs = append(errs, testTable.Bind(tree, newLevel(), BindOptions{})...)
	if got, want := errs.Error(), `unknown directive "frobnicate" in /a:1, included from /nginx.conf:2`; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Messages come in the order of the text, whenever they were made.
func TestSort(t *testing.T) {
	tree, _ := Read("/z", Options{Globals: "a; a;", ReadFile: memory(map[string]string{
		"/z": "b; b;\ninclude y;\nb {\n}",
		"/y": "c;\ninclude x;\nc;",
		"/x": "d;",
	})})
	var want Errors
	var add func(ds []*Directive)
	add = func(ds []*Directive) {
		for i, d := range ds {
			want = append(want, &Error{Pos: d.Pos, Msg: fmt.Sprint(i)})
			add(d.Block)
			if d.IsBlock {
				want = append(want, &Error{Pos: d.ClosePos, Msg: "end"})
			}
		}
	}
	add(tree.Main)
	want = append(want, &Error{Msg: "nowhere"})
	if len(want) != 10 {
		t.Fatalf("%d messages", len(want))
	}
	for shift := range want {
		got := append(append(Errors{}, want[shift:]...), want[:shift]...)
		tree.Sort(got)
		if got.Error() != want.Error() {
			t.Errorf("got\n%v\nwant\n%v", got, want)
		}
	}
}

func TestPaths(t *testing.T) {
	var got []string
	table := NewTable([]Command{{"file", Main, Take1, func(s *Scope, d *Directive) error {
		got = append(got, s.Path(d.Args[0], false), s.Path(d.Args[0], true))
		return nil
	}}})
	for _, test := range []struct{ prefix, conf, want string }{
		{"/srv/web", "conf/nginx.conf", "/srv/web/html /srv/web/conf/html"},
		{"/srv/web/", "/etc/nginx/nginx.conf", "/srv/web/html /etc/nginx/html"},
		{".", "conf/nginx.conf", "./html ./conf/html"},
		{"", "nginx.conf", "html html"},
	} {
		got = nil
		tree, errs := Read(test.conf, Options{Prefix: test.prefix, ReadFile: func(string) ([]byte, error) { return []byte("file html; file /abs;"), nil }})
		errs = append(errs, table.Bind(tree, nil, BindOptions{})...)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		if got := strings.Join(got, " "); got != test.want+" /abs /abs" {
			t.Errorf("%s %s: %s, want %s", test.prefix, test.conf, got, test.want)
		}
	}
}

func TestTableWithTwoRowsForOnePlace(t *testing.T) {
	defer func() {
		if r := recover(); r != `nginxconf: directive "a" is declared twice in server` {
			t.Errorf("panic %v", r)
		}
	}()
	NewTable([]Command{{Name: "a", In: HTTP | Server}, {Name: "b", In: Server}}, []Command{{Name: "a", In: Server | Location}})
}

func TestContextString(t *testing.T) {
	if got, want := (Main | LocationIf | Upstream | 1<<30).String(), "main, upstream, if in location, 0x40000000"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
