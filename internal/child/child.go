// Package child runs the programs that an operator's configuration names: in a
// process group of their own, as the user that is wanted, without any of our
// descriptors, and never longer than they may.
package child

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/contain"
	"tandem/internal/privilege"
)

// Account is who a program runs as.
type Account struct {
	UID, GID int
	Groups   []int // supplementary ones
}

// Command is a program to run.
type Command struct {
	// Args are the program, found in PATH unless it has a slash, and its
	// arguments. No shell looks at them, except at a first one that begins with
	// '<' or '>': keepalived's way to test for a file.
	Args []string
	// Account is who it runs as; nil: who this process is.
	Account *Account
	// Env are variables that it gets beside this process's own.
	Env []string
	// Bound: the program is told to end when this process dies.
	Bound bool
}

// String is the program and its arguments.
func (c *Command) String() string { return strings.Join(c.Args, " ") }

// With returns the command with further arguments.
func (c *Command) With(args ...string) *Command {
	more := *c
	more.Args = slices.Concat(c.Args, args)
	return &more
}

// killAfter is how long after TERM a program is killed; keepalived's 2 s.
const killAfter = 2 * time.Second

// Result is what came of a program.
type Result struct {
	Status int            // exit status; -1: it did not end by itself
	Signal syscall.Signal // that ended it; 0: none
	Err    error          // it could not be executed
}

// OK reports whether it ended with exit status 0.
func (r Result) OK() bool { return r.Err == nil && r.Signal == 0 && r.Status == 0 }

// String returns "exit status 1".
func (r Result) String() string {
	switch {
	case r.Err != nil:
		return "cannot be executed: " + r.Err.Error()
	case r.Signal != 0:
		return "killed by signal " + unix.SignalName(r.Signal)
	}
	return fmt.Sprintf("exit status %d", r.Status)
}

// Process is a program that runs.
type Process struct {
	cmd    *exec.Cmd
	done   chan struct{}
	result Result
}

// Start starts a program. The error says why it could not be executed, without
// naming it.
func Start(c *Command) (*Process, error) {
	args := shellArgs(c.Args)
	cmd := &exec.Cmd{Env: append(environment(), c.Env...), SysProcAttr: &syscall.SysProcAttr{Setpgid: true}}
	if c.Bound {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
	}
	if a := c.Account; a != nil {
		cmd.SysProcAttr.Credential = a.credential()
	}
	var err error
	// To become another user, and to execute what only its owner may, takes
	// rights that the process may have put to sleep.
	privilege.Raise(func() {
		if cmd.Path, err = exec.LookPath(args[0]); err == nil {
			cmd.Args = args
			err = cmd.Start()
		}
	})
	if err != nil {
		return nil, reason(err)
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	go p.wait()
	return p, nil
}

// credential is nil for who we are already: nothing has to be changed then, not
// even where the kernel would not allow it.
func (a *Account) credential() *syscall.Credential {
	if !privilege.Dropped() && a.UID == os.Geteuid() && a.GID == os.Getegid() && len(a.Groups) == 0 {
		return nil
	}
	c := &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID)}
	for _, g := range a.Groups {
		c.Groups = append(c.Groups, uint32(g))
	}
	return c
}

// shellArgs has the shell do a redirection, which is all that such a command
// is.
func shellArgs(args []string) []string {
	if args[0] == "" || args[0][0] != '<' && args[0][0] != '>' {
		return args
	}
	line := args[0]
	for _, a := range args[1:] {
		line += " '" + strings.ReplaceAll(a, "'", `'\''`) + "'"
	}
	return []string{"/bin/sh", "-c", line}
}

// withheld are variables that change how programs are loaded or words split.
// keepalived withholds them from its scripts too.
var withheld = []string{"IFS=", "LD_PRELOAD=", "LD_LIBRARY_PATH="}

func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		return slices.ContainsFunc(withheld, func(name string) bool { return strings.HasPrefix(v, name) })
	})
}

// reason says why a program could not be executed.
func reason(err error) error {
	if errors.Is(err, syscall.ENOEXEC) {
		return errors.New("exec format error: a script needs a first line such as #!/bin/sh")
	}
	var e *exec.Error
	if errors.As(err, &e) {
		err = e.Err
	}
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func (p *Process) wait() {
	defer close(p.done)
	defer contain.Recover("waiting for a program")
	_ = p.cmd.Wait() // what it says is in the state
	p.result.Status = p.cmd.ProcessState.ExitCode()
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		p.result.Signal = status.Signal()
	}
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Result waits for the end and returns what came of it.
func (p *Process) Result() Result {
	<-p.done
	return p.result
}

// Terminate ends the program and everything that it started in its process
// group: by TERM, and 2 s later by KILL. It waits for the end of the program.
func (p *Process) Terminate() {
	select {
	case <-p.done:
		return
	default:
	}
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(killAfter):
	}
	// Also what it leaves behind.
	p.signal(syscall.SIGKILL)
	<-p.done
}

// signal sends a signal to the process group. It is gone if that fails.
func (p *Process) signal(s syscall.Signal) {
	privilege.Raise(func() { _ = syscall.Kill(-p.cmd.Process.Pid, s) })
}
