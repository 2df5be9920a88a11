package errorlog

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lines keeps what is written, without what stands before the message.
type lines struct {
	mu   sync.Mutex
	list []string
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, text, _ := strings.Cut(string(b), ": ")
	l.list = append(l.list, strings.TrimSuffix(text, "\n"))
	return len(b), nil
}

func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.Join(l.list, "\n")
	l.list = nil
	return text
}

func TestRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lines
		l := New(Target{Level: Notice, To: &out})
		// The first ones are written at once, beside others.
		for range 1000 {
			l.Printf(Notice, "lower priority heard")
		}
		l.Printf(Notice, "something else")
		if got := out.take(); got != strings.Repeat("lower priority heard\n", 5)+"something else" {
			t.Errorf("at once:\n%s", got)
		}
		// The others are told after a second, and then less and less often.
		time.Sleep(1100 * time.Millisecond)
		if got, want := out.take(), "message repeated 995 times: [ lower priority heard]"; got != want {
			t.Errorf("after a second: %q", got)
		}
		l.Printf(Notice, "lower priority heard")
		l.Printf(Notice, "lower priority heard")
		time.Sleep(1800 * time.Millisecond)
		if got := out.take(); got != "" {
			t.Errorf("too early: %q", got)
		}
		time.Sleep(200 * time.Millisecond)
		if got, want := out.take(), "message repeated 2 times: [ lower priority heard]"; got != want {
			t.Errorf("after two more seconds: %q", got)
		}
		// When it has been quiet for that long it is written again at once.
		time.Sleep(5 * time.Second)
		l.Printf(Notice, "lower priority heard")
		if got := out.take(); got != "lower priority heard" {
			t.Errorf("after a while: %q", got)
		}
		// What comes once in a second is no repetition.
		for range 20 {
			l.Printf(Notice, "once in a second")
			time.Sleep(250 * time.Millisecond)
		}
		if n := strings.Count(out.take(), "once in a second"); n != 20 {
			t.Errorf("%d of 20 lines", n)
		}
		// Lines about connections are counted by others.
		for range 100 {
			l.Write(Error, 7, []byte("limiting requests"))
		}
		if n := strings.Count(out.take(), "*7 limiting requests"); n != 100 {
			t.Errorf("%d of 100 lines", n)
		}
		time.Sleep(2 * repeatMost)
	})
}

// kept returns how many lines are remembered.
func (r *Repeats) kept() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seen)
}

// However many different lines there are, what is kept is bounded, and all are written.
func TestRepeatsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lines
		l := New(Target{Level: Notice, To: &out})
		for i := range 1000 {
			l.Printf(Notice, "line %d", i)
		}
		if n := strings.Count(out.take(), "line"); n != 1000 {
			t.Errorf("%d of 1000 lines", n)
		}
		if n := l.repeats.kept(); n > repeatLines {
			t.Errorf("%d lines kept", n)
		}
		for i := range 100 {
			for range 10 {
				l.Printf(Notice, "flood %d", i)
			}
		}
		if n := l.repeats.kept(); n > repeatLines {
			t.Errorf("%d lines kept", n)
		}
		if got := out.take(); !strings.Contains(got, fmt.Sprintf("flood %d", 99)) {
			t.Error("a first occurrence was not written")
		}
		time.Sleep(2 * repeatMost)
	})
}
