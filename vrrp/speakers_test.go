package vrrp

import (
	"net/netip"
	"testing"
	"time"

	"tandem/vrrp/packet"
)

// Who is heard is remembered with its priority, and a flood of others costs no more than maxSpeakers places.
func TestSpeakers(t *testing.T) {
	var s speakers
	addr := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}) }
	now := time.Unix(1_700_000_000, 0)
	hear := func(n int, priority uint8) {
		now = now.Add(time.Second)
		s.heard(&packet.Advert{Source: addr(n), Priority: priority}, now)
	}
	hear(1, 100)
	hear(1, packet.PriorityStop)
	if got, ok := s.find(addr(1)); !ok || got != (Speaker{addr(1), 100, now}) {
		t.Errorf("after a good-bye: %+v", got)
	}
	hear(2, packet.PriorityStop)
	if got, _ := s.find(addr(2)); got.Priority != 0 {
		t.Errorf("a good-bye alone: %+v", got)
	}
	for n := range maxSpeakers {
		hear(100+n, 255)
		hear(2, 50)
	}
	if _, ok := s.find(addr(1)); ok {
		t.Error("who has not been heard for the longest time is still known")
	}
	if got, ok := s.find(addr(2)); !ok || got.Priority != 50 {
		t.Errorf("who is heard all the time: %+v", got)
	}
}
