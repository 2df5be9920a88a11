package upstream

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func names(g *Group) string {
	var list []string
	peers, _ := g.Status(time.Time{})
	for _, p := range peers {
		text := fmt.Sprintf("%s*%d %s", p.Server, p.Weight, p.State)
		if p.Backup {
			text += " backup"
		}
		list = append(list, text)
	}
	return fmt.Sprint(list)
}

func srv(name string, f func(*Server)) *Server {
	s := &Server{Name: name, Weight: 1, MaxFails: 1, FailTimeout: time.Second, Addrs: []Addr{TCPAddr(netip.MustParseAddrPort("192.0.2.1:80"))}}
	if f != nil {
		f(s)
	}
	return s
}

// Servers change under requests that go on.
func TestChanges(t *testing.T) {
	now := time.Unix(1e9, 0)
	g := NewGroup("a", []Server{*srv("one", nil), *srv("two", func(s *Server) { s.Backup = true })}, nil)
	var s Selection
	s.Start(g)
	first := s.Next(now)
	if first == nil || first.Server != "one" {
		t.Fatalf("%+v", first)
	}
	g.AddServer(srv("three", nil), now)
	g.AddServer(srv("four", func(s *Server) { s.Backup = true }), now)
	if n := g.ChangeServers("one", func(s *Server) { s.Drain, s.Weight = true, 3 }, now); n != 1 {
		t.Errorf("%d servers changed", n)
	}
	if got, want := names(g), "[one*3 draining three*1 up two*1 up backup four*1 up backup]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if n := g.RemoveServers("one", now) + g.RemoveServers("two", now) + g.RemoveServers("nobody", now); n != 2 {
		t.Errorf("%d peers removed", n)
	}
	s.Free(Failed, now) // of a peer that is gone
	if first.conns != 0 {
		t.Errorf("%d requests at a peer that is gone", first.conns)
	}
	if got, want := names(g), "[three*1 up four*1 up backup]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if list := g.Servers(); len(list) != 2 || list[0].Name != "three" || !list[1].Backup {
		t.Errorf("%+v", list)
	}
	g.RemoveServers("three", now)
	g.RemoveServers("four", now)
	s.Start(g)
	if p := s.Next(now); p != nil {
		t.Errorf("nobody is left, and %s is asked", p.Name)
	}
	if n := g.ChangeServers("three", func(*Server) { t.Error("changed") }, now); n != 0 {
		t.Errorf("%d servers changed", n)
	}
}

func TestTrafficOfPeers(t *testing.T) {
	now := time.Unix(1e9, 0)
	g := NewGroup("a", []Server{*srv("one", nil), *srv("two", nil)}, nil)
	try := func(result Result, told Told, took time.Duration) {
		var s Selection
		s.Start(g)
		for s.Next(now); s.Peer != nil && s.Peer.Server != "one"; s.Next(now) {
			s.Free(Worked, now)
		}
		if s.Peer == nil {
			t.Fatal("one is not asked")
		}
		s.Told = told
		s.Free(result, now.Add(took))
	}
	try(Worked, Told{Status: 200, Sent: 10, Received: 100}, 3*time.Millisecond)
	try(Failed, Told{Status: 504, Sent: 10}, 2*time.Second)
	now = now.Add(2 * time.Second)
	peers, _ := g.Status(now.Add(500 * time.Millisecond))
	p := peers[0].Traffic
	if p.Sent != 20 || p.Received != 100 || fmt.Sprint(p.Responses) != "map[200:1 504:1]" || p.Durations.Sum != 2003*time.Millisecond {
		t.Errorf("%+v", p)
	}
	if p.Unavailable != 1 || p.Downtime != 500*time.Millisecond || !p.DownSince.Equal(now) {
		t.Errorf("out of service: %+v", p)
	}
	now = now.Add(3 * time.Second)
	try(Worked, Told{Status: 200}, 0)
	try(Worked, Told{Status: 200}, 0)
	peers, _ = g.Status(now)
	if p := peers[0].Traffic; p.Unavailable != 1 || p.Downtime != 3*time.Second || !p.DownSince.IsZero() {
		t.Errorf("back again: %+v", p)
	}
}
