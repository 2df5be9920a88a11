package check

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// scripted answers as it is told to: . is well, x is not, - cannot be asked; the
// last one again and again. What follows is TCP's, or that of another method.
type scripted struct {
	as     Method
	script string
	takes  time.Duration // how long an answer takes

	mu    sync.Mutex
	n     int
	open  int
	most  int // checks at the same time
	turns []int
}

func (m *scripted) String() string { return "SCRIPT" }
func (m *scripted) asks() bool     { return true }

func (m *scripted) ask(ctx context.Context, turn int) Answer {
	m.mu.Lock()
	c := m.script[min(m.n, len(m.script)-1)]
	m.n++
	m.open++
	m.most = max(m.most, m.open)
	m.turns = append(m.turns, turn)
	m.mu.Unlock()
	defer func() { m.mu.Lock(); m.open--; m.mu.Unlock() }()
	select {
	case <-time.After(m.takes):
	case <-ctx.Done():
		return Answer{}
	}
	switch c {
	case '.':
		return Answer{OK: true}
	case '-':
		return Answer{Unasked: "no socket"}
	}
	return Answer{Reason: "it is ill", Text: "one of %s failed."}
}

func (m *scripted) take(s *state, spec *Spec, a Answer) (Finding, time.Duration) {
	return m.as.take(s, spec, a)
}

// trace runs a checker on a clock of its own, and returns what it tells: the second,
// the verdict where it changes or is the first, and the lines of the log.
func trace(t *testing.T, spec Spec, seconds int) string {
	t.Helper()
	var b strings.Builder
	synctest.Test(t, func(t *testing.T) {
		e := NewEngine()
		defer e.Close()
		begun := time.Now()
		var mu sync.Mutex
		spec.Name, spec.Service = "RS", "VS"
		e.Add(&spec, nil, func(f Finding) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(&b, "%v", time.Since(begun).Seconds())
			if f.First {
				b.WriteString(" first")
			}
			if f.Changed || f.First {
				fmt.Fprintf(&b, " up=%v", f.Up)
			}
			for _, l := range f.Logs {
				fmt.Fprintf(&b, " | %s", l)
			}
			b.WriteByte('\n')
		})
		time.Sleep(time.Duration(seconds)*time.Second + time.Millisecond)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
	})
	return b.String()
}

func expect(t *testing.T, got, want string) {
	t.Helper()
	if want = strings.TrimPrefix(want, "\n"); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

var every10 = Spec{DelayLoop: 10 * time.Second, DelayBeforeRetry: 2 * time.Second, Retry: 2}

// with returns every10 with a method that is asked as a script says.
func with(as Method, script string) Spec {
	s := every10
	s.Method = &scripted{as: as, script: script}
	return s
}

// The first failure at the start is enough, later ones are tried again; who is up
// has to fail once more often than retry says.
func TestRetries(t *testing.T) {
	expect(t, trace(t, with(&TCP{}, "x.xx.xxx."), 60), `
0 first up=false | TCP_CHECK on service RS failed.
10 up=true | TCP connection to RS success.
20
22
24
34
36
38 up=false | TCP_CHECK on service RS failed after 2 retries.
48 up=true | TCP connection to RS success.
58
`)
}

// In alpha mode a server is down until it has been well, and a first failure is told.
func TestAlpha(t *testing.T) {
	s := with(&TCP{}, "xx.")
	s.Alpha = true
	expect(t, trace(t, s, 20), `
0 first up=false | TCP_CHECK on service RS failed.
10
20 up=true | TCP connection to RS success.
`)
	s = with(&TCP{}, ".")
	s.Alpha = true
	expect(t, trace(t, s, 10), `
0 first up=true | TCP connection to RS success.
10
`)
}

// Without alpha a server that is well from the beginning is told as the first
// verdict, and not as a change.
func TestWellFromTheBeginning(t *testing.T) {
	expect(t, trace(t, with(&TCP{}, "."), 10), `
0 first up=true | TCP connection to RS success.
10
`)
}

func TestLogAllFailures(t *testing.T) {
	s := with(&UDP{}, ".xxx")
	s.LogAllFailures = true
	expect(t, trace(t, s, 24), `
0 first up=true | UDP connection to RS success.
10 | one of RS failed.
12 | one of RS failed.
14 up=false | one of RS failed. | UDP_CHECK on service RS failed after 2 retries.
24
`)
}

// What could not be asked says nothing of the server.
func TestUnasked(t *testing.T) {
	expect(t, trace(t, with(&TCP{}, ".---"), 30), `
0 first up=true | TCP connection to RS success.
10 | no socket
20 | no socket
30 | no socket
`)
}

// An ICMP check names the service, too, as keepalived does.
func TestPingWords(t *testing.T) {
	expect(t, trace(t, with(&Ping{}, ".xxx"), 14), `
0 first up=true | ICMP connection to RS success.
10
12
14 up=false | ICMP CHECK on service RS of VS failed after 2 retries.
`)
}

// Each check of a web server asks for one URL. One that fails is asked until it is
// good again, and then all of them have to be.
func TestWebTurns(t *testing.T) {
	s := with(&Web{URLs: make([]URL, 2)}, "..xxx..... ")
	expect(t, trace(t, s, 74), `
0
10 first up=true | Remote Web server RS succeed on service.
20
22
24 up=false | HTTP_CHECK on service RS failed after 2 retries.
34
44
54 up=true | Remote Web server RS succeed on service.
64
74
`)
	if got := fmt.Sprint(s.Method.(*scripted).turns); got != "[0 1 0 0 0 0 0 1 0 1]" {
		t.Errorf("URLs %s", got)
	}
	s = with(&Web{URLs: make([]URL, 2), FastRecovery: true}, "..xxx..... ")
	expect(t, trace(t, s, 34), `
0
0.001 first up=true | Remote Web server RS succeed on service.
10.02
12.02
14.02 up=false | HTTP_CHECK on service RS failed after 2 retries.
24.02
24.021
24.022 up=true | Remote Web server RS succeed on service.
`)
}

// A program's run begins so long after the one before has begun.
func TestMiscPace(t *testing.T) {
	s := with(&Misc{}, ".xxx")
	s.Method.(*scripted).takes = time.Second
	expect(t, trace(t, s, 25), `
1 first up=true | Misc check for [RS VS VS] by [] succeeded.
11
13
15 up=false | Misc check for [RS VS VS] by [] failed after 2 retries.
25
`)
}

// A checker that waits has no goroutine; one that takes longer than its pace is
// not begun twice; one that is removed tells nothing any more.
func TestNeverTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewEngine()
		m := &scripted{as: &TCP{}, script: ".", takes: 35 * time.Second}
		s := every10
		s.Method = m
		told := 0
		c := e.Add(&s, nil, func(Finding) { told++ })
		time.Sleep(100 * time.Second)
		synctest.Wait()
		if m.most != 1 || told != 2 || m.open != 1 {
			t.Errorf("%d at a time, told %d times, %d under way", m.most, told, m.open)
		}
		c.Remove()
		time.Sleep(100 * time.Second)
		synctest.Wait()
		if told != 2 || m.open != 0 {
			t.Errorf("after its end: told %d times, %d under way", told, m.open)
		}
		e.Close()
	})
}

// A checker that is paused asks nobody, and asks at once when it goes on.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewEngine()
		defer e.Close()
		m := &scripted{as: &TCP{}, script: "."}
		s := every10
		s.Method = m
		c := e.Add(&s, nil, func(Finding) {})
		c.Pause(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		if m.n != 0 {
			t.Errorf("asked %d times while paused", m.n)
		}
		c.Pause(false)
		synctest.Wait()
		if m.n != 1 {
			t.Errorf("asked %d times", m.n)
		}
	})
}

// The same check of another configuration goes on with the verdict, and at its pace.
func TestContinue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewEngine()
		defer e.Close()
		s := with(&TCP{}, "x")
		c := e.Add(&s, nil, func(Finding) {})
		time.Sleep(time.Second)
		synctest.Wait()
		next := with(&TCP{}, ".")
		next.Warmup = time.Hour
		var at []time.Duration
		begun := time.Now()
		d := e.Add(&next, c, func(f Finding) {
			if !f.Changed || f.First {
				t.Errorf("%+v", f)
			}
			at = append(at, time.Since(begun))
			c.Remove()
		})
		if d.Up() {
			t.Error("a server that was down is up by a reload")
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(at) != 1 || at[0] != 9*time.Second {
			t.Errorf("asked after %v", at)
		}
	})
}

// Warmup spreads the first checks.
func TestWarmup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewEngine()
		defer e.Close()
		begun, seen := time.Now(), map[time.Duration]bool{}
		var mu sync.Mutex
		for range 100 {
			s := with(&TCP{}, ".")
			s.Warmup, s.DelayLoop = 20*time.Second, time.Hour
			e.Add(&s, nil, func(Finding) {
				mu.Lock()
				defer mu.Unlock()
				seen[time.Since(begun)/time.Second] = true
			})
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if len(seen) < 10 {
			t.Errorf("100 first checks within %d seconds", len(seen))
		}
	})
}

// The number in a file is a weight or a fault; BFD says up or down.
func TestPushed(t *testing.T) {
	for _, c := range []struct {
		m      Method
		pushed []Answer
		want   string
	}{
		{&File{Weight: 2}, []Answer{{Status: 0}, {Status: 3}, {Status: -4}, {Status: -2147483648}, {Status: 1}},
			"up=true 0 first; up=true 6; up=true -8; up=false 0 changed; up=true 2 changed"},
		{&File{}, []Answer{{Status: 0}, {Status: 7}, {Status: 0}}, "up=true 0 first; up=false 0 changed; up=true 0 changed"},
		{&File{Reverse: true}, []Answer{{Status: 0}, {Status: 7}}, "up=false 0 first changed; up=true 0 changed"},
		{&BFD{Session: "b"}, []Answer{{}, {OK: true}, {OK: true}},
			"up=false 0 first changed BFD check of [b] RS(RS) is DOWN; up=true 0 changed BFD check of [b] RS(RS) is UP; up=true 0"},
	} {
		e := NewEngine()
		var got []string
		ch := e.Add(&Spec{Name: "RS", Method: c.m}, nil, func(f Finding) {
			text := fmt.Sprintf("up=%v %d", f.Up, f.Weight)
			if f.First {
				text += " first"
			}
			if f.Changed {
				text += " changed"
			}
			got = append(got, strings.Join(append([]string{text}, f.Logs...), " "))
		})
		for _, a := range c.pushed {
			ch.Push(a)
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%v %+v: %s\nwant %s", c.m, c.m, strings.Join(got, "; "), c.want)
		}
		e.Close()
	}
}

// A panic in a check is a failure.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewEngine()
		defer e.Close()
		var got Finding
		e.Add(&Spec{Name: "RS", Method: panics{}, DelayLoop: time.Minute}, nil, func(f Finding) { got = f })
		time.Sleep(time.Second)
		synctest.Wait()
		if got.Up || !strings.HasPrefix(got.Reason, "panic in a check of RS") {
			t.Errorf("%+v", got)
		}
	})
}

type panics struct{ TCP }

func (panics) ask(context.Context, int) Answer { panic("on purpose") }
func (panics) asks() bool                      { return true }
func (panics) String() string                  { return "PANIC" }
func (panics) take(s *state, spec *Spec, a Answer) (Finding, time.Duration) {
	return tcpWords.take(s, spec, a)
}
