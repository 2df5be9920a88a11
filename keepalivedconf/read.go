package keepalivedconf

import (
	"fmt"
	"path/filepath"
	"strings"

	"tandem/internal/standin"
	"tandem/keepalivedconf/text"
)

// What the language gives to its readers, under this package's name as well.
type (
	Pos       = text.Pos
	Statement = text.Statement
	File      = text.File
	Report    = text.Report
	Reports   = text.Reports
)

// Options is what reading needs to know beside the file. The zero value reads as the machine's own keepalived would.
type Options struct {
	// Text says where the text comes from, and for which node it is read.
	Text text.Options
	// Host answers questions about the machine; nil is the machine itself.
	Host Host
	// StandIn is the process that takes the place of nginx and keepalived for the checks that look for them.
	StandIn standin.Process
}

// Read reads a configuration file and everything it includes. It always returns a Config; what was wrong on the way is
// in the reports, in the order of the lines they are about. A file that cannot be read at all is a report too.
func Read(file string, o Options) (*Config, Reports) {
	o.Text = o.Text.Complete()
	if o.Host == nil {
		o.Host = Machine{}
	}
	b := newBuilder(o)
	b.cfg.Statements, b.cfg.Files = text.Read(file, o.Text, rootRows.shapes(), b.add)

	// keepalived reads the global keywords before any other, wherever in the file they stand.
	rootRows.walk(b, b.cfg, b.cfg.Statements, func(r *row[Config]) bool { return r != nil && r.global })
	b.cfg.Global.complete()
	rootRows.walk(b, b.cfg, b.cfg.Statements, func(r *row[Config]) bool { return r == nil || !r.global })
	b.complete()
	b.reports.SortByPlace(b.cfg.Files)
	return b.cfg, b.reports
}

// Dump is the files as `-T` prints them, each after a line with its name.
func (c *Config) Dump() string {
	var out strings.Builder
	for _, f := range c.Files {
		name := f.Name
		if abs, err := filepath.Abs(name); err == nil {
			name = abs
		}
		fmt.Fprintf(&out, "# configuration file %s:\n%s", name, f.Data)
		if n := len(f.Data); n > 0 && f.Data[n-1] != '\n' {
			out.WriteByte('\n')
		}
		out.WriteByte('\n')
	}
	return out.String()
}
