package check

import (
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// cpu returns how long the process has been computing.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A checker that waits is no goroutine: a thousand cost memory, and time only when
// they ask. They ask a server that does not answer to the last byte, so that the
// cost of a connection on loopback is in it.
func TestThousandCheckers(t *testing.T) {
	at := serve(t, listenTCP(t), func(net.Conn) {})
	e := NewEngine()
	defer e.Close()
	const servers, pace, lasts = 1000, 2 * time.Second, 3 * time.Second
	var asked atomic.Int64
	done := make(chan struct{})
	for i := range servers {
		e.Add(&Spec{Name: fmt.Sprint(i), Method: &TCP{Target{Addr: at, Timeout: patience}}, DelayLoop: pace, Warmup: pace}, nil, func(f Finding) {
			if !f.Up {
				t.Errorf("%+v", f)
			}
			asked.Add(1)
		})
	}
	if testing.Short() {
		t.Skip("it takes 3 s")
	}
	before := cpu(t)
	time.AfterFunc(lasts, func() { close(done) })
	<-done
	took := cpu(t) - before
	n := asked.Load()
	if n < servers {
		t.Fatalf("%d checks", n)
	}
	// Both sides of a connection are in it: the server is in this process, too.
	each := took / time.Duration(n)
	t.Logf("%d checks took %v of a processor, %v each: %.2f %% of it for 1,000 servers every 6 s", n, took, each, 100*each.Seconds()*servers/6)
}
