package keepalivedconf

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// What editors and other systems leave in files.
func TestBytesOfFiles(t *testing.T) {
	body := []string{
		"vrrp_instance V {", "  interface eth0", "  virtual_router_id 51", "  virtual_ipaddress {", "    10.0.0.9", "  }", "}",
	}
	for name, text := range map[string]string{
		"CRLF":             strings.Join(body, "\r\n") + "\r\n",
		"CR CR LF":         strings.Join(body, "\r\r\n") + "\r\n",
		"no final newline": strings.Join(body, "\n"),
		"tabs":             strings.ReplaceAll(strings.Join(body, "\t\n")+"\n", " ", "\t"),
		"blank lines":      strings.Join(body, "\n\n  \n\t\n"),
		"GBK comment":      strings.Join(body, " # \xd3\xc5\xcf\xc8\xbc\xb6\n"),
		"form feeds":       strings.ReplaceAll(strings.Join(body, "\n"), "virtual_router_id 51", "virtual_router_id\f51\v"),
		"byte 0xff":        strings.Join(body, "\n") + "\n#\xff\xfe",
	} {
		cfg, reports := readText(t, text)
		if len(reports) != 0 || len(cfg.Instances) != 1 || len(cfg.Instances[0].Addresses) != 1 || cfg.Instances[0].VRID != 51 {
			t.Errorf("%s: %d instances\n%s", name, len(cfg.Instances), reports)
		}
	}
	cfg, reports := readText(t, "global_defs {\n router_id \xd3\xc5\n}\n")
	if cfg.Global.RouterID != "\xd3\xc5" || len(reports) != 0 {
		t.Errorf("router_id %q\n%s", cfg.Global.RouterID, reports)
	}
}

// Lines that are ignored, each with its own number.
func TestIgnoredLines(t *testing.T) {
	_, reports := readText(t, "global_defs {\n router_id a\x00b\n "+strings.Repeat("x", maxLine+1)+"\n"+strings.Repeat(" ", 2000)+"# fine\n bogus\n}\n")
	var got []string
	for _, r := range reports {
		got = append(got, strings.TrimPrefix(r.Pos.String(), filepath.Dir(r.Pos.File)+"/")+" "+r.Text)
	}
	want := []string{
		"keepalived.conf:2 configuration appears to have embedded NULs - ignoring line",
		"keepalived.conf:3 line too long - ignoring",
		"keepalived.conf:5 Unknown keyword 'bogus'",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}

func TestMissingFile(t *testing.T) {
	cfg, reports := Read(filepath.Join(t.TempDir(), "none.conf"), Options{Host: testHost})
	if cfg == nil || !reports.Stops() || reports.ExitCode() != ExitCannot {
		t.Errorf("%v %d\n%s", cfg, reports.ExitCode(), reports)
	}
}

func TestDump(t *testing.T) {
	dir := t.TempDir()
	main, other := filepath.Join(dir, "main.conf"), filepath.Join(dir, "other.inc")
	for name, text := range map[string]string{main: "include other.inc\nuse_pid_dir", other: "# nothing\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, _ := Read(main, Options{Host: testHost})
	want := "# configuration file " + main + ":\ninclude other.inc\nuse_pid_dir\n\n# configuration file " + other + ":\n# nothing\n\n"
	if got := cfg.Dump(); got != want {
		t.Errorf("%q", got)
	}
}

func TestExitCode(t *testing.T) {
	for _, c := range []struct {
		kinds []Kind
		want  int
	}{
		{nil, 0},
		{[]Kind{KindNote, KindAdvice, KindUnsupported}, 0},
		{[]Kind{KindFile}, 4},
		{[]Kind{KindFatal, KindAdvice}, 4},
		{[]Kind{KindFatal, KindUnknown}, 5}, // as in keepalived, an error hides a fatal one
		{[]Kind{KindDeprecated}, 5},
		{[]Kind{KindUnknown, KindSecurity, KindGeneral}, 6},
		{[]Kind{KindSecurity, KindMissingParameter}, 2},
	} {
		var rs Reports
		for _, k := range c.kinds {
			rs = append(rs, Report{Kind: k})
		}
		if got := rs.ExitCode(); got != c.want {
			t.Errorf("%v: exit %d, want %d", c.kinds, got, c.want)
		}
	}
}

func TestReportText(t *testing.T) {
	r := Report{Kind: KindUnknown, Pos: Pos{"/etc/k.conf", 7}, Text: "Unknown keyword 'x'", Hint: "did you mean y?"}
	if got := r.String(); got != "(/etc/k.conf: Line 7) Unknown keyword 'x'" {
		t.Error(got)
	}
	if got := r.Explain(); got != "(/etc/k.conf: Line 7) Unknown keyword 'x'\n    did you mean y?" {
		t.Error(got)
	}
	if got := (Report{Text: "There are 1 missing '}'s"}).Explain(); got != "There are 1 missing '}'s" {
		t.Error(got)
	}
}

func TestBraceExpand(t *testing.T) {
	for pattern, want := range map[string][]string{
		"a":             {"a"},
		"{a,b}":         {"a", "b"},
		"x{a,b}y{1,2}":  {"xay1", "xay2", "xby1", "xby2"},
		"{foo/{,c},b}z": {"foo/z", "foo/cz", "bz"},
		"{}":            {"{}"},
		"{a":            {"{a"},
		"{a}":           {"a"},
	} {
		if got := braceExpand(pattern); !reflect.DeepEqual(got, want) {
			t.Errorf("braceExpand(%q) = %q, want %q", pattern, got, want)
		}
	}
	if n := len(braceExpand(strings.Repeat("{a,b}", 40))); n > maxNesting*maxNesting {
		t.Errorf("%d names", n)
	}
}

// The tree keeps every line's place, and the blocks theirs.
func TestStatements(t *testing.T) {
	cfg, _ := readText(t, "a b\n{ c {\n d } e\n}\nf\n")
	var out []string
	var walk func(string, []*Statement)
	walk = func(indent string, body []*Statement) {
		for _, s := range body {
			line := indent + strings.Join(s.Words, " ") + " " + lineOf(s.Pos)
			if s.Block {
				line += " to " + lineOf(s.Close)
			}
			out = append(out, line)
			walk(indent+"  ", s.Body)
		}
	}
	walk("", cfg.Statements)
	want := []string{"a b 1 to 4", "  c 2 to 3", "    d 3", "  e 3", "f 5"}
	if !reflect.DeepEqual(out, want) {
		t.Errorf("%q", out)
	}
}

func lineOf(p Pos) string {
	_, line, _ := strings.Cut(p.String(), ".conf:")
	return line
}
