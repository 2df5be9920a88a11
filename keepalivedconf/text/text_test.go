package text

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/fstest"
)

// memory is a file system of a test's own.
type memory struct{ fstest.MapFS }

func (m memory) ReadFile(name string) ([]byte, error)  { return m.MapFS.ReadFile(path.Clean(name)) }
func (m memory) Stat(name string) (fs.FileInfo, error) { return m.MapFS.Stat(path.Clean(name)) }
func (m memory) Glob(pattern string) ([]string, error) { return m.MapFS.Glob(path.Clean(pattern)) }

// known are the keywords of the tests: a block of keywords, one of values, a block that may be missing, and a script.
var known = Shapes{
	"global_defs": {Block: Keywords},
	"block":       {Block: Keywords, Sub: Shapes{"inner": {Block: Keywords}, "list": {Block: Values}, "word": {}}},
	"list":        {Block: Values},
	"maybe":       {Block: Optional},
	"script":      {Quoted: true},
	"word":        {},
}

// read reads "main", which holds config, beside the other files. It returns the statements, one a line with its place
// and indented by its block, and the reports.
func read(t *testing.T, config string, others map[string]string) (statements string, reports Reports) {
	t.Helper()
	files := fstest.MapFS{"main": {Data: []byte(config), Mode: 0o644}}
	for name, data := range others {
		files[name] = &fstest.MapFile{Data: []byte(data), Mode: 0o644}
	}
	m := memory{files}
	body, _ := Read("main", Options{
		ConfigID: "node1", ReadFile: m.ReadFile, Stat: m.Stat, Glob: m.Glob, MaxLines: 2000,
		Env: func(name string) string { return "<" + name + ">" },
	}, known, func(r Report) { reports = append(reports, r) })
	var out strings.Builder
	print(&out, "", body)
	return out.String(), reports
}

func print(out *strings.Builder, indent string, body []*Statement) {
	for _, s := range body {
		fmt.Fprintf(out, "%s%s", indent, strings.Join(s.Words, "|"))
		if s.Block {
			fmt.Fprintf(out, " {%d-%d}", s.Pos.Line, s.Close.Line)
		}
		out.WriteByte('\n')
		print(out, indent+"  ", s.Body)
	}
}

// example is a configuration, the words that it comes to, and what is said of it.
type example struct{ config, want, reports string }

func (e example) check(t *testing.T, others map[string]string) {
	t.Helper()
	got, reports := read(t, e.config, others)
	if got != e.want {
		t.Errorf("%q comes to\n%swant\n%s", e.config, got, e.want)
	}
	if said := strings.TrimSpace(reports.String()); said != e.reports {
		t.Errorf("of %q is said\n%s\nwant\n%s", e.config, said, e.reports)
	}
}

func check(t *testing.T, examples ...example) {
	t.Helper()
	for _, e := range examples {
		e.check(t, nil)
	}
}
