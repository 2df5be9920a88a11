package text

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// OwnID is the configuration id that tandem always answers to: a line "@tandem KEYWORD ..." is read here and skipped by
// keepalived.
const OwnID = "tandem"

// Options is what reading needs to know beside the file. The zero value reads as the machine's own keepalived would.
type Options struct {
	// ConfigID is the id for conditional lines and ${_INSTANCE} (-i); "" is the host name up to its first dot.
	ConfigID string
	// AllFiles has every include demand what includea does (keepalived's -e).
	AllFiles bool
	// ReadFile, Stat and Glob look for files; nil is os.ReadFile, os.Stat and filepath.Glob.
	ReadFile func(name string) ([]byte, error)
	Stat     func(name string) (fs.FileInfo, error)
	Glob     func(pattern string) ([]string, error)
	// Env is ${_ENV NAME}; nil is os.Getenv.
	Env func(name string) string
	// Random is the source of ${_RANDOM}; nil is a random one.
	Random rand.Source
	// MaxLines bounds how many lines there may be, with what sequences and definitions make of them; 0 is a million,
	// which no real configuration reaches.
	MaxLines int
}

// Complete returns the options with everything filled in.
func (o Options) Complete() Options {
	if o.ConfigID == "" {
		name, _ := os.Hostname()
		o.ConfigID, _, _ = strings.Cut(name, ".")
	}
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
	}
	if o.Stat == nil {
		o.Stat = os.Stat
	}
	if o.Glob == nil {
		o.Glob = filepath.Glob
	}
	if o.Env == nil {
		o.Env = os.Getenv
	}
	if o.Random == nil {
		o.Random = rand.NewPCG(rand.Uint64(), rand.Uint64())
	}
	if o.MaxLines == 0 {
		o.MaxLines = maxLines
	}
	return o
}

// Read reads a file and everything it includes. known are the keywords that stand outside any block; report is called
// for everything that is wrong. A file that cannot be read at all is a report too.
func Read(name string, o Options, known Shapes, report func(Report)) ([]*Statement, []File) {
	o = o.Complete()
	lines := &lineReader{opt: o, random: rand.New(o.Random), report: report, defs: map[string]*definition{}}
	if o.AllFiles {
		lines.check = includeAll
	}
	if data, err := o.ReadFile(name); err != nil {
		report(Report{Kind: KindFile, Text: fmt.Sprintf("Unable to read configuration file %s: %v", name, err), Stops: true})
	} else {
		lines.files = append(lines.files, File{name, data})
		lines.push(&openFiles{current: &fileLines{name: name, data: data}})
	}
	return buildTree(lines, known), lines.files
}
