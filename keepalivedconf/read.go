package keepalivedconf

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tandem/internal/standin"
)

// OwnID is the configuration id that tandem always answers to: a line "@tandem KEYWORD ..." is read here and skipped by
// keepalived.
const OwnID = "tandem"

// Options is what reading needs to know beside the file. The zero value reads as the machine's own keepalived would.
type Options struct {
	// ConfigID is the id for conditional lines and ${_INSTANCE} (-i); "" is the host name up to its first dot.
	ConfigID string
	// ReadFile, Stat and Glob look for files; nil is os.ReadFile, os.Stat and filepath.Glob.
	ReadFile func(name string) ([]byte, error)
	Stat     func(name string) (fs.FileInfo, error)
	Glob     func(pattern string) ([]string, error)
	// Env is ${_ENV NAME}; nil is os.Getenv.
	Env func(name string) string
	// Random is the source of ${_RANDOM}; nil is a random one.
	Random rand.Source
	// Host answers questions about the machine; nil is the machine itself.
	Host Host
	// StandIn is the process that takes the place of nginx and keepalived for the checks that look for them.
	StandIn standin.Process
}

// settings is Options with everything filled in.
type settings struct {
	configID string
	readFile func(string) ([]byte, error)
	stat     func(string) (fs.FileInfo, error)
	glob     func(string) ([]string, error)
	env      func(string) string
	random   *rand.Rand
	host     Host
	standIn  standin.Process
	maxLines int
}

func (o Options) settings() *settings {
	s := &settings{
		configID: o.ConfigID, readFile: o.ReadFile, stat: o.Stat, glob: o.Glob, env: o.Env, host: o.Host, standIn: o.StandIn, maxLines: maxLines,
	}
	if s.configID == "" {
		name, _ := os.Hostname()
		s.configID, _, _ = strings.Cut(name, ".")
	}
	if s.readFile == nil {
		s.readFile = os.ReadFile
	}
	if s.stat == nil {
		s.stat = os.Stat
	}
	if s.glob == nil {
		s.glob = filepath.Glob
	}
	if s.env == nil {
		s.env = os.Getenv
	}
	if s.host == nil {
		s.host = Machine{}
	}
	source := o.Random
	if source == nil {
		source = rand.NewPCG(rand.Uint64(), rand.Uint64())
	}
	s.random = rand.New(source)
	return s
}

// Read reads a configuration file and everything it includes. It always returns a Config; what was wrong on the way is
// in the reports, in the order of the lines they are about. A file that cannot be read at all is a report too.
func Read(file string, o Options) (*Config, Reports) { return read(file, o.settings()) }

func read(file string, opt *settings) (*Config, Reports) {
	b := newBuilder(opt)
	lines := &lineReader{opt: opt, report: b.add, defs: map[string]*definition{}}
	if data, err := opt.readFile(file); err != nil {
		b.add(Report{Kind: KindFile, Text: fmt.Sprintf("Unable to read configuration file %s: %v", file, err), Stops: true})
	} else {
		lines.files = append(lines.files, File{file, data})
		lines.push(&openFiles{current: &fileLines{name: file, data: data}})
	}
	b.cfg.Statements = buildTree(lines, &shape{kind: keywords, sub: rootRows.shapes()})
	b.cfg.Files = lines.files

	// keepalived reads the global keywords before any other, wherever in the file they stand.
	rootRows.walk(b, b.cfg, b.cfg.Statements, func(r *row[Config]) bool { return r != nil && r.global })
	b.cfg.Global.complete()
	rootRows.walk(b, b.cfg, b.cfg.Statements, func(r *row[Config]) bool { return r == nil || !r.global })
	b.complete()
	b.reports.sortByPlace(b.cfg.Files)
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

func utoa(v uint32) string { return strconv.FormatUint(uint64(v), 10) }

// number reads an unsigned number as iproute2 does, decimal, octal or hexadecimal.
func number(word string, high uint64) (uint64, bool) {
	v, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimLeft(word, blanks), "+"), 0, 64)
	return v, err == nil && v <= high
}

// escape makes a name safe inside a format.
func escape(name string) string { return strings.ReplaceAll(name, "%", "%%") }
