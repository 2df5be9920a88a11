package health

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// A panic in a run of a script is a failure, and the next run follows.
func TestScriptPanics(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	failed := make(chan Verdict, 1)
	// Without a command there is nothing to start.
	s := &Script{Name: "s", Interval: time.Millisecond, Fall: 1, Rise: 1, Report: func(v Verdict) { failed <- v }, Log: func(string) {}}
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx) }()
	select {
	case v := <-failed:
		if v.Good || !strings.HasPrefix(v.Reason, "panic in a run of script s: runtime error: ") {
			t.Errorf("verdict %+v", v)
		}
	case <-time.After(10 * time.Second):
		t.Error("no verdict")
	}
	cancel()
	<-ended
}

// A panic while a listener is asked is a failure of that listener.
func TestSelfProbePanics(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
			_ = c.Close()
		}
	}()
	addr := netip.MustParseAddrPort(l.Addr().String())
	for _, probes := range []int{1, 2} {
		ctx, cancel := context.WithCancel(context.Background())
		verdict := make(chan Verdict, 1)
		s := &SelfProbe{Interval: time.Millisecond, Fall: 1, Rise: 1, Report: func(v Verdict) { verdict <- v; cancel() }}
		for range probes {
			s.Probes = append(s.Probes, &Probe{Addr: addr, Path: "/", Timeout: 10 * time.Second, Good: func(int) bool { panic("no judgement") }})
		}
		s.Run(ctx)
		if v := <-verdict; v.Good || !strings.HasPrefix(v.Reason, "panic in a self-probe: no judgement, stack: ") {
			t.Errorf("%d probes: %+v", probes, v)
		}
	}
}
