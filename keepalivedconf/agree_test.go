package keepalivedconf

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"tandem/keepalivedconf/text"
)

// twin is the machine that the test's keepalived runs on: this one, with the interfaces of the test's own namespace.
type twin struct{ Machine }

func (twin) Interface(name string) (Link, bool) { return testHost.Interface(name) }

// namespaceScript makes the interfaces of testHost, checks every file named on its input, and leaves output and exit code
// beside it.
const namespaceScript = `
ip link set lo up
for i in eth0 eth1 ens33; do ip link add $i mtu 1500 type veth peer name p$i && ip link set $i up || exit 1; done
while read f; do timeout -s KILL 5 keepalived -t -i node1 -f "$f" >"$f.out" 2>&1 </dev/null; echo $? >"$f.exit"; done
`

// runKeepalived checks files of dir with Debian's keepalived in a network namespace of its own.
func runKeepalived(t *testing.T, dir string, files []string) {
	t.Helper()
	if _, err := exec.LookPath("keepalived"); err != nil {
		t.Skip("keepalived is not installed")
	}
	if os.Getuid() != 0 {
		t.Skip("only root can make the namespace that keepalived is run in")
	}
	cmd := exec.Command("unshare", "-n", "sh", "-c", namespaceScript)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(strings.Join(files, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("no namespace with interfaces for keepalived: %v\n%s", err, out)
	}
}

// said is one thing said about a configuration, by either program.
type said struct {
	file string // base name; "" if keepalived gave no place
	line int
	text string
}

func (s said) String() string {
	if s.line == 0 {
		return s.text
	}
	return fmt.Sprintf("%s:%d: %s", s.file, s.line, s.text)
}

// sameThing compares two sayings. keepalived gives no place to what it finds after reading.
func sameThing(a, b said) bool {
	return a.text == b.text && (a.line == 0 || b.line == 0 || a.line == b.line && (a.file == b.file || a.file == "" || b.file == ""))
}

var (
	placed = regexp.MustCompile(`^\((?:(.*): )?Line (\d+)\) (.*)$`)
	// keepalivedOnly is what Debian's 2.2.7 says and tandem does not, wherever it comes.
	keepalivedOnly = []*regexp.Regexp{
		regexp.MustCompile(`^\s*$`),
		regexp.MustCompile(`^Non-existent interface specified in configuration$`), // tandem waits for it
	}
	// reworded is what 2.2.7 says in other words than 2.4.
	reworded = []struct {
		from *regexp.Regexp
		to   string
	}{
		{regexp.MustCompile(`^Sync group (\S+) has no virtual router\(s\)\. removing$`), "Sync group $1 has no members - removing"},
		{regexp.MustCompile(`interval '(.*)' must be between 1 and 4294 `), "interval '$1' must be between 0.001 and 4294 "},
		{regexp.MustCompile(`^\(VI_1\) (min_ttl is missing a value)$`), "(VI_1) 10.0.0.3 - $1"},
		{regexp.MustCompile(`^\(VI_1\) (unknown unicast_peer option ttl)$`), "(VI_1) 10.0.0.5 - $1"},
	}
	// stopsEarly is what keepalived says before it gives up, so that the rest is left unsaid.
	stopsEarly = regexp.MustCompile(`(?m)^Non-existent interface specified|is missing a parameter|No VIP specified; at least one is required$`)
)

// keepalivedSaid is the output of keepalived -t. Its processes each read the file, so that everything comes several times.
func keepalivedSaid(out []byte) []said {
	var all []said
	for line := range strings.Lines(string(out)) {
		s := said{text: strings.TrimRight(line, "\n")}
		if m := placed.FindStringSubmatch(s.text); m != nil {
			n, _ := strconv.Atoi(m[2])
			s = said{filepath.Base(m[1]), n, m[3]}
			if m[1] == "" {
				s.file = ""
			}
		}
		for _, r := range reworded {
			s.text = r.from.ReplaceAllString(s.text, r.to)
		}
		if !matches(keepalivedOnly, s.text) && !slices.ContainsFunc(all, func(o said) bool { return sameThing(o, s) }) {
			all = append(all, s)
		}
	}
	return all
}

// tandemSaid is the reports that keepalived has a counterpart of.
func tandemSaid(reports Reports) []said {
	var all []said
	for _, r := range reports {
		if r.Kind > text.KindUnsupported {
			all = append(all, said{filepath.Base(r.Pos.File), r.Pos.Line, r.Text})
		}
	}
	return all
}

// stated reads the "#=" lines of a configuration.
func stated(t *testing.T, data []byte) (keepalived, tandem []*regexp.Regexp, exits []int) {
	for line := range strings.Lines(string(data)) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "#= ")
		if !ok {
			continue
		}
		who, what, _ := strings.Cut(rest, " ")
		switch who {
		case "keepalived":
			keepalived = append(keepalived, regexp.MustCompile(what))
		case "tandem":
			tandem = append(tandem, regexp.MustCompile(what))
		case "exit":
			for field := range strings.FieldsSeq(what) {
				n, err := strconv.Atoi(field)
				if err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				exits = append(exits, n)
			}
		default:
			t.Fatalf("what is %q?", line)
		}
	}
	return keepalived, tandem, exits
}

func matches(list []*regexp.Regexp, text string) bool {
	return slices.ContainsFunc(list, func(re *regexp.Regexp) bool { return re.MatchString(text) })
}

// compare holds what tandem says of one file against keepalived's output and exit code.
func compare(t *testing.T, file string, reports Reports) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.ReadFile(file + ".out")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile(file + ".exit")
	if err != nil {
		t.Fatal(err)
	}
	theirExit, _ := strconv.Atoi(strings.TrimSpace(string(code)))
	onlyTheirs, onlyOurs, exits := stated(t, data)
	theirs, ours := keepalivedSaid(out), tandemSaid(reports)
	early := stopsEarly.Match(out)
	for _, s := range theirs {
		skipped := slices.ContainsFunc(reports, func(r Report) bool {
			return r.Through != 0 && (s.file == "" || filepath.Base(r.Pos.File) == s.file) && s.line >= r.Pos.Line && s.line <= r.Through
		})
		// keepalived -t says that it ignores what keepalived takes when it runs.
		taken := slices.ContainsFunc(reports, func(r Report) bool {
			return r.Pos.Line == s.line && strings.Contains(r.Hint, "is taken, which the word begins with")
		})
		known := taken || slices.ContainsFunc(ours, func(o said) bool { return sameThing(o, s) })
		if !known && !skipped && !matches(onlyTheirs, s.text) {
			t.Errorf("only keepalived says  %v", s)
		}
	}
	for _, o := range ours {
		if !early && !slices.ContainsFunc(theirs, func(s said) bool { return sameThing(o, s) }) && !matches(onlyOurs, o.text) {
			t.Errorf("only tandem says      %v", o)
		}
	}
	ourExit := reports.ExitCode()
	if exits != nil {
		if want := []int{ourExit, theirExit}; !slices.Equal(exits, want) {
			t.Errorf("exits %v, stated %v", want, exits)
		}
	} else if ourExit != theirExit && !early && len(reports.Of(text.KindUnsupported)) == 0 {
		t.Errorf("exit %d, keepalived's is %d", ourExit, theirExit)
	}
	if t.Failed() {
		t.Logf("keepalived -t:\n%s", bytes.TrimSpace(out))
	}
}

// The same lines, the same words and the same exit code as keepalived -t.
func TestAgreesWithKeepalived(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/agree.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var files []string
	for _, f := range archive.Files {
		name := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f.Name, ".conf") {
			files = append(files, f.Name)
		}
	}
	if len(files) < 60 {
		t.Fatalf("%d files", len(files))
	}
	runKeepalived(t, dir, files)
	for _, name := range files {
		t.Run(strings.TrimSuffix(name, ".conf"), func(t *testing.T) {
			file := filepath.Join(dir, name)
			_, reports := Read(file, Options{Text: text.Options{ConfigID: "node1"}, Host: twin{}})
			compare(t, file, reports)
		})
	}
}

// keepalived's own samples, where its package is installed.
func TestAgreesAboutSamples(t *testing.T) {
	samples, _ := filepath.Glob("/usr/share/doc/keepalived/samples/keepalived.conf.*")
	if len(samples) == 0 {
		t.Skip("keepalived's samples are not installed")
	}
	dir := t.TempDir()
	var files []string
	for _, sample := range samples {
		data, err := os.ReadFile(sample)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(sample)
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	runKeepalived(t, dir, files)
	for _, name := range files {
		t.Run(strings.TrimPrefix(name, "keepalived.conf."), func(t *testing.T) {
			file := filepath.Join(dir, name)
			_, reports := Read(file, Options{Text: text.Options{ConfigID: "node1"}, Host: twin{}})
			compare(t, file, reports)
		})
	}
}
