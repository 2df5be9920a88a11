package configuration

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"tandem/internal/errorlog"
	"tandem/internal/logfile"
	"tandem/internal/syslog"
	nc "tandem/nginxconf"
)

// targets are the places that one configuration logs to, open as long as it is
// in use. Files are shared with other configurations through the set.
type targets struct {
	set    *logfile.Set
	files  []*logfile.File
	gather map[*logfile.File]logfile.Options // files whose lines are gathered
	named  []*logfile.Named
	syslog map[string]*syslog.Server // by what the directives say
	memory []*errorlog.Memory
	failed []error // files that could not be opened
}

// memoryPrefix begins the name of a target in memory.
const memoryPrefix = "memory:"

// open opens a file. One that cannot be opened is noted in failed: like nginx,
// the configuration is read to its end first.
func (t *targets) open(name string, isDefault bool) io.Writer {
	f, err := t.set.Open(name, isDefault)
	if err != nil {
		t.failed = append(t.failed, err)
		return io.Discard
	}
	t.files = append(t.files, f)
	return f
}

func (t *targets) openNamed(o logfile.CacheOptions) *logfile.Named {
	n := t.set.OpenNamed(o)
	t.named = append(t.named, n)
	return n
}

func (t *targets) openSyslog(text string) (*syslog.Server, error) {
	if s := t.syslog[text]; s != nil {
		return s, nil
	}
	o, err := syslog.Parse(text)
	if err != nil {
		return nil, err
	}
	s, err := syslog.Open(o, func(err error) {
		if t.set.Report != nil {
			t.set.Report(errorlog.Error, err)
		}
	})
	if err != nil {
		return nil, err
	}
	if t.syslog == nil {
		t.syslog = make(map[string]*syslog.Server)
	}
	t.syslog[text] = s
	return s, nil
}

// use puts into force how the configuration wants lines to be gathered.
func (t *targets) use() {
	for _, f := range t.files {
		f.Gather(t.gather[f])
	}
}

// release gives everything up.
func (t *targets) release() {
	t.set.Release(t.files)
	t.set.ReleaseNamed(t.named)
	for _, s := range t.syslog {
		s.Close()
	}
}

// openErrorLog opens the target of an error_log directive.
func (c *Configuration) openErrorLog(s *nc.Scope, d *nc.Directive) (errorlog.Target, error) {
	t := errorlog.Target{Level: errorlog.Error}
	name := d.Args[0]
	text, toSyslog := strings.CutPrefix(name, syslog.Prefix)
	size, toMemory := strings.CutPrefix(name, memoryPrefix)
	switch {
	case name == "stderr":
		t.To, t.Terminal = os.Stderr, true
	case name == "":
		return t, errors.New("invalid empty file name")
	case toSyslog:
		server, err := c.logs.openSyslog(text)
		if err != nil {
			return t, err
		}
		t.To = server
	case toMemory:
		n, err := nc.ParseSize(size)
		if err != nil || n == 0 {
			return t, fmt.Errorf("invalid buffer size \"%s\"", size)
		}
		memory := errorlog.NewMemory(int(n))
		c.logs.memory = append(c.logs.memory, memory)
		t.To = memory
	default:
		path := s.Path(name, false)
		t.To = c.logs.open(path, false)
		t.Terminal = isStderr(path)
	}
	words := slices.Clone(d.Args[1:])
	if i := slices.Index(words, "json"); i >= 0 {
		if toSyslog {
			return t, errors.New("logs to syslog cannot be JSON")
		}
		t.JSON, words = true, slices.Delete(words, i, i+1)
	}
	var err error
	if len(words) > 0 {
		t.Level, err = errorlog.ParseLevels(words)
	}
	return t, err
}

// openMainLog opens the error log of the main level: what error_log says, or
// the default.
func (c *Configuration) openMainLog() {
	targets := c.Process.errorLogs
	if len(targets) == 0 {
		t := errorlog.Target{Level: errorlog.Error, To: os.Stderr, Terminal: true}
		if c.Source.ErrorLog != "stderr" {
			t.To = c.logs.open(c.Source.ErrorLog, true)
			t.Terminal = isStderr(c.Source.ErrorLog)
		}
		targets = []errorlog.Target{t}
	}
	c.Log = errorlog.New(targets...)
}

// isStderr reports whether a file is where standard error goes, as error.log is in
// images for containers.
func isStderr(name string) bool {
	file, err := os.Stat(name)
	if err != nil {
		return false
	}
	stderr, err := os.Stderr.Stat()
	return err == nil && os.SameFile(file, stderr)
}

// openAccessLog opens the target of an access_log directive; an empty name is
// the default log.
func (c *Configuration) openAccessLog(name string, o logfile.Options) (io.Writer, error) {
	if text, ok := strings.CutPrefix(name, syslog.Prefix); ok {
		return c.logs.openSyslog(text)
	}
	if name == "" {
		return c.logs.open(c.Source.AccessLog(), true), nil
	}
	w := c.logs.open(name, false)
	f, isFile := w.(*logfile.File)
	if o.Buffer == 0 || !isFile {
		return w, nil
	}
	if before, ok := c.logs.gather[f]; ok && before != o {
		return nil, fmt.Errorf("access_log \"%s\" already defined with conflicting parameters", name)
	}
	if c.logs.gather == nil {
		c.logs.gather = make(map[*logfile.File]logfile.Options)
	}
	c.logs.gather[f] = o
	return w, nil
}

// Release gives up what the configuration holds open.
func (c *Configuration) Release() { c.logs.release() }

// UseLogs puts into force how the configuration wants lines to be gathered.
func (c *Configuration) UseLogs() { c.logs.use() }

// LogsInMemory returns the logs that error_log keeps in memory.
func (c *Configuration) LogsInMemory() []*errorlog.Memory { return c.logs.memory }
