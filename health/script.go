package health

import (
	"context"
	"fmt"
	"time"

	"tandem/internal/child"
	"tandem/internal/contain"
)

// Script runs a program again and again and counts its results (vrrp_script).
type Script struct {
	Name    string
	Command *child.Command
	// Prepare, if not nil, makes what is run this time of Command. It may wait
	// until the context ends.
	Prepare func(context.Context, *child.Command) *child.Command
	// Unusable says why the program must not be run, or is "": then it counts
	// as failing.
	Unusable string
	Interval time.Duration // from one start to the next
	Timeout  time.Duration // after which a run has failed, and is ended
	Fall     int           // failures in a row until it counts as failed
	Rise     int           // successes in a row until it counts as well again
	// InitFail: it counts as failed until it has succeeded Rise times.
	// Otherwise the first result decides.
	InitFail bool
	// Before is the verdict to begin with, of the same script in an older
	// configuration; its zero value: none.
	Before Verdict
	// Report is called on each change of the verdict, the first one included,
	// from the goroutine of Run. It must not block.
	Report func(Verdict)
	// Log is told what somebody should look at.
	Log func(text string)

	start func(*child.Command) (run, error) // nil: child.Start

	counter Counter
	verdict Verdict
	last    string // the last result's text
	told    bool   // that runs are skipped, since a run was in time
}

// run is a program that runs.
type run interface {
	Done() <-chan struct{}
	Result() child.Result
	Terminate() // returns when it has ended
}

// Run runs the program until the context ends, and then ends a run that is
// under way.
func (s *Script) Run(ctx context.Context) {
	s.begin()
	if s.Unusable != "" {
		s.set(false, s.Unusable)
		return
	}
	ticker := time.NewTicker(s.Interval)
	defer ticker.Stop()
	for {
		goOn := true
		if err := contain.Run("a run of script "+s.Name, func() { goOn = s.once(ctx, ticker.C) }); err != nil {
			s.count(false, err.Error())
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
		if !goOn {
			return
		}
	}
}

func (s *Script) begin() {
	if s.start == nil {
		s.start = func(c *child.Command) (run, error) { return child.Start(c) }
	}
	s.counter = Counter{Fall: s.Fall, Rise: s.Rise}
	switch {
	case !s.Before.Since.IsZero():
		s.counter.good = s.Before.Good
		s.verdict = s.Before
		s.Report(s.verdict)
	case s.InitFail:
		s.set(false, "has not succeeded yet")
	}
}

// once runs the program once and waits for the next tick. It returns false when
// the context has ended.
func (s *Script) once(ctx context.Context, tick <-chan time.Time) bool {
	command := s.Command
	if s.Prepare != nil {
		if command = s.Prepare(ctx, command); ctx.Err() != nil {
			return false
		}
	}
	p, err := s.start(command)
	if err != nil {
		s.count(false, child.Result{Err: err}.String())
		select {
		case <-ctx.Done():
			return false
		case <-tick:
			return true
		}
	}
	timeout := time.NewTimer(s.Timeout)
	defer timeout.Stop()
	late := false
	for {
		select {
		case <-ctx.Done():
			go p.Terminate()
			return false
		case <-timeout.C:
			s.count(false, fmt.Sprintf("timed out after %v", s.Timeout))
			s.end(p, tick)
			select {
			case <-ctx.Done():
				return false
			case <-tick:
				return true
			}
		case <-tick:
			late = true
			s.skip()
		case <-p.Done():
			r := p.Result()
			s.count(r.OK(), r.String())
			s.told = s.told && late
			select {
			case <-ctx.Done():
				return false
			case <-tick:
				return true
			}
		}
	}
}

// end ends a run that took too long. The runs that would have begun meanwhile
// are skipped.
func (s *Script) end(p run, tick <-chan time.Time) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer contain.Recover("ending a script")
		p.Terminate()
	}()
	for {
		select {
		case <-ended:
			return
		case <-tick:
			s.skip()
		}
	}
}

// skip notes that a run is not begun because the one before still goes on.
func (s *Script) skip() {
	if !s.told {
		s.told = true
		s.Log(fmt.Sprintf("script %s: a run takes longer than its interval of %v, the next one is skipped", s.Name, s.Interval))
	}
}

// count takes one result. The first one decides alone.
func (s *Script) count(ok bool, text string) {
	if text != s.last {
		if s.last != "" || !ok {
			s.Log(fmt.Sprintf("script %s: %s", s.Name, text))
		}
		s.last = text
	}
	if s.verdict.Since.IsZero() {
		s.counter.good = ok
		s.set(ok, text)
		return
	}
	if s.counter.Add(ok) {
		s.set(ok, text)
	}
}

func (s *Script) set(ok bool, text string) {
	s.verdict = Verdict{Good: ok, Reason: text, Since: time.Now()}
	s.Report(s.verdict)
}
