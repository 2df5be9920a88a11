package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// run plays the chosen rows. Rows with the same configuration share a pair.
func (c contest) run(ctx context.Context, o options, t *table) error {
	fmt.Printf("\n%s\n", c.name)
	for _, proxied := range []bool{false, true} {
		var list []row
		for _, r := range rows() {
			if r.proxied == proxied && chosen(o.rows, r.key) {
				list = append(list, r)
			}
		}
		if len(list) == 0 {
			continue
		}
		s, err := newStand(ctx, c.programs(), proxied)
		if err != nil {
			return err
		}
		for _, r := range list {
			err = c.one(ctx, s, r, o, t)
			if err != nil {
				break
			}
		}
		s.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// one plays a row and brings the pair back to normal.
func (c contest) one(ctx context.Context, s *stand, r row, o options, t *table) error {
	var l *limit
	if found, ok := r.limits[c.key]; ok {
		l = &found
	}
	v, err := s.play(ctx, r, l)
	if err != nil {
		return fmt.Errorf("%s: %w", r.key, err)
	}
	t.add(r, c, v)
	fmt.Printf("  %-12s %s\n", r.key, v.text())
	for _, w := range v.verdicts {
		fmt.Printf("  %-12s NOT MET: %s\n", "", w)
	}
	if len(v.verdicts) > 0 && o.verbose {
		fmt.Println(s.Nodes[0].LastWords() + "\n" + s.Nodes[1].LastWords())
	}
	if r.undo != nil {
		if err := r.undo(ctx, s); err != nil {
			return fmt.Errorf("after %s: %w", r.key, err)
		}
	}
	return nil
}

// table collects what was seen.
type table struct {
	cells  map[string]map[string]string // row key, contest key
	broken int
}

func newTable() *table { return &table{cells: map[string]map[string]string{}} }

func (t *table) add(r row, c contest, v seen) {
	if t.cells[r.key] == nil {
		t.cells[r.key] = map[string]string{}
	}
	text := v.text()
	if len(v.verdicts) > 0 {
		t.broken++
		text += " **(not met: " + strings.Join(v.verdicts, "; ") + ")**"
	}
	t.cells[r.key][c.key] = text
}

// text is the table in Markdown.
func (t *table) text() string {
	var b strings.Builder
	b.WriteString("| what happens to the master |")
	for _, c := range contests() {
		b.WriteString(" " + c.name + " |")
	}
	b.WriteString("\n|---|---|---|---|\n")
	for _, r := range rows() {
		if t.cells[r.key] == nil {
			continue
		}
		b.WriteString("| " + r.title + " |")
		for _, c := range contests() {
			cell := t.cells[r.key][c.key]
			if cell == "" {
				cell = "-"
			}
			b.WriteString(" " + cell + " |")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

const documentHead = `# What clients see when something happens to the master

Measured by ` + "`go run ./bench/failover`" + `: two nodes and a client in network namespaces of one machine, the configuration of
[examples/pair](../examples/pair), advert_int 1. The client opens a new connection to the virtual address every 10 ms and gives
each 250 ms; the first number is the longest time between two of its answers (10 ms are between any two), then how many of its
requests failed. Kept connections are 32 that ask again and again without ever asking twice for what failed. "On both" is the
longest time during which both nodes had the address. Faults come from outside of the processes.

`

// document is the table with how it came about.
func (t *table) document(args string) string {
	var uts unix.Utsname
	_ = unix.Uname(&uts) // without it there is no kernel to name
	kernel := unix.ByteSliceToString(uts.Release[:])
	return documentHead + t.text() + fmt.Sprintf("\n%s, `go run ./bench/failover %s`: %d cores of %s, Linux %s, %s, %s, %s.\n",
		time.Now().Format("2006-01-02"), strings.TrimSpace(args), runtime.NumCPU(), processor(), kernel, runtime.Version(),
		versionOf("nginx", "-v"), versionOf("keepalived", "-v"))
}

// processor is the model of the machine's.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// versionOf is the first line of what a program says of itself.
func versionOf(name string, args ...string) string {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return "no " + name
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}
