package upstream

import (
	"testing"
	"time"
)

// A try that ends as stale leaves everything as it was: the number of tries,
// the peer's record, and that it may be chosen.
func TestStale(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, n := range []int{1, 3, 70} {
		var servers []Server
		for i := range n {
			servers = append(servers, Server{Name: "s", Weight: 1, MaxFails: 1, FailTimeout: time.Minute, Addrs: []Addr{{Network: "tcp", Text: string(rune('a' + i))}}})
		}
		var s Selection
		s.Start(NewGroup("g", servers, nil))
		tries := s.Tries
		for round := range 3 * n {
			if s.Next(now) == nil {
				t.Fatalf("%d peers: none is left in round %d", n, round)
			}
			if s.Free(Stale, now) {
				t.Fatalf("%d peers: one is out of service", n)
			}
			if s.Tries != tries {
				t.Fatalf("%d peers: %d tries are left, want %d", n, s.Tries, tries)
			}
		}
		for range n {
			if s.Next(now) == nil {
				t.Fatalf("%d peers: none is left", n)
			}
			s.Free(Failed, now)
		}
		if s.Tries != 0 {
			t.Errorf("%d peers: %d tries are left after %d failures", n, s.Tries, n)
		}
	}
}
