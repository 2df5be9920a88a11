package health

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tandem/internal/child"
)

// listed is a Script whose runs a list says, on a clock of its own: "+"
// succeeds and "-" fails at once, "s" succeeds a little after its interval, and
// "z" goes on until it is ended. The list's last run goes on for ever.
type listed struct {
	*Script
	runs     atomic.Int32
	verdicts chan Verdict
	latest   Verdict // that pass has seen
	log      []string
}

const (
	listedInterval = 10 * time.Second
	listedTimeout  = 35 * time.Second
)

func newListed(t *testing.T, runs string) *listed {
	// A run that is under way at the end takes its time to end.
	t.Cleanup(func() { time.Sleep(3 * listedInterval) })
	s := &listed{verdicts: make(chan Verdict, 100)}
	s.Script = &Script{
		Name: "check", Interval: listedInterval, Timeout: listedTimeout, Fall: 1, Rise: 1,
		Report: func(v Verdict) { s.verdicts <- v },
		Log:    func(text string) { s.log = append(s.log, text) },
		start: func(*child.Command) (run, error) {
			return newListedRun(runs[min(int(s.runs.Add(1))-1, len(runs)-1)]), nil
		},
	}
	return s
}

// pass lets n intervals pass, and returns the verdicts that came of them.
func (s *listed) pass(n int) (verdicts string) {
	time.Sleep(time.Duration(n) * listedInterval)
	synctest.Wait()
	for len(s.verdicts) > 0 {
		s.latest = <-s.verdicts
		verdicts += map[bool]string{true: "+", false: "-"}[s.latest.Good]
	}
	return verdicts
}

// begun returns how many runs there have been.
func (s *listed) begun() int { return int(s.runs.Load()) }

// listedRun is a run of a listed Script.
type listedRun struct {
	done   chan struct{}
	end    func()
	result child.Result
}

func newListedRun(kind byte) *listedRun {
	r := &listedRun{done: make(chan struct{})}
	r.end = sync.OnceFunc(func() { close(r.done) })
	switch kind {
	case '-':
		r.result.Status = 1
		fallthrough
	case '+':
		time.AfterFunc(listedInterval/10, r.end)
	case 's':
		time.AfterFunc(listedInterval+listedInterval/10, r.end)
	}
	return r
}

func (r *listedRun) Done() <-chan struct{} { return r.done }

func (r *listedRun) Result() child.Result {
	<-r.done
	return r.result
}

// Terminate takes two intervals, as for a program that does not heed TERM.
func (r *listedRun) Terminate() {
	time.Sleep(2 * listedInterval)
	r.result = child.Result{Signal: syscall.SIGKILL}
	r.end()
}

func TestScript(t *testing.T) {
	for _, c := range []struct {
		name       string
		runs       string
		rise, fall int
		initFail   bool
		before     bool // there is a verdict of an older configuration
		good       bool // it is this one
		want       string
	}{
		{"the first result decides", "+", 3, 3, false, false, false, "+"},
		{"the first failure too", "-", 3, 3, false, false, false, "-"},
		{"fall", "+--+---+-", 1, 3, false, false, false, "+-+"},
		{"rise", "-++-+++-+", 3, 1, false, false, false, "-+-"},
		{"init_fail", "++-+++", 3, 1, true, false, false, "-+"},
		{"reload", "--+-", 1, 2, false, true, true, "+-+"},
		{"reload of a failed one with init_fail", "++", 2, 2, true, true, false, "-+"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newListed(t, c.runs)
				s.Rise, s.Fall, s.InitFail = c.rise, c.fall, c.initFail
				if c.before {
					s.Before = Verdict{Good: c.good, Since: time.Now()}
				}
				go s.Run(t.Context())
				if got := s.pass(len(c.runs)); got != c.want || s.begun() != len(c.runs)+1 {
					t.Errorf("%s gives %s after %d runs, want %s after %d", c.runs, got, s.begun(), c.want, len(c.runs)+1)
				}
			})
		})
	}
}

// A run that takes too long is a failure, and its successors are skipped until
// it has ended.
func TestScriptTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newListed(t, "+z+")
		go s.Run(t.Context())
		if got := s.pass(4); got != "+" || s.begun() != 2 {
			t.Errorf("%q after %d runs", got, s.begun())
		}
		if got := s.pass(1); got != "-" || s.latest.Reason != "timed out after 35s" || s.begun() != 2 {
			t.Errorf("%q, %+v after %d runs", got, s.latest, s.begun())
		}
		if got := s.pass(3); got != "+" || s.begun() != 4 {
			t.Errorf("%q after %d runs", got, s.begun())
		}
		const want = "script check: a run takes longer than its interval of 10s, the next one is skipped|script check: timed out after 35s|script check: exit status 0"
		if got := strings.Join(s.log, "|"); got != want {
			t.Errorf("log:\n%s\nwant\n%s", got, want)
		}
	})
}

// That runs take longer than their interval is told once, whatever comes of
// them, until one was in time.
func TestScriptLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newListed(t, "+sss-s+")
		go s.Run(t.Context())
		s.pass(12)
		const late = "script check: a run takes longer than its interval of 10s, the next one is skipped"
		const want = late + "|script check: exit status 1|" + late + "|script check: exit status 0"
		if got := strings.Join(s.log, "|"); got != want {
			t.Errorf("log:\n%s\nwant\n%s", got, want)
		}
	})
}

func TestScriptUnusable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newListed(t, "+")
		s.Unusable, s.Before = "can be changed by others", Verdict{Good: true, Since: time.Now()}
		go s.Run(t.Context())
		if got := s.pass(2); got != "+-" || s.latest.Reason != "can be changed by others" || s.begun() != 0 {
			t.Errorf("%q, %+v after %d runs", got, s.latest, s.begun())
		}
	})
}

// program is a Script that runs a real program: a shell script with this text.
func program(t *testing.T, text string) (s *Script, expect func(good bool, reason string)) {
	name := filepath.Join(t.TempDir(), "check")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	verdicts := make(chan Verdict, 100)
	s = &Script{
		Name: "check", Command: &child.Command{Args: []string{name}}, Interval: 20 * time.Millisecond, Timeout: time.Minute, Fall: 1, Rise: 1,
		Report: func(v Verdict) { verdicts <- v }, Log: func(string) {},
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	t.Cleanup(func() { cancel(); <-ended })
	begin := sync.OnceFunc(func() {
		go func() { s.Run(ctx); close(ended) }()
	})
	return s, func(good bool, reason string) {
		t.Helper()
		begin()
		select {
		case v := <-verdicts:
			if v.Good != good || v.Reason != reason {
				t.Errorf("%v %q, want %v %q", v.Good, v.Reason, good, reason)
			}
		case <-time.After(time.Minute):
			t.Fatal("no verdict")
		}
	}
}

func TestScriptStatus(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "status")
	_, expect := program(t, "[ ! -e "+name+" ]\n")
	expect(true, "exit status 0")
	if err := os.WriteFile(name, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	expect(false, "exit status 1")
}

// A program that takes too long is ended, and then run again.
func TestScriptEnded(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "asleep")
	s, expect := program(t, "[ -e "+name+" ] && exit 0\n>"+name+"\nexec sleep 1000\n")
	s.Timeout = time.Second
	expect(false, "timed out after 1s")
	expect(true, "exit status 0")
}

// What cannot be executed counts as failing, and is tried again.
func TestScriptNotExecutable(t *testing.T) {
	t.Parallel()
	s, expect := program(t, "")
	name := s.Command.Args[0]
	if err := os.Chmod(name, 0o644); err != nil {
		t.Fatal(err)
	}
	expect(false, "cannot be executed: permission denied")
	if err := os.Chmod(name, 0o755); err != nil {
		t.Fatal(err)
	}
	expect(true, "exit status 0")
}
