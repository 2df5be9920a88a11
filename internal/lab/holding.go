package lab

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// Holding records when a host has an address.
type Holding struct {
	address netip.Addr
	done    chan struct{}

	mu      sync.Mutex
	entries map[string]bool // the kernel's entries of the address: a prefix on an interface
	spans   []Span
	changed chan struct{} // closed, and made anew, at every change
	told    func(held bool, at time.Time)
}

// Span is a time during which the address was held. A zero To means that it
// still is.
type Span struct {
	From, To time.Time
}

// Holding starts recording. told, if not nil, is called for the state now and
// for every change; it must not wait. The record ends with the lab.
func (h *Host) Holding(address netip.Addr, told func(held bool, at time.Time)) (*Holding, error) {
	w := &Holding{
		address: address,
		done:    make(chan struct{}),
		entries: map[string]bool{},
		changed: make(chan struct{}),
		told:    told,
	}
	updates := make(chan netlink.AddrUpdate, 64)
	if err := netlink.AddrSubscribeAt(netns.NsHandle(h.ns.network.Fd()), updates, w.done); err != nil {
		return nil, fmt.Errorf("lab: watch %s of %s: %w", address, h.Name, err)
	}
	list, err := h.addresses(nil, netlink.FAMILY_ALL)
	if err != nil {
		close(w.done)
		return nil, fmt.Errorf("lab: watch %s of %s: %w", address, h.Name, err)
	}
	for _, a := range list {
		w.entry(a.IPNet.String(), a.LinkIndex, a.IP, true)
	}
	h.mu.Lock()
	h.holdings = append(h.holdings, w)
	h.mu.Unlock()
	go func() {
		for u := range updates {
			w.entry(u.LinkAddress.String(), u.LinkIndex, u.LinkAddress.IP, u.NewAddr)
		}
	}()
	return w, nil
}

// entry takes in that the kernel has, or no longer has, an entry.
func (w *Holding) entry(prefix string, index int, ip []byte, has bool) {
	if a, ok := netip.AddrFromSlice(ip); !ok || a.Unmap() != w.address {
		return
	}
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	before := len(w.entries) > 0
	key := fmt.Sprintf("%s on %d", prefix, index)
	if has {
		w.entries[key] = true
	} else {
		delete(w.entries, key)
	}
	held := len(w.entries) > 0
	if held == before {
		return
	}
	if held {
		w.spans = append(w.spans, Span{From: now})
	} else {
		w.spans[len(w.spans)-1].To = now
	}
	close(w.changed)
	w.changed = make(chan struct{})
	if w.told != nil {
		w.told(held, now)
	}
}

// Spans returns when the address was held so far.
func (w *Holding) Spans() []Span {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Span(nil), w.spans...)
}

// Wait waits until the host has the address, or has it not.
func (w *Holding) Wait(ctx context.Context, held bool) error {
	for {
		w.mu.Lock()
		now, changed := len(w.entries) > 0, w.changed
		w.mu.Unlock()
		if now == held {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if held {
				return fmt.Errorf("%s did not come: %w", w.address, ctx.Err())
			}
			return fmt.Errorf("%s did not go: %w", w.address, ctx.Err())
		}
	}
}

// Together returns the longest time after the given one during which both held
// the address.
func Together(a, b []Span, after time.Time) time.Duration {
	now := time.Now()
	var longest time.Duration
	for _, x := range a {
		for _, y := range b {
			from, to := latest(x.From, y.From, after), earliest(x.end(now), y.end(now))
			longest = max(longest, to.Sub(from))
		}
	}
	return longest
}

func (s Span) end(now time.Time) time.Time {
	if s.To.IsZero() {
		return now
	}
	return s.To
}

func latest(times ...time.Time) (t time.Time) {
	for _, other := range times {
		if other.After(t) {
			t = other
		}
	}
	return t
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
