package nginxconf

import "testing"

// The tests bind to a small part of nginx's directives, enough to meet every
// check: blocks in blocks, the same name in several contexts, all arities.

// level is what the directives of the tests set.
type level struct {
	flags   map[string]*Value[bool]
	numbers map[string]*Value[int]
	sizes   map[string]*Value[int64]
	strings map[string]*Value[string]
}

func newLevel() *level {
	return &level{map[string]*Value[bool]{}, map[string]*Value[int]{}, map[string]*Value[int64]{}, map[string]*Value[string]{}}
}

// slot returns the value of a name, made when it is first asked for.
func slot[T any](of func(*level) map[string]*Value[T], name string) func(*Scope) *Value[T] {
	return func(s *Scope) *Value[T] {
		values := of(s.Data.(*level))
		if values[name] == nil {
			values[name] = &Value[T]{}
		}
		return values[name]
	}
}

func testFlag(name string, in Context) Command {
	return Command{name, in, Flag, SetFlag(slot(func(l *level) map[string]*Value[bool] { return l.flags }, name))}
}

func testNumber(name string, in Context, checks ...func(int) error) Command {
	return Command{name, in, Take1, SetNumber(slot(func(l *level) map[string]*Value[int] { return l.numbers }, name), checks...)}
}

func testSize(name string, in Context) Command {
	return Command{name, in, Take1, SetSize(slot(func(l *level) map[string]*Value[int64] { return l.sizes }, name))}
}

func testString(name string, in Context, arity Arity) Command {
	return Command{name, in, arity, SetString(slot(func(l *level) map[string]*Value[string] { return l.strings }, name))}
}

func testBlock(name string, in Context, arity Arity, inner Context) Command {
	return Command{name, in, Block | arity, func(s *Scope, d *Directive) error {
		s.Block(d, inner, newLevel())
		return nil
	}}
}

// once makes a directive one that may occur only once in its level.
func once(c Command) Command {
	set := c.Set
	c.Set = func(s *Scope, d *Directive) error {
		v := slot(func(l *level) map[string]*Value[bool] { return l.flags }, c.Name)(s)
		if v.Set {
			return ErrDuplicate
		}
		v.Set = true
		if set == nil {
			return nil
		}
		return set(s, d)
	}
	return c
}

var testTable = NewTable(
	[]Command{
		once(testBlock("events", Main, NoArgs, Events)),
		testFlag("daemon", Main),
		testString("pid", Main, Take1),
		testNumber("worker_rlimit_nofile", Main),
		testNumber("worker_connections", Events),
		testFlag("multi_accept", Events),
	},
	[]Command{
		once(testBlock("http", Main, NoArgs, HTTP)),
		testBlock("server", HTTP, NoArgs, Server),
		testBlock("location", Server|Location, Take12, Location),
		testBlock("limit_except", Location, OneMore, LimitExcept),
		testBlock("if", Server, OneMore, ServerIf),
		testBlock("if", Location, OneMore, LocationIf),
		{"return", Server | Location | ServerIf | LocationIf, Take12, nil},
		{"allow", HTTP | Server | Location | LimitExcept, Take1, nil},
		{"index", HTTP | Server | Location, OneMore, nil},
		{"listen", Server, OneMore, nil},
		{"server_name", Server, OneMore, nil},
		{"add_header", HTTP | Server | Location | LocationIf, Take23, nil},
		once(Command{"try_files", Server | Location, TwoMore, nil}),
		{"internal", Location, NoArgs, nil},
		testFlag("sendfile", HTTP|Server|Location|LocationIf),
		testFlag("etag", HTTP|Server|Location),
		testSize("client_max_body_size", HTTP|Server|Location),
		testNumber("keepalive_requests", HTTP|Server|Location),
		testNumber("gzip_comp_level", HTTP|Server|Location, Bounds(1, 9)),
		testString("default_type", HTTP|Server|Location, Take1),
		testSize("client_body_buffer_size", HTTP|Server|Location),
	},
	[]Command{
		testBlock("upstream", HTTP, Take1, Upstream),
		{"server", Upstream, OneMore, nil},
		{"keepalive", Upstream, Take12, nil},
	},
)

// readAndBind reads a configuration and binds it to the table of the tests; it
// returns the messages of both in order.
func readAndBind(t *testing.T, file string, opt Options) Errors {
	t.Helper()
	tree, errs := Read(file, opt)
	errs = append(errs, testTable.Bind(tree, newLevel(), BindOptions{})...)
	tree.Sort(errs)
	return errs
}
