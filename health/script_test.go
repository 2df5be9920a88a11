package health

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/internal/child"
)

// scripted is a Script that does what a list says: "+" succeeds, "-" fails, and
// "z" hangs; its end goes on as its last. It writes what it reports.
type scripted struct {
	*Script
	verdicts chan Verdict
	dir      string

	mu  sync.Mutex
	log []string
}

func newScripted(t *testing.T, runs string) *scripted {
	dir := t.TempDir()
	name := filepath.Join(dir, "check")
	text := `#!/bin/sh
cd ` + dir + `
n=$(cat n 2>/dev/null || echo 0)
echo $((n+1)) > n
r=$(cut -c$((n+1)) runs)
[ -n "$r" ] || r=$(tail -c 2 runs)
case $r in
+) exit 0;;
-) exit 1;;
z) sleep 100;;
esac
`
	if err := os.WriteFile(filepath.Join(dir, "runs"), []byte(runs+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	s := &scripted{verdicts: make(chan Verdict, 100), dir: dir}
	s.Script = &Script{
		Name: "check", Command: &child.Command{Args: []string{name}}, Interval: 20 * time.Millisecond, Timeout: 10 * time.Second, Fall: 1, Rise: 1,
		Report: func(v Verdict) { s.verdicts <- v },
		Log: func(text string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.log = append(s.log, text)
		},
	}
	return s
}

func (s *scripted) start(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		s.Run(ctx)
		close(ended)
	}()
	t.Cleanup(func() { cancel(); <-ended })
}

func (s *scripted) next(t *testing.T) Verdict {
	t.Helper()
	select {
	case v := <-s.verdicts:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("no verdict")
		return Verdict{}
	}
}

// ran returns how often it was started.
func (s *scripted) ran(t *testing.T) string {
	data, err := os.ReadFile(filepath.Join(s.dir, "n"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

func TestScript(t *testing.T) {
	for _, c := range []struct {
		name       string
		runs       string
		rise, fall int
		initFail   bool
		before     Verdict
		want       string // of verdicts: + and -
	}{
		{"the first result decides", "+", 3, 3, false, Verdict{}, "+"},
		{"the first failure too", "-", 3, 3, false, Verdict{}, "-"},
		{"fall", "+--+---+", 1, 3, false, Verdict{}, "+-+"},
		{"rise", "-++-+++-", 3, 1, false, Verdict{}, "-+-"},
		{"init_fail", "++-+++", 3, 1, true, Verdict{}, "-+"},
		{"reload", "--+-", 1, 2, false, Verdict{Good: true, Since: time.Now()}, "+-+"},
		{"reload of a failed one with init_fail", "++", 2, 2, true, Verdict{Since: time.Now()}, "-+"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScripted(t, c.runs)
			s.Rise, s.Fall, s.InitFail, s.Before = c.rise, c.fall, c.initFail, c.before
			s.start(t)
			got := ""
			for range c.want {
				if s.next(t).Good {
					got += "+"
				} else {
					got += "-"
				}
			}
			if got != c.want {
				t.Errorf("%s gives %s, want %s", c.runs, got, c.want)
			}
		})
	}
}

// A run that takes too long is a failure, and its successors are skipped until
// it has ended.
func TestScriptTimeout(t *testing.T) {
	t.Parallel()
	s := newScripted(t, "+z+")
	s.Timeout = 300 * time.Millisecond
	s.start(t)
	if v := s.next(t); !v.Good {
		t.Error(v)
	}
	if v := s.next(t); v.Good || v.Reason != "timed out after 300ms" || s.ran(t) != "2" {
		t.Errorf("%+v, %s runs", v, s.ran(t))
	}
	if v := s.next(t); !v.Good || s.ran(t) != "3" {
		t.Errorf("%+v, %s runs", v, s.ran(t))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	const want = "script check: a run takes longer than its interval of 20ms, the next one is skipped|script check: timed out after 300ms|script check: exit status 0"
	if got := strings.Join(s.log, "|"); got != want {
		t.Errorf("log:\n%s\nwant\n%s", got, want)
	}
}

// What cannot be executed counts as failing, and is tried again.
func TestScriptNotExecutable(t *testing.T) {
	t.Parallel()
	s := newScripted(t, "+")
	name := s.Command.Args[0]
	if err := os.Chmod(name, 0o644); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	if v := s.next(t); v.Good || v.Reason != "cannot be executed: permission denied" {
		t.Errorf("%+v", v)
	}
	if err := os.Chmod(name, 0o755); err != nil {
		t.Fatal(err)
	}
	if v := s.next(t); !v.Good {
		t.Errorf("%+v", v)
	}
}

func TestScriptUnusable(t *testing.T) {
	t.Parallel()
	s := newScripted(t, "+")
	s.Unusable, s.Before = "can be changed by others", Verdict{Good: true, Since: time.Now()}
	s.start(t)
	s.next(t)
	if v := s.next(t); v.Good || v.Reason != "can be changed by others" {
		t.Errorf("%+v", v)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "n")); err == nil {
		t.Error("it ran")
	}
}
