package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// part is one thing that is measured; its rows go into a table.
type part struct {
	name    string
	table   *table
	byName  bool // measured only when it is asked for
	measure func(*bench) ([]row, error)
}

// table is how the rows of some parts are shown.
type table struct {
	title   string
	text    string // what the columns mean
	columns []string
}

// row is what one program did.
type row struct {
	Cells  []string
	Missed []string `json:",omitempty"` // the goals that it has not reached
}

// measurement is how a part went.
type measurement struct {
	Rows    []row
	Command string // but for -part
	Day     string
}

// results are the rows of all parts that have been measured, in this run or in
// an earlier one.
type results struct {
	Machine string
	Peers   []string               // names and versions
	Parts   map[string]measurement // by the part's name
}

// readResults reads what was kept; an empty name, or a file that is not there,
// is nothing.
func readResults(name string) (*results, error) {
	r := &results{Parts: map[string]measurement{}}
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
	r.Peers = nil
	for _, p := range b.peers {
		r.Peers = append(r.Peers, p.name+": "+p.versionText())
	}
}

// text is all tables as Markdown, with what they were measured by and what has
// not reached its goal.
func (r *results) text(parts []part) string {
	var s strings.Builder
	s.WriteString("Measured as root with\n\n" + r.commands(parts) + "\n")
	fmt.Fprintf(&s, "on %s; one core for the server, one for the client; in turns, medians of the rounds. Both have nice -20, so that\n"+
		"others on the machine disturb them less. Every answer is checked\n"+
		"while it is measured. KB and MB are 1024 and 1024 KB.\n\n", r.Machine)
	for _, p := range r.Peers {
		fmt.Fprintf(&s, "- %s\n", p)
	}
	if missed := r.missed(parts); len(missed) > 0 {
		s.WriteString("\nWhat did not reach its goal this time:\n\n- " + strings.Join(missed, "\n- ") + "\n")
	}
	var shown *table
	for _, p := range parts {
		rows := r.Parts[p.name].Rows
		if len(rows) == 0 {
			continue
		}
		if p.table != shown {
			shown = p.table
			fmt.Fprintf(&s, "\n## %s\n\n%s\n\n| %s |\n|%s\n", shown.title, shown.text,
				strings.Join(shown.columns, " | "), strings.Repeat("---|", len(shown.columns)))
		}
		for _, row := range rows {
			fmt.Fprintf(&s, "| %s |\n", strings.Join(row.Cells, " | "))
		}
	}
	return s.String()
}

// commands are the command lines, each with the parts that it measured.
func (r *results) commands(parts []part) string {
	var lines []string
	names := map[string][]string{}
	for _, p := range parts {
		m, ok := r.Parts[p.name]
		if !ok {
			continue
		}
		line := m.Day + " " + m.Command
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
		names[line] = append(names[line], p.name)
	}
	var s strings.Builder
	for _, line := range lines {
		day, command, _ := strings.Cut(line, " ")
		fmt.Fprintf(&s, "    %s -part %s   # %s\n", command, strings.Join(names[line], ","), day)
	}
	return s.String()
}

// missed lists the goals that were not reached.
func (r *results) missed(parts []part) []string {
	var list []string
	for _, p := range parts {
		for _, row := range r.Parts[p.name].Rows {
			list = append(list, row.Missed...)
		}
	}
	return list
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
