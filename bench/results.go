package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// part is one thing that is measured; its rows go into a table.
type part struct {
	name    string
	table   *table
	measure func(*bench) (rows [][]string, err error)
}

// table is how the rows of some parts are shown.
type table struct {
	title   string
	text    string // what the columns mean
	columns []string
}

// results are the rows of all parts that have been measured, in this run or in
// an earlier one.
type results struct {
	Machine string
	Peers   []string // names and versions
	Run     string
	Day     string
	Rows    map[string][][]string // by the part's name
}

// readResults reads what was kept; an empty name, or a file that is not there,
// is nothing.
func readResults(name string) (*results, error) {
	r := &results{Rows: map[string][][]string{}}
	if name == "" {
		return r, nil
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	return r, json.Unmarshal(text, r)
}

func (r *results) save(name string) error {
	if name == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}

// describe notes what is measured with what.
func (r *results) describe(b *bench) {
	var u unix.Utsname
	_ = unix.Uname(&u)
	r.Machine = fmt.Sprintf("%s, %d cores, Linux %s", cpuModel(), lastCore()+1, unix.ByteSliceToString(u.Release[:]))
	r.Run = fmt.Sprintf("%d rounds of %v, in turns; medians. %d connections", b.rounds, b.duration, b.connections)
	r.Day = time.Now().UTC().Format("2006-01-02")
	r.Peers = nil
	for _, p := range b.peers {
		r.Peers = append(r.Peers, p.name+": "+p.versionText())
	}
}

// print writes all tables as Markdown.
func (r *results) print(w io.Writer) {
	fmt.Fprintf(w, "# Performance\n\nMeasured on %s, as root, with\n\n    go run ./bench -write docs/performance.md\n\n", r.Day)
	fmt.Fprintf(w, "%s; one core for the server, one for the client. %s.\nEvery answer is checked while it is measured. nginx 2 and Caddy are measured when `-nginx2` and `-caddy` name them;\nKB and MB are 1024 and 1024 KB.\n\n", r.Machine, r.Run)
	for _, p := range r.Peers {
		fmt.Fprintf(w, "- %s\n", p)
	}
	var shown *table
	for _, p := range parts {
		rows := r.Rows[p.name]
		if len(rows) == 0 {
			continue
		}
		if p.table != shown {
			shown = p.table
			fmt.Fprintf(w, "\n## %s\n\n%s\n\n| %s |\n|%s\n", shown.title, shown.text,
				strings.Join(shown.columns, " | "), strings.Repeat("---|", len(shown.columns)))
		}
		for _, row := range rows {
			fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
		}
	}
}

func (p *peer) versionText() string {
	out, _ := exec.Command(p.program, p.version...).CombinedOutput()
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimPrefix(strings.TrimPrefix(line, "nginx version: "), "tandem version: ")
}

func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "an unknown processor"
}
