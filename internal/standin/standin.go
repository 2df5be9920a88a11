// Package standin answers for nginx and keepalived in check scripts that look for them: the process that takes their
// place has another name, and whether it is there says less than whether it serves.
//
// A script is run as it stands, by its own shell, behind a few functions that have the names of the programs which
// such scripts ask (killall, pidof, pgrep, ps, systemctl ...). A question about nginx or keepalived is answered by
// them, every other one is passed on.
package standin

import (
	_ "embed"
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"

	"tandem/internal/child"
)

// Process is the process that takes the place of nginx and keepalived; the zero Process takes nobody's.
type Process struct {
	// Serves: it serves HTTP. Without that, nginx may well be another program, and is looked for as always.
	Serves bool
	// PIDFile is its pid file, which stands in for nginx.pid and keepalived.pid wherever a script has them.
	PIDFile string
}

// Stands reports whether a program of that name, or path, is one whose place the process takes.
func (p Process) Stands(program string) bool {
	if p == (Process{}) {
		return false
	}
	name := path.Base(program)
	return name == "nginx" && p.Serves || name == "keepalived"
}

// Check is a check script that asks for nginx or keepalived.
type Check struct {
	// Uses are the lines that do, with what comes of them.
	Uses []Use
	// File is the script's file, "" for a command that is not in one.
	File string

	process Process
	shell   []string // program and options
	name    string   // $0
	params  []string
	text    string
}

//go:embed answers.sh
var answers string

// maxText is how long a script may be: it is passed on in the environment, where the kernel allows 128 KB.
const maxText = 64 << 10

// Find looks at what a command runs. It returns nil if that does not ask for a program whose place p takes, or is not
// run by a shell. readFile reads a script.
func Find(args []string, p Process, readFile func(name string) ([]byte, error)) *Check {
	if len(args) == 0 || p == (Process{}) {
		return nil
	}
	c := &Check{process: p}
	switch base := path.Base(args[0]); {
	case isShell(base):
		if !c.shellCommand(args, readFile) {
			return nil
		}
	case asks[base] || initScript.MatchString(args[0]):
		c.shell, c.name, c.text = []string{"/bin/sh"}, base, `"$@"`
		c.params = direct(args)
	case strings.HasPrefix(args[0], "<"): // keepalived's way to look whether a file is there
		c.shell, c.name, c.text = []string{"/bin/sh"}, "sh", strings.Join(args, " ")
	default:
		if !c.readFile(args[0], readFile) {
			return nil
		}
		c.params = args[1:]
	}
	if c.Uses = c.find(); len(c.Uses) == 0 || len(c.text) > maxText {
		return nil
	}
	return c
}

// Command returns what runs the check; serves is whether the process serves now. The account and the like are those of
// the command in the configuration.
func (c *Check) Command(as *child.Command, serves bool) *child.Command {
	run := *as
	run.Args = append(append(append([]string{}, c.shell...), "-c", `eval "$TANDEM_SCRIPT"`, c.name), c.replacePIDFiles(c.params, serves)...)
	run.Env = append(run.Env, "TANDEM_SCRIPT="+c.settings(serves)+answers+c.replacePIDFile(c.text, serves))
	return &run
}

// settings are what answers.sh wants to know.
func (c *Check) settings(serves bool) string {
	nginx, hide := "real", "keepalived"
	if c.process.Serves {
		nginx, hide = fmt.Sprint(serves), `nginx\|keepalived`
	}
	comm, _ := os.ReadFile("/proc/self/comm") // without /proc there is nothing to be found either
	return fmt.Sprintf("_t_nginx=%s _t_pid=%d _t_comm='%s' _t_hide='%s'\n", nginx, os.Getpid(), strings.TrimSpace(string(comm)), hide)
}

// pidFile is a pid file of nginx or keepalived, wherever it is.
var pidFile = regexp.MustCompile(`(?:/[\w.+-]+)+/(nginx|keepalived)\.pid\b`)

// noPIDFile is the name of a file that cannot be there.
const noPIDFile = "/dev/null/nginx.pid"

func (c *Check) replacePIDFile(text string, serves bool) string {
	return pidFile.ReplaceAllStringFunc(text, func(name string) string {
		switch {
		case !strings.HasSuffix(name, "/nginx.pid") || c.process.Serves && serves:
			return c.process.PIDFile
		case c.process.Serves:
			return noPIDFile
		}
		return name
	})
}

func (c *Check) replacePIDFiles(list []string, serves bool) []string {
	replaced := make([]string, len(list))
	for i, word := range list {
		replaced[i] = c.replacePIDFile(word, serves)
	}
	return replaced
}
