package upstream

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// queued makes a group with a queue.
func queued(t testing.TB, n int, timeout time.Duration, maxConns int, weights ...int) *Group {
	g := group(t, nil, func(s []Server) {
		for i := range s {
			s[i].MaxConns = maxConns
		}
	}, weights...)
	g.Queue, g.QueueTimeout = n, timeout
	return g
}

// hold begins a request that must get a peer at once.
func hold(t *testing.T, g *Group) *Selection {
	t.Helper()
	s := new(Selection)
	s.Start(g)
	if s.Next(time.Now()) == nil {
		t.Fatal("no peer")
	}
	return s
}

// wait begins a request that must wait; what it gets is sent to got.
func wait(t *testing.T, g *Group, left <-chan struct{}, got chan<- *Selection) {
	t.Helper()
	s := new(Selection)
	s.Start(g)
	if p := s.Next(time.Now()); p != nil || !s.Queued() {
		t.Fatalf("got %v, queued: %v", p, s.Queued())
	}
	go func() {
		s.Await(left)
		got <- s
	}()
}

func TestQueueIsFirstInFirstOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := queued(t, 10, time.Minute, 1, 1)
		s := hold(t, g)
		var order []chan *Selection
		for range 5 {
			got := make(chan *Selection, 1)
			wait(t, g, nil, got)
			order = append(order, got)
		}
		for i, got := range order {
			s.Free(Worked, time.Now())
			synctest.Wait()
			for later := i + 1; later < len(order); later++ {
				if len(order[later]) > 0 {
					t.Fatalf("request %d was served before %d", later, i)
				}
			}
			if s = <-got; s.Peer == nil {
				t.Fatalf("request %d got no peer", i)
			}
		}
		s.Free(Worked, time.Now())
	})
}

func TestQueueLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := queued(t, 2, 10*time.Second, 1, 1)
		s := hold(t, g)
		got := make(chan *Selection, 3)
		left := make(chan struct{})
		wait(t, g, left, got)
		wait(t, g, nil, got)
		var third Selection
		third.Start(g)
		if third.Next(time.Now()) != nil || third.Queued() || !third.TurnedAway() {
			t.Error("a third request waits in a queue of two")
		}
		began := time.Now()
		close(left)
		if first := <-got; first.Peer != nil || time.Since(began) != 0 {
			t.Errorf("a client that left got %v after %v", first.Peer, time.Since(began))
		}
		wait(t, g, nil, got) // there is room again
		for range 2 {
			if late := <-got; late.Peer != nil || time.Since(began) != 10*time.Second {
				t.Errorf("got %v after %v, want nothing after the timeout", late.Peer, time.Since(began))
			}
		}
		s.Free(Worked, time.Now())
		if _, n := g.Status(time.Now()); n != 0 {
			t.Errorf("%d requests are still in the queue", n)
		}
		hold(t, g).Free(Worked, time.Now())
	})
}

// Requests wait for peers that are unhealthy for now, but not for those that
// are down or out of service, nor for what they have tried.
func TestWhatIsWaitedFor(t *testing.T) {
	g := queued(t, 5, time.Minute, 0, 1, 1)
	c := &Check{Fails: 1, Passes: 1}
	g.AddCheck(c, nil)
	peers := g.Peers()
	for _, p := range peers {
		p.fails, p.checked = 1, t0
	}
	var s Selection
	s.Start(g)
	if s.Next(t0); s.Queued() || s.TurnedAway() {
		t.Error("a request waits although nothing will tell that a peer is back")
	}
	for _, p := range peers {
		p.fails = 0
	}
	g.Found(c, peers[0], "refused", t0)
	s.Start(g)
	if s.Next(t0); s.Peer != peers[1] {
		t.Fatal("b was not chosen")
	}
	s.Free(Failed, t0)
	if s.Next(t0); s.Peer != nil || !s.Queued() {
		t.Fatal("the request does not wait for a")
	}
	g.Found(c, peers[0], "", t0)
	if p := s.Await(nil); p != peers[0] {
		t.Errorf("got %v, want a", p)
	}
	s.Free(Worked, t0)
	s.Start(g)
	for range 2 {
		if s.Next(t0.Add(time.Hour)) == nil {
			t.Fatal("no peer")
		}
		s.Free(Failed, t0)
	}
	if s.Next(t0.Add(time.Hour)); s.Peer != nil || s.Queued() {
		t.Error("a request that has tried everything waits")
	}
}

// Whoever waits takes part in what a name stands for meanwhile.
func TestQueueSeesNewPeers(t *testing.T) {
	servers := []Server{{Name: "h", Addrs: []Addr{UnixAddr("/old")}, Weight: 1, MaxConns: 1}}
	g := NewGroup("g", servers, nil)
	g.Queue, g.QueueTimeout = 1, time.Minute
	first := hold(t, g)
	var s Selection
	s.Start(g)
	if s.Next(t0); !s.Queued() {
		t.Fatal("the second request does not wait")
	}
	g.Resolved(&servers[0], []Resolved{{Addr: netip.MustParseAddrPort("192.0.2.1:80")}})
	if p := s.Await(nil); p == nil || p.Name != "192.0.2.1:80" {
		t.Errorf("got %v", p)
	}
	first.Free(Worked, t0)
}

// Backups are tried, and waited for, like the others.
func TestQueueWithBackups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := group(t, nil, func(s []Server) { s[0].MaxConns, s[1].MaxConns, s[1].Backup = 1, 1, true }, 1, 1)
		g.Queue, g.QueueTimeout = 5, time.Minute
		a, b := hold(t, g), hold(t, g)
		for _, free := range []*Selection{a, b} {
			got := make(chan *Selection, 1)
			wait(t, g, nil, got)
			want := free.Peer
			free.Free(Worked, time.Now())
			if s := <-got; s.Peer != want {
				t.Errorf("got %v, want %v", s.Peer, want)
			}
		}
	})
}

// Many requests at once, of clients that leave, time out and retry: no peer
// ever has more than it may, no slot is lost, and everybody gets an end.
func TestQueueUnderLoad(t *testing.T) {
	const requests, clients = 300, 64
	for name, b := range balancers() {
		g := group(t, b, func(s []Server) {
			for i := range s {
				s[i].MaxConns = 1 + i
			}
			s[2].Backup = name == "round robin"
		}, 1, 2, 1)
		g.Queue, g.QueueTimeout = clients, time.Minute
		var served, left atomic.Int64
		at := make(map[*Peer]*atomic.Int64)
		for _, p := range g.Peers() {
			at[p] = new(atomic.Int64)
		}
		var wg sync.WaitGroup
		for client := range clients {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(client), 7))
				for range requests {
					var s Selection
					s.Key = []byte{byte(r.IntN(8))}
					s.Client = netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(client), 1})
					s.Start(g)
					gone := make(chan struct{})
					if r.IntN(10) == 0 {
						close(gone)
					}
					p := s.Next(time.Now())
					if p == nil {
						if !s.Queued() {
							t.Errorf("%s: a request was turned away", name)
							return
						}
						p = s.Await(gone)
					}
					if p == nil {
						left.Add(1)
						continue
					}
					served.Add(1)
					if n := at[p].Add(1); n > int64(p.maxConns) {
						t.Errorf("%s: %d requests at %s, which may have %d", name, n, p.Name, p.maxConns)
					}
					at[p].Add(-1)
					s.Free(Worked, time.Now())
				}
			})
		}
		wg.Wait()
		if served.Load()+left.Load() != requests*clients {
			t.Errorf("%s: %d served and %d left of %d", name, served.Load(), left.Load(), requests*clients)
		}
		peers, waiting := g.Status(time.Now())
		for _, p := range peers {
			if p.Active != 0 {
				t.Errorf("%s: %s still has %d requests", name, p.Name, p.Active)
			}
		}
		if waiting != 0 {
			t.Errorf("%s: %d requests still wait", name, waiting)
		}
	}
}
