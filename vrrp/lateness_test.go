package vrrp_test

import (
	"context"
	"net/netip"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"tandem/vrrp"
	"tandem/vrrp/fsm"
	"tandem/vrrp/netif"
	"tandem/vrrp/packet"
	"tandem/vrrp/vrrptest"
)

// BenchmarkLateness measures how late adverts are, one every 10 ms: with the runtime's timers and with the loop's own
// real-time thread (as far as this process may have one), on an idle machine and with two busy processes per
// processor. Use -benchtime 3000x for a 99.9th percentile that means something.
func BenchmarkLateness(b *testing.B) {
	for _, busy := range []bool{false, true} {
		for _, own := range []bool{false, true} {
			name := "idle/"
			if busy {
				name = "busy/"
			}
			if own {
				name += "own thread"
			} else {
				name += "runtime timers"
			}
			b.Run(name, func(b *testing.B) {
				if busy {
					keepBusy(b, 2*runtime.NumCPU())
				}
				lateness(b, own)
			})
		}
	}
}

// keepBusy runs processes that do nothing but reckon.
func keepBusy(b *testing.B, n int) {
	for range n {
		cmd := exec.Command("sh", "-c", "while :; do :; done")
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	}
}

func lateness(b *testing.B, own bool) {
	const interval = 10 * time.Millisecond
	vip := netip.MustParseAddr("192.168.200.254")
	o := vrrp.Options{OwnWait: own}
	if own {
		o.Thread = vrrp.Scheduling{Realtime: 1}.Apply
	}
	r, err := vrrp.Start(vrrp.Config{Instances: []vrrp.InstanceConfig{{
		FSM: fsm.Config{Name: "VI_1", VRID: 51, Version: packet.V3, Priority: 255, StartMaster: true, Interval: interval},
		Packet: packet.Settings{Version: packet.V3, Family: packet.IPv4, VRID: 51, Interval: interval,
			Addresses: []netip.Addr{vip}},
		Interface: vrrptest.Interface,
		Addresses: []netif.Address{{Interface: vrrptest.Interface, Prefix: netip.PrefixFrom(vip, 32)}},
	}}}, vrrptest.NewLAN().Host("a", "192.168.200.7/24"), o)
	if err != nil {
		b.Fatal(err)
	}
	time.Sleep(time.Duration(b.N) * interval)
	s, err := r.Status(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	if err := r.Stop(context.Background()); err != nil {
		b.Fatal(err)
	}
	total := uint64(0)
	for _, c := range s.Late {
		total += c.Count
	}
	for _, q := range []struct {
		part float64
		unit string
	}{{0.5, "p50-ms"}, {0.99, "p99-ms"}, {0.999, "p99.9-ms"}} {
		b.ReportMetric(float64(quantile(s.Late, total, q.part))/float64(time.Millisecond), q.unit)
	}
	b.ReportMetric(float64(s.Worst)/float64(time.Millisecond), "worst-ms")
}

// quantile is the upper bound of the bucket that the part of all counts falls into.
func quantile(late []vrrp.LateCount, total uint64, part float64) time.Duration {
	seen := uint64(0)
	for _, c := range late {
		if seen += c.Count; float64(seen) >= part*float64(total) {
			return c.Bound
		}
	}
	return time.Hour
}
