package interop

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// A backup of ours introduces itself to its master, in every way of speaking. One of ours hears it, and keepalived
// discards it: the roles stay, and the next takeover is as ever.
func TestIntroduction(t *testing.T) {
	for _, k := range kinds {
		for _, oursIsMaster := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, ours is master %v", k.name, oursIsMaster), func(t *testing.T) {
				t.Parallel()
				n := newNetwork(t, 2)
				held := n.holding(k.vip)
				a := n.start(oursIsMaster, 1, k.conf(100, 1, 2))
				b := startOurs(t, n.hosts[1], k.conf(50, 2, 1))
				n.await(held, 1, "both started", a, b)
				from := netip.MustParseAddr(k.address(2))
				heard := func() bool {
					if o, ok := a.(*ours); ok {
						s, ok := o.router.Speaker("VI_1", from)
						return ok && s.Priority == 50 && s.Addr == from
					}
					return strings.Contains(a.log(), "Invalid packet type")
				}
				for end := time.Now().Add(patience); !heard(); time.Sleep(20 * time.Millisecond) {
					if time.Now().After(end) {
						t.Fatalf("the introduction is not heard:\n%s\n%s", a.log(), b.log())
					}
					b.router.Introduce("VI_1")
				}
				n.await(held, 1, "introduced", a, b)
				if log := a.log(); strings.Count(strings.ToLower(log), "entering backup")+strings.Count(strings.ToLower(log), "entering fault") > 1 {
					t.Errorf("it has moved the master:\n%s", log)
				}
				a.stop()
				n.await(held, 2, "the master was stopped", a, b)
				b.noDrops()
			})
		}
	}
}
