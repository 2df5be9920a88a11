package health

import (
	"context"
	"sync"
	"time"

	"tandem/internal/contain"
)

// Verdict is what the self-probe of an instance came to.
type Verdict struct {
	Good   bool
	Reason string    // why not, "" when good
	Since  time.Time // of the last change
}

// SelfProbe asks a set of listeners again and again; all must answer.
type SelfProbe struct {
	Probes []*Probe
	// Conditions have to hold as well in each round. Each returns why it does
	// not, nil if it does; that counts at once.
	Conditions []func() error

	Interval time.Duration // from one round to the next
	Fall     int           // failures in a row until a listener counts as failed
	Rise     int           // successes in a row until it counts as well again
	// Report is called on each change of the verdict, the first one included,
	// from the goroutine of Run. It must not block.
	Report func(Verdict)

	mu      sync.Mutex
	verdict Verdict
	decided bool
	first   chan struct{} // closed when it is decided; nil: nobody waits for that
	last    []Result
}

// Result is what came of asking one listener once.
type Result struct {
	Probe  *Probe
	Status int   // 0: no HTTP answer
	Err    error // nil: it counts as an answer
	At     time.Time
	Took   time.Duration
}

// Verdict returns the last verdict; bad, and without a time, before the first.
func (s *SelfProbe) Verdict() Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.verdict
}

// Await is Verdict, and waits for the first one, at most until the context ends.
func (s *SelfProbe) Await(ctx context.Context) Verdict {
	s.mu.Lock()
	if s.first == nil {
		s.first = make(chan struct{})
		if s.decided {
			close(s.first)
		}
	}
	first := s.first
	s.mu.Unlock()
	select {
	case <-first:
	case <-ctx.Done():
	}
	return s.Verdict()
}

// Last returns the last result of each listener; none before the first round
// has ended.
func (s *SelfProbe) Last() []Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// Run probes until the context ends. Without anything to probe the node is
// well: its addresses serve something else.
func (s *SelfProbe) Run(ctx context.Context) {
	if len(s.Probes) == 0 && len(s.Conditions) == 0 {
		s.set(Verdict{Good: true, Since: time.Now()})
		return
	}
	counters := make([]Counter, len(s.Probes))
	reasons := make([]string, len(s.Probes))
	for i := range counters {
		// The first success at start is enough: nothing has failed yet.
		counters[i] = Counter{Fall: s.Fall, Rise: 1}
	}
	ticker := time.NewTicker(s.Interval)
	defer ticker.Stop()
	for {
		results := s.round(ctx)
		if ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		s.last = results
		s.mu.Unlock()
		for i, r := range results {
			counters[i].Add(r.Err == nil)
			if r.Err != nil {
				reasons[i] = r.Err.Error()
			}
			if counters[i].Good() {
				counters[i].Rise = s.Rise
			}
		}
		s.judge(counters, reasons)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// round asks every listener once, all at the same time.
func (s *SelfProbe) round(ctx context.Context) []Result {
	results := make([]Result, len(s.Probes))
	ask := func(i int) {
		r := Result{Probe: s.Probes[i], At: time.Now()}
		if err := contain.Run("a self-probe", func() { r.Status, r.Err = r.Probe.Once(ctx) }); err != nil {
			r.Err = err
		}
		r.Took = time.Since(r.At)
		results[i] = r
	}
	if len(s.Probes) == 1 {
		ask(0)
		return results
	}
	var wg sync.WaitGroup
	for i := range s.Probes {
		wg.Go(func() { ask(i) })
	}
	wg.Wait()
	return results
}

func (s *SelfProbe) judge(counters []Counter, reasons []string) {
	v := Verdict{Good: true, Since: time.Now()}
	for i := range counters {
		if !counters[i].Good() {
			v.Good, v.Reason = false, reasons[i]
			break
		}
	}
	for _, holds := range s.Conditions {
		if err := holds(); err != nil && v.Good {
			v.Good, v.Reason = false, err.Error()
		}
	}
	s.set(v)
}

// set publishes a verdict that differs from the last.
func (s *SelfProbe) set(v Verdict) {
	s.mu.Lock()
	changed := !s.decided || v.Good != s.verdict.Good
	if !s.decided && s.first != nil {
		close(s.first)
	}
	if changed {
		s.verdict, s.decided = v, true
	}
	s.mu.Unlock()
	if changed && s.Report != nil {
		s.Report(v)
	}
}
