package vrrp_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tandem/vrrp"
	"tandem/vrrp/fsm"
	"tandem/vrrp/vrrptest"
)

// Who waits for a state is told when it comes, and not before; a state that never comes has its bound.
func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := vrrptest.NewLAN()
		n := start(t, lan.Host("one", "192.168.200.1/24"), seed("VI_1", 100))
		is := func(r fsm.Role) func(vrrp.Status) bool {
			return func(s vrrp.Status) bool { return s.Instances[0].Role == r }
		}
		begun := time.Now()
		s, err := n.Await(t.Context(), is(fsm.Master))
		if err != nil || s.Instances[0].Role != fsm.Master {
			t.Fatalf("%v, %v", s.Instances, err)
		}
		if took := time.Since(begun); took < 3*time.Second || took > 4*time.Second {
			t.Errorf("it took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := n.Await(ctx, is(fsm.Fault)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("what does not come: %v", err)
		}
		waits := make(chan error, 1)
		go func() {
			_, err := n.Await(t.Context(), is(fsm.Fault))
			waits <- err
		}()
		synctest.Wait()
		now, cancelNow := context.WithCancel(t.Context())
		cancelNow()
		if err := n.Stop(now); err != nil {
			t.Fatal(err)
		}
		if err := <-waits; !errors.Is(err, vrrp.ErrStopped) {
			t.Errorf("of a router that has stopped: %v", err)
		}
	})
}
