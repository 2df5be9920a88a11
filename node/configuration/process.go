package configuration

import (
	"fmt"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/privilege"
	nc "tandem/nginxconf"
)

// Process is what the directives of the main level say: what concerns the
// process and not one protocol.
type Process struct {
	User            nc.Value[privilege.Account]
	PID             nc.Value[string]
	Daemon          nc.Value[bool]
	ShutdownTimeout nc.Value[time.Duration] // 0: no limit
	FileLimit       nc.Value[int]
	WorkingDir      nc.Value[string]
	Env             []string // NAME or NAME=value
	errorLogs       []errorlog.Target
}

// processOf returns the settings that s reads.
func processOf(s *nc.Scope) *Process { return s.Data.(*Process) }

func inProcess[V any](field func(*Process) *nc.Value[V]) func(*nc.Scope) *nc.Value[V] {
	return func(s *nc.Scope) *nc.Value[V] { return field(processOf(s)) }
}

// mainCommands returns the directives of the main level and of events.
func (c *Configuration) mainCommands() []nc.Command {
	return []nc.Command{
		{Name: "user", In: nc.Main, Arity: nc.Take12, Set: readUser},
		{Name: "pid", In: nc.Main, Arity: nc.Take1, Set: nc.SetString(inProcess(func(p *Process) *nc.Value[string] { return &p.PID }))},
		{Name: "daemon", In: nc.Main, Arity: nc.Flag, Set: nc.SetFlag(inProcess(func(p *Process) *nc.Value[bool] { return &p.Daemon }))},
		{Name: "worker_shutdown_timeout", In: nc.Main, Arity: nc.Take1, Set: nc.SetMsec(inProcess(func(p *Process) *nc.Value[time.Duration] { return &p.ShutdownTimeout }))},
		{Name: "worker_rlimit_nofile", In: nc.Main, Arity: nc.Take1, Set: nc.SetNumber(inProcess(func(p *Process) *nc.Value[int] { return &p.FileLimit }))},
		{Name: "working_directory", In: nc.Main, Arity: nc.Take1, Set: nc.SetString(inProcess(func(p *Process) *nc.Value[string] { return &p.WorkingDir }))},
		{Name: "env", In: nc.Main, Arity: nc.Take1, Set: func(s *nc.Scope, d *nc.Directive) error {
			p := processOf(s)
			p.Env = append(p.Env, d.Args[0])
			return nil
		}},
		{Name: "error_log", In: nc.Main, Arity: nc.OneMore, Set: func(s *nc.Scope, d *nc.Directive) error {
			t, err := c.openErrorLog(s, d)
			if err != nil {
				return err
			}
			p := processOf(s)
			p.errorLogs = append(p.errorLogs, t)
			return nil
		}},
		// Distributions load modules that nobody uses. What is used of a
		// module that is not built in is refused at its directive.
		{Name: "load_module", In: nc.Main, Arity: nc.Take1},
		{Name: "events", In: nc.Main, Arity: nc.Block | nc.NoArgs, Set: func(s *nc.Scope, d *nc.Directive) error {
			s.Block(d, nc.Events, s.Data)
			return nil
		}},

		// One process serves all connections on all cores, and its goroutines
		// wait for events the way the runtime chooses: what these say about
		// workers and event methods has no effect.
		{Name: "worker_processes", In: nc.Main, Arity: nc.Take1, Set: readWorkerProcesses},
		{Name: "worker_cpu_affinity", In: nc.Main, Arity: nc.OneMore},
		{Name: "worker_priority", In: nc.Main, Arity: nc.Take1},
		{Name: "worker_rlimit_core", In: nc.Main, Arity: nc.Take1},
		{Name: "master_process", In: nc.Main, Arity: nc.Flag},
		{Name: "timer_resolution", In: nc.Main, Arity: nc.Take1},
		{Name: "lock_file", In: nc.Main, Arity: nc.Take1},
		{Name: "debug_points", In: nc.Main, Arity: nc.Take1},
		{Name: "pcre_jit", In: nc.Main, Arity: nc.Flag},
		{Name: "thread_pool", In: nc.Main, Arity: nc.Take23},
		{Name: "ssl_engine", In: nc.Main, Arity: nc.Take1},
		{Name: "worker_connections", In: nc.Events, Arity: nc.Take1, Set: readNumber},
		{Name: "use", In: nc.Events, Arity: nc.Take1, Set: readEventMethod},
		{Name: "multi_accept", In: nc.Events, Arity: nc.Flag},
		{Name: "accept_mutex", In: nc.Events, Arity: nc.Flag},
		{Name: "accept_mutex_delay", In: nc.Events, Arity: nc.Take1},
		{Name: "debug_connection", In: nc.Events, Arity: nc.Take1},
		{Name: "worker_aio_requests", In: nc.Events, Arity: nc.Take1},
	}
}

// readNumber checks a number that has no effect.
func readNumber(_ *nc.Scope, d *nc.Directive) error {
	_, err := nc.ParseNumber(d.Args[0])
	return err
}

func readWorkerProcesses(_ *nc.Scope, d *nc.Directive) error {
	if d.Args[0] == "auto" {
		return nil
	}
	if n, err := nc.ParseNumber(d.Args[0]); err != nil || n == 0 {
		return nc.Complaint("invalid value")
	}
	return nil
}

func readEventMethod(_ *nc.Scope, d *nc.Directive) error {
	switch d.Args[0] {
	case "epoll", "select", "poll":
		return nil
	}
	return fmt.Errorf("invalid event type %q", d.Args[0])
}
