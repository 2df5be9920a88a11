package resolver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// nameServer answers over UDP on loopback as told; nil is no answer.
type nameServer struct {
	addr  netip.AddrPort
	asked atomic.Int32
}

func startServer(t *testing.T, answer func(q message, packet []byte) []byte) *nameServer {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	s := &nameServer{addr: netip.MustParseAddrPort(c.LocalAddr().String())}
	go func() {
		buf := make([]byte, maxUDP)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			s.asked.Add(1)
			q := append([]byte(nil), buf[:n]...)
			asResponse := append([]byte(nil), q...)
			asResponse[2] |= 0x80
			m, err := parseMessage(asResponse)
			if err != nil {
				continue
			}
			if b := answer(m, q); b != nil {
				_, _ = c.WriteTo(b, from)
			}
		}
	}()
	return s
}

func ctx(t *testing.T) context.Context {
	c, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return c
}

// addresses answers every name with 192.0.2.1, valid for ttl seconds.
func addresses(ttl uint32) func(message, []byte) []byte {
	return func(m message, q []byte) []byte {
		if m.typ == typeA {
			return reply(q, 0, record(typeA, ttl, 192, 0, 2, 1))
		}
		return reply(q, 0)
	}
}

func TestLookupKeepsAnswers(t *testing.T) {
	s := startServer(t, addresses(600))
	r := New(Config{Servers: []netip.AddrPort{s.addr}})
	for range 3 {
		addrs, _, err := r.LookupAddrs(ctx(t), "H.example.")
		if err != nil || len(addrs) != 1 || addrs[0].IP != netip.MustParseAddr("192.0.2.1") {
			t.Fatalf("got %v %v", addrs, err)
		}
	}
	if n := s.asked.Load(); n != 2 {
		t.Errorf("%d questions, want 2: A and AAAA once", n)
	}
}

func TestLookupErrors(t *testing.T) {
	var code atomic.Int32
	s := startServer(t, func(_ message, q []byte) []byte { return reply(q, uint16(code.Load())) })
	r := New(Config{Servers: []netip.AddrPort{s.addr}})
	for _, want := range []Error{ErrServerFailure, ErrNotFound, ErrRefused} {
		code.Store(int32(want))
		if _, _, err := r.LookupAddrs(ctx(t), "h"); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

func TestLookupTimesOut(t *testing.T) {
	s := startServer(t, func(message, []byte) []byte { return nil })
	r := New(Config{Servers: []netip.AddrPort{s.addr}})
	short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := r.LookupAddrs(short, "h"); !errors.Is(err, ErrTimeout) {
		t.Errorf("got %v, want %v", err, ErrTimeout)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.flights) != 0 {
		t.Error("a lookup goes on that nobody waits for")
	}
}

// An answer that anybody could have made up does not count.
func TestLookupIgnoresForgeries(t *testing.T) {
	var n atomic.Int32
	s := startServer(t, func(m message, q []byte) []byte {
		if n.Add(1) == 1 {
			q[0]++ // the identifier
			return reply(q, 0, record(typeA, 1, 6, 6, 6, 6))
		}
		return reply(q, 0, record(typeA, 1, 192, 0, 2, 1))
	})
	r := New(Config{Servers: []netip.AddrPort{s.addr}, NoIPv6: true, Resend: 20 * time.Millisecond})
	addrs, _, err := r.LookupAddrs(ctx(t), "h")
	if err != nil || addrs[0].IP != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("got %v %v", addrs, err)
	}
}

func TestLookupAsksTheNextServer(t *testing.T) {
	dead := startServer(t, func(message, []byte) []byte { return nil })
	good := startServer(t, addresses(1))
	r := New(Config{Servers: []netip.AddrPort{dead.addr, good.addr}, Resend: 20 * time.Millisecond})
	if addrs, _, err := r.LookupAddrs(ctx(t), "h"); err != nil || len(addrs) != 1 {
		t.Errorf("got %v %v", addrs, err)
	}
}

func TestLookupFollowsAliases(t *testing.T) {
	s := startServer(t, func(m message, q []byte) []byte {
		switch {
		case m.question == "loop":
			return reply(q, 0, record(typeCNAME, 60, 4, 'l', 'o', 'o', 'p', 0))
		case m.question == "h":
			return reply(q, 0, record(typeCNAME, 60, 1, 'g', 0))
		case m.typ == typeA:
			return reply(q, 0, record(typeA, 60, 192, 0, 2, 9))
		}
		return reply(q, 0)
	})
	r := New(Config{Servers: []netip.AddrPort{s.addr}})
	if addrs, _, err := r.LookupAddrs(ctx(t), "h"); err != nil || addrs[0].IP != netip.MustParseAddr("192.0.2.9") {
		t.Errorf("got %v %v", addrs, err)
	}
	if _, _, err := r.LookupAddrs(ctx(t), "loop"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a name that is its own alias: %v", err)
	}
}

func TestLookupSRV(t *testing.T) {
	s := startServer(t, func(m message, q []byte) []byte {
		switch {
		case m.typ == typeSRV && m.question == "_http._tcp.h":
			return reply(q, 0, record(typeSRV, 60, 0, 2, 0, 1, 0, 81, 1, 'b', 0), record(typeSRV, 60, 0, 1, 0, 5, 0, 80, 1, 'a', 0))
		case m.typ == typeA:
			return reply(q, 0, record(typeA, 60, 192, 0, 2, m.question[0]))
		}
		return reply(q, 0)
	})
	r := New(Config{Servers: []netip.AddrPort{s.addr}})
	got, _, err := r.LookupSRV(ctx(t), "http", "h")
	want := []Addr{
		{netip.AddrFrom4([4]byte{192, 0, 2, 'a'}), 80, 1, 5, "a"},
		{netip.AddrFrom4([4]byte{192, 0, 2, 'b'}), 81, 2, 1, "b"},
	}
	if err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %v %v, want %v", got, err, want)
	}
}

func TestLookupPTR(t *testing.T) {
	s := startServer(t, func(m message, q []byte) []byte {
		return reply(q, 0, record(typePTR, 60, 4, 'h', 'o', 's', 't', 0))
	})
	r := New(Config{Servers: []netip.AddrPort{s.addr}})
	if name, err := r.LookupPTR(ctx(t), netip.MustParseAddr("192.0.2.1")); err != nil || name != "host" {
		t.Errorf("got %q %v", name, err)
	}
}

// A lookup that panics fails, for everybody who waits for it, and is forgotten.
func TestLookupPanics(t *testing.T) {
	r := New(Config{}) // there is no server whose turn it could be
	for range 2 {
		if _, _, err := r.LookupAddrs(ctx(t), "h.example"); err == nil || !strings.HasPrefix(err.Error(), "panic in a lookup: ") {
			t.Errorf("got %v", err)
		}
	}
	if len(r.flights) != 0 {
		t.Errorf("lookups under way: %v", r.flights)
	}
}
