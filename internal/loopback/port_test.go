package loopback

import (
	"net"
	"testing"
)

// A port that is listened on, or that somebody has, is given to nobody else.
func TestClaim(t *testing.T) {
	taken := make(map[string]bool)
	for range 1000 {
		port := Port(t)
		if taken[port] {
			t.Fatalf("port %s twice", port)
		}
		taken[port] = true
	}
	port, release, err := Claim()
	if err != nil {
		t.Fatal(err)
	}
	release()
	if !free(port) {
		t.Errorf("port %s is not free any more", port)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if free(port) {
		t.Errorf("port %s is free, and somebody listens there", port)
	}
}
