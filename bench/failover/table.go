package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// run plays the chosen rows. Rows with the same configuration share a pair.
func (c contest) run(ctx context.Context, o options, t *table) error {
	fmt.Printf("\n%s\n", c.name)
	for _, what := range []setup{pages, proxied, overHTTP2, withCalls, overTCP, overUDP, overBFD} {
		var list []row
		for _, r := range rows() {
			if r.setup == what && chosen(o.rows, r.key) && (r.pairs == nil || slices.Contains(r.pairs, c.key)) {
				list = append(list, r)
			}
		}
		if len(list) == 0 {
			continue
		}
		s, err := newStand(ctx, c.programs(), what, 0)
		if err != nil {
			return err
		}
		for _, r := range list {
			t.forget(r, c)
		}
		for n := 0; n < o.count*len(list) && err == nil; n++ {
			err = c.one(ctx, s, list[n%len(list)], o, t)
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
		l = found.with(o.slack)
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
	// Cells by the keys of row and contest. Of a row that was played more than
	// once the worst counts.
	Cells map[string]map[string]cell `json:"cells"`
}

type cell struct {
	Text   string        `json:"text"`
	Outage time.Duration `json:"outage"`
	NotMet []string      `json:"not_met,omitempty"`

	stall time.Duration // longest time for which the machine let nobody run
}

// worse reports whether a cell tells of something worse than another one.
func (c cell) worse(than cell) bool {
	if len(c.NotMet) != len(than.NotMet) {
		return len(c.NotMet) > len(than.NotMet)
	}
	return c.Outage > than.Outage
}

// openTable returns a table with what a run before this one has left in the
// file, "" or one that does not exist: nothing.
func openTable(file string) (*table, error) {
	t := &table{Cells: map[string]map[string]cell{}}
	if file == "" {
		return t, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return t, nil
	}
	if err == nil {
		err = json.Unmarshal(text, t)
	}
	return t, err
}

func (t *table) save(file string) error {
	text, err := json.MarshalIndent(t, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

// forget drops what an earlier run saw of a row.
func (t *table) forget(r row, c contest) { delete(t.Cells[r.key], c.key) }

func (t *table) add(r row, c contest, v seen) {
	if t.Cells[r.key] == nil {
		t.Cells[r.key] = map[string]cell{}
	}
	now := cell{Text: v.text(), Outage: v.Outage, NotMet: v.verdicts, stall: v.stall}
	if before, ok := t.Cells[r.key][c.key]; !ok || now.worse(before) {
		t.Cells[r.key][c.key] = now
	}
}

// broken reports whether a row was not met.
func (t *table) broken() bool {
	for _, cells := range t.Cells {
		for _, c := range cells {
			if len(c.NotMet) > 0 {
				return true
			}
		}
	}
	return false
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
		if len(t.Cells[r.key]) == 0 {
			continue
		}
		b.WriteString("| " + r.title + " |")
		for _, c := range contests() {
			cell, ok := t.Cells[r.key][c.key]
			if !ok {
				cell.Text = "-"
			}
			if cell.NotMet != nil {
				cell.Text += " **(not met: " + strings.Join(cell.NotMet, "; ") + ")**"
			}
			b.WriteString(" " + cell.Text + " |")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// origin says how the table came about.
func (t *table) origin() string {
	var uts unix.Utsname
	_ = unix.Uname(&uts) // without it there is no kernel to name
	kernel := unix.ByteSliceToString(uts.Release[:])
	return fmt.Sprintf("\n%s: %d cores of %s, Linux %s, %s, %s, %s.\n",
		time.Now().Format("2006-01-02"), runtime.NumCPU(), processor(), kernel, runtime.Version(),
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
