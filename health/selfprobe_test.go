package health

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestCounter(t *testing.T) {
	c := Counter{Fall: 2, Rise: 3}
	got := ""
	for _, r := range "++++-+--+-++-+++" {
		changed := c.Add(r == '+')
		mark := "."
		if c.Good() {
			mark = "G"
		}
		if changed {
			mark += "!"
		}
		got += mark
	}
	// Two failures in a row end it, three successes in a row bring it back.
	if want := "..G!GGGG.!.......G!"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// server answers every connection with what answer holds: "" closes without a
// word, "hang" keeps it open.
type server struct {
	addr   netip.AddrPort
	answer atomic.Value
}

func startServer(t *testing.T, answer string) *server {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: l.Addr().(*net.TCPAddr).AddrPort()}
	s.answer.Store(answer)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			a := s.answer.Load().(string)
			if a == "hang" {
				t.Cleanup(func() { _ = c.Close() })
				continue
			}
			// The request is read to its end, so that closing does not reset.
			buf := make([]byte, 512)
			for n := 0; !strings.Contains(string(buf[:n]), "\r\n\r\n"); {
				m, err := c.Read(buf[n:])
				if err != nil {
					break
				}
				n += m
			}
			_, _ = io.WriteString(c, a)
			_ = c.Close()
		}
	}()
	return s
}

func good(status int) bool { return status >= 200 && status < 500 }

func TestOnce(t *testing.T) {
	s := startServer(t, "")
	p := &Probe{Addr: s.addr, Host: "h", Path: "/x", Good: good}
	for _, c := range []struct {
		answer, want string
		status       int
	}{
		{"HTTP/1.1 200 OK\r\n\r\n", "", 200},
		{"HTTP/1.1 404 Not Found\r\n\r\n", "", 404},
		{"", "", 0},
		{"HTTP/1.1 503 Busy\r\n\r\n", "answered 503 to GET /x", 503},
		{"hang", "no answer from " + s.addr.String() + " to GET /x: timed out", 0},
		{"SSH-2.0\r\n", "the answer is not HTTP", 0},
	} {
		s.answer.Store(c.answer)
		if p.Timeout = time.Minute; c.answer == "hang" {
			p.Timeout = 100 * time.Millisecond
		}
		status, err := p.Once(context.Background())
		text := ""
		if err != nil {
			text = err.Error()
		}
		if status != c.status || c.want == "" && text != "" || !strings.Contains(text, c.want) {
			t.Errorf("%q: %d, %q; want %d, %q", c.answer, status, text, c.status, c.want)
		}
	}
	closed := &Probe{Addr: netip.MustParseAddrPort("127.0.0.1:1"), Path: "/", Timeout: time.Minute, Good: good}
	if _, err := closed.Once(context.Background()); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("closed port: %v", err)
	}
}

func TestSelfProbe(t *testing.T) {
	a, b := startServer(t, "HTTP/1.1 200 OK\r\n\r\n"), startServer(t, "HTTP/1.1 500 No\r\n\r\n")
	verdicts := make(chan Verdict, 8)
	s := &SelfProbe{Interval: 5 * time.Millisecond, Fall: 2, Rise: 2, Report: func(v Verdict) { verdicts <- v }}
	for _, srv := range []*server{a, b} {
		s.Probes = append(s.Probes, &Probe{Addr: srv.addr, Path: "/", Timeout: time.Minute, Good: good})
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go s.Run(ctx)
	next := func() Verdict {
		select {
		case v := <-verdicts:
			return v
		case <-time.After(time.Minute):
			t.Fatal("no verdict")
			return Verdict{}
		}
	}
	if v := next(); v.Good || !strings.Contains(v.Reason, "answered 500") {
		t.Errorf("first verdict: %+v", v)
	}
	last := s.Last()
	if len(last) != 2 || last[0].Status != 200 || last[0].Err != nil || last[1].Status != 500 || last[1].Err == nil || last[1].Probe != s.Probes[1] {
		t.Errorf("last results: %+v", last)
	}
	b.answer.Store("HTTP/1.1 200 OK\r\n\r\n")
	if v := next(); !v.Good {
		t.Errorf("second verdict: %+v", v)
	}
	a.answer.Store("HTTP/1.1 502 Bad Gateway\r\n\r\n")
	if v := next(); v.Good || s.Verdict().Good {
		t.Errorf("third verdict: %+v", v)
	}
}

// What else has to hold counts at once, beside listeners and without any.
func TestConditions(t *testing.T) {
	for _, probes := range [][]*Probe{nil, {{Addr: startServer(t, "HTTP/1.1 200 OK\r\n\r\n").addr, Path: "/", Timeout: time.Minute, Good: good}}} {
		verdicts := make(chan Verdict, 8)
		var failing atomic.Bool
		s := &SelfProbe{Probes: probes, Interval: time.Millisecond, Fall: 1000, Rise: 1000, Report: func(v Verdict) { verdicts <- v }}
		s.Conditions = []func() error{func() error { return nil }, func() error {
			if failing.Load() {
				return errors.New("no back end")
			}
			return nil
		}}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			s.Run(ctx)
			close(done)
		}()
		for _, reason := range []string{"", "no back end", ""} {
			failing.Store(reason != "")
			select {
			case v := <-verdicts:
				if v.Good != (reason == "") || v.Reason != reason {
					t.Errorf("%d listeners: %+v, want %q", len(probes), v, reason)
				}
			case <-time.After(time.Minute):
				t.Fatalf("%d listeners: no verdict", len(probes))
			}
		}
		cancel()
		<-done
	}
}
