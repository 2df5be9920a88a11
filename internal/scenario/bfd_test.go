package scenario_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/internal/scenario"
)

// withBFD are the seed's nodes with a BFD session between them, 50 ms three times.
// The first node tracks it.
func withBFD(track string) [2]scenario.Config {
	nodes := seed
	for i, own := range []string{"192.168.200.7", "192.168.200.10"} {
		other := []string{"192.168.200.10", "192.168.200.7"}[i]
		within := ""
		if i == 0 && track != "" {
			within = "track_bfd {\n " + track + "\n}"
		}
		nodes[i] = inInstance(nodes[i], fmt.Sprintf("bfd_instance peer {\n neighbor_ip %s\n source_ip %s\n min_rx 50\n min_tx 50\n multiplier 3\n}", other, own), within)
	}
	return nodes
}

// TestBFD has two nodes watch each other by BFD, one of them tandem, the other tandem
// or Debian's keepalived. A session without weight is a fault while it is down.
func TestBFD(t *testing.T) {
	for name, other := range map[string]func(*testing.T) scenario.Program{
		"tandem":     func(*testing.T) scenario.Program { return tandem() },
		"keepalived": func(t *testing.T) scenario.Program { return classic(t) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, [2]scenario.Program{tandem(), other(t)}, withBFD("peer weight 10"))
			one, two := p.Nodes[0], p.Nodes[1]
			start := observe(t, p, "start", started(one, two), one)
			check(t, one.AwaitLog(within(t), "(peer) Entering Up state"))
			check(t, one.AwaitLog(within(t), "Tracked BFD instance peer is UP"))
			check(t, one.AwaitLog(within(t), "priority 110"))
			if words := one.LastWords(); start.Stalled < stallLimit && strings.Contains(words, "Entering Down") {
				t.Errorf("the session went down by itself:\n%s", words)
			}
			cut := time.Now()
			check(t, two.Port.Unplug())
			check(t, one.AwaitLog(within(t), "Tracked BFD instance peer is DOWN"))
			if d := time.Since(cut); d > time.Second {
				t.Errorf("the cut was seen after %v", d)
			}
			check(t, one.AwaitLog(within(t), "(Local diagnostic - Control Detection Time Expired, Remote diagnostic - No Diagnostic)"))
			check(t, two.Port.Plug())
			check(t, one.AwaitLog(within(t), "Detection time is 150000 us"))
		})
	}
}

// TestBFDFault: with "weight 0 reverse" a session that is up keeps the instance out,
// and it begins when that is over.
func TestBFDFault(t *testing.T) {
	nodes := withBFD("")
	nodes[1] = inInstance(nodes[1], "", "track_bfd {\n peer weight 0 reverse\n}")
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, nodes)
	one, two := p.Nodes[0], p.Nodes[1]
	observe(t, p, "start", started(one, two), one)
	check(t, two.AwaitLog(within(t), "BFD peer: up"))
	observe(t, p, "cut", func(context.Context) error { return one.Port.Unplug() }, two)
}

// TestBFDTakeover has a backup take over as soon as its session with the master has
// expired: 50 ms three times.
func TestBFDTakeover(t *testing.T) {
	nodes := withBFD("")
	for i := range nodes {
		nodes[i] = inInstance(nodes[i], "", "bfd_takeover peer")
	}
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, nodes)
	one, two := p.Nodes[0], p.Nodes[1]
	observe(t, p, "start", started(one, two), one)
	check(t, two.AwaitLog(within(t), "Detection time is 150000 us"))
	cut := observe(t, p, "link cut", func(context.Context) error { return one.Port.Unplug() }, two)
	atMost(t, "link cut", cut, 400*time.Millisecond, 20*time.Second)
	check(t, two.AwaitLog(within(t), "BFD peer has heard nothing for 150ms (bfd_takeover)"))
}
