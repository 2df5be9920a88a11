package nginxconf

import (
	"strings"
	"testing"
)

// FuzzRead reads any three files that may include each other. Reading must
// end, without a panic; every position must exist; and what was read, written
// out again in quotes, must be read as the same.
func FuzzRead(f *testing.F) {
	for _, b := range broken {
		f.Add(b.conf, b.x, b.g)
	}
	f.Add("a; include x.conf; include y.conf;", "include y.conf;", "include x.conf; b;")
	f.Add("content_by_lua_block { --[==[ } ]==] '}' }", "", "")
	f.Add("http {\r\n if ($a = \"b\") { return 200 \"\\t\\\\n${c}\xff\"; }\n}", "\\", "${")
	f.Fuzz(func(t *testing.T, main, x, g string) {
		files := map[string]string{"/nginx.conf": main, "/x.conf": x, "/y.conf": g}
		opt := Options{
			Globals:  g,
			ReadFile: memory(files),
			Glob:     func(string) ([]string, error) { return []string{"/x.conf", "/y.conf"}, nil },
		}
		// Includes of includes multiply; this is about the language.
		for _, text := range files {
			if strings.Count(text, "include") > 3 {
				t.Skip()
			}
		}
		tree, errs := Read("/nginx.conf", opt)
		bound := testTable.Bind(tree, newLevel(), BindOptions{})
		errs = append(errs, bound...)
		tree.Sort(errs)
		_ = errs.Error()

		for _, e := range errs {
			checkPos(t, e.Pos, files)
		}
		checkDirectives(t, tree.Main, files)

		again, errs := Read("/again", Options{ReadFile: memory(map[string]string{"/again": write(tree.Main)})})
		if len(errs) > 0 && !strings.Contains(errs.Error(), "too long parameter") {
			t.Fatalf("%q cannot be read again: %v", write(tree.Main), errs)
		}
		if len(errs) == 0 && write(again.Main) != write(tree.Main) {
			t.Fatalf("%q is read again as %q", write(tree.Main), write(again.Main))
		}
	})
}

// checkPos checks that a position and the includes on the way to it exist.
func checkPos(t *testing.T, pos Pos, files map[string]string) {
	t.Helper()
	for p := &pos; p != nil; p = p.Included {
		text, ok := files[p.File]
		if p.File == CommandLine {
			continue
		}
		if !ok || p.Line < 1 || p.Line > strings.Count(text, "\n")+1 {
			t.Fatalf("there is no %v", p)
		}
	}
}

func checkDirectives(t *testing.T, ds []*Directive, files map[string]string) {
	t.Helper()
	for _, d := range ds {
		checkPos(t, d.Pos, files)
		if len(d.Args) != len(d.Quoted) {
			t.Fatalf("%d arguments, of %d is known whether they were quoted", len(d.Args), len(d.Quoted))
		}
		if d.IsBlock {
			checkPos(t, d.ClosePos, files)
			checkDirectives(t, d.Block, files)
		} else if d.Block != nil {
			t.Fatal("a block without being one")
		}
	}
}

// write writes directives with every word in quotes.
func write(ds []*Directive) string {
	var b strings.Builder
	quote := func(word string) {
		b.WriteByte('"')
		b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word))
		b.WriteString(`" `)
	}
	var walk func(ds []*Directive)
	walk = func(ds []*Directive) {
		for _, d := range ds {
			quote(d.Name)
			for _, arg := range d.Args {
				quote(arg)
			}
			if !d.IsBlock {
				b.WriteString(";\n")
				continue
			}
			b.WriteString("{\n")
			walk(d.Block)
			b.WriteString("}\n")
		}
	}
	walk(ds)
	return b.String()
}

// FuzzParse: the parse functions accept what they write themselves and never
// return a negative value.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"1h30m", "100ms", "1y 2M", "8k", "3g", "9223372036854775807", "31536000000s", " 5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := ParseMsec(s); err == nil && v < 0 {
			t.Errorf("ParseMsec(%q) = %v", s, v)
		}
		if v, err := ParseSec(s); err == nil && v < 0 {
			t.Errorf("ParseSec(%q) = %v", s, v)
		}
		offset, err := ParseOffset(s)
		if err == nil && offset < 0 {
			t.Errorf("ParseOffset(%q) = %v", s, offset)
		}
		if size, sizeErr := ParseSize(s); sizeErr == nil && (err != nil || size != offset) {
			t.Errorf("ParseSize(%q) = %d, ParseOffset %d, %v", s, size, offset, err)
		}
		if n, err := ParseNumber(s); err == nil && n < 0 {
			t.Errorf("ParseNumber(%q) = %v", s, n)
		}
	})
}

// FuzzGlob: matching ends, and a name matches itself with all bytes escaped.
func FuzzGlob(f *testing.F) {
	f.Add("a*[!b-d]?.conf", "abc.conf")
	f.Add("[[:alpha:]", "[")
	f.Add(`[\]]*\`, "]]")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if strings.Count(pattern, "*") > 5 || len(name) > 50 {
			t.Skip()
		}
		matchName(pattern, name)
		var escaped strings.Builder
		for i := range len(name) {
			escaped.Write([]byte{'\\', name[i]})
		}
		if !matchName(escaped.String(), name) || !matchName(escaped.String()+"*", name) {
			t.Errorf("%q does not match %q", escaped.String(), name)
		}
	})
}
