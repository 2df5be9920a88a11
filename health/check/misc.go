package check

import (
	"context"
	"fmt"
	"time"

	"tandem/internal/child"
)

// Misc is MISC_CHECK: a program whose exit status says how the server is.
type Misc struct {
	Command *child.Command
	Timeout time.Duration // after which it is ended: by TERM, and 2 s later by KILL
	// Dynamic: an exit status from 2 on is well, with a weight of two less.
	Dynamic bool
	Weight  int // that the server is configured with
	// Unusable says why the program must not be run, or is "": then the server
	// counts as failing.
	Unusable string
}

// String implements Method.
func (*Misc) String() string { return "MISC_CHECK" }

func (*Misc) asks() bool { return true }

// exit is how a program has ended.
type exit struct {
	late bool
	how  string // as keepalived's log has it: "exited with status 1"
}

func (m *Misc) ask(ctx context.Context, _ int) Answer {
	if m.Unusable != "" {
		return Answer{Reason: m.Unusable, exit: &exit{how: m.Unusable}}
	}
	p, err := child.Start(m.Command)
	if err != nil {
		r := child.Result{Err: err}
		return Answer{Reason: r.String(), exit: &exit{how: r.String()}}
	}
	timeout := time.NewTimer(m.Timeout)
	defer timeout.Stop()
	select {
	case <-p.Done():
	case <-ctx.Done():
		// Nobody waits for it any more.
		go p.Terminate()
		return Answer{}
	case <-timeout.C:
		p.Terminate()
		return Answer{Reason: fmt.Sprintf("timed out after %v", m.Timeout), exit: &exit{late: true}}
	}
	r := p.Result()
	a := Answer{OK: r.OK() || m.Dynamic && r.Signal == 0 && r.Status >= 2, Status: r.Status}
	if !a.OK {
		a.Reason = r.String()
		a.exit = &exit{how: fmt.Sprintf("exited with status %d", r.Status)}
		if r.Signal != 0 {
			a.exit.how = fmt.Sprintf("due to signal %d", r.Signal)
		}
	}
	return a
}

// program is what messages name.
func (m *Misc) program() string {
	if m.Command == nil || len(m.Command.Args) == 0 {
		return ""
	}
	return m.Command.Args[0]
}

// take is keepalived's misc_check_child_thread. A run begins so long after the one
// before has begun, not after it has ended.
func (m *Misc) take(s *state, spec *Spec, a Answer) (f Finding, next time.Duration) {
	f.Reason = a.Reason
	about := fmt.Sprintf("Misc check for [%s VS %s] by [%s] ", spec.Name, spec.Service, m.program())
	switch {
	case a.OK:
		if a.Status != s.status || !s.numbered {
			s.weight = 0
			if a.Status != 0 {
				s.weight = a.Status - 2 - m.Weight
			}
			s.status, s.numbered = a.Status, true
		}
		s.retries = 0
		if !s.up || !s.ran {
			f.log(about + "succeeded.")
			s.turned(&f, true)
			f.mail("=> MISC CHECK succeeded on service <=", f.Changed)
		}
	case s.up || !s.ran:
		verb, how := "failed", ""
		if a.exit != nil && a.exit.late {
			verb = "timed out"
		} else if a.exit != nil && a.exit.how != "" {
			how = " (" + a.exit.how + ")"
		}
		last := s.retries >= spec.Retry
		if last {
			s.retries = 0
			s.weight, s.status, s.numbered = 0, a.Status, true
		} else {
			s.retries++
		}
		if last || spec.LogAllFailures {
			f.log(about + verb + m.retrying(s, spec) + how + ".")
		}
		if last {
			s.turned(&f, false)
			f.mail("=> MISC CHECK "+verb+" on service <=", f.Changed)
		}
	default:
		s.status, s.numbered = a.Status, true
	}
	s.ran = true
	next = spec.DelayLoop
	if s.retries > 0 {
		next = spec.DelayBeforeRetry
	}
	return f, next - a.took
}

// retrying says how often it is still tried, or was.
func (m *Misc) retrying(s *state, spec *Spec) string {
	retries := "retries"
	if spec.Retry == 1 {
		retries = "retry"
	}
	switch {
	case spec.Retry == 0:
		return " with retry disabled"
	case s.retries == 1:
		return fmt.Sprintf(", will do %d %s", spec.Retry, retries)
	case s.retries > 1:
		return fmt.Sprintf(" on retry %d/%d", s.retries-1, spec.Retry)
	}
	return fmt.Sprintf(" after %d %s", spec.Retry, retries)
}
