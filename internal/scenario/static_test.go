package scenario_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/internal/scenario"
)

// TestStatic has a node set addresses, routes and rules of its own, change them
// at a reload, and take them away at the end, but not what was there before.
func TestStatic(t *testing.T) {
	nodes := seed
	nodes[0] = inInstance(nodes[0], "static_ipaddress {\n 10.9.0.1/24 dev ens33\n 10.9.1.1/24 dev ens33\n}\n"+
		"static_routes {\n 10.8.0.0/24 via 10.9.0.2 dev ens33\n}\nstatic_rules {\n from 10.9.0.0/24 lookup 77\n}", "")
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, nodes)
	one, two := p.Nodes[0], p.Nodes[1]
	_, err := one.Host.Output("ip", "addr", "add", "10.9.1.1/24", "dev", "ens33")
	check(t, err)
	has := func(when string, want ...string) {
		t.Helper()
		got := ""
		for _, args := range [][]string{{"-4", "addr"}, {"route"}, {"rule"}} {
			out, err := one.Host.Output("ip", args...)
			check(t, err)
			got += out
		}
		for _, text := range []string{"inet 10.9.0.1/24", "inet 10.9.1.1/24", "inet 10.9.3.1/24", "10.8.0.0/24 via 10.9.0.2", "from 10.9.0.0/24 lookup 77"} {
			wanted := false
			for _, w := range want {
				wanted = wanted || w == text
			}
			if strings.Contains(got, text) != wanted {
				t.Errorf("%s: %q wanted %v:\n%s", when, text, wanted, got)
			}
		}
	}
	observe(t, p, "start", started(one, two), one)
	has("after the start", "inet 10.9.0.1/24", "inet 10.9.1.1/24", "10.8.0.0/24 via 10.9.0.2", "from 10.9.0.0/24 lookup 77")
	file := filepath.Join(one.Prefix, "keepalived.conf")
	data, err := os.ReadFile(file)
	check(t, err)
	text := strings.Replace(string(data), "10.9.1.1/24 dev ens33", "10.9.3.1/24 dev ens33", 1)
	text = strings.Replace(text, "from 10.9.0.0/24 lookup 77", "", 1)
	check(t, os.WriteFile(file, []byte(text), 0o644))
	observe(t, p, "reload", func(context.Context) error { return one.Processes()[0].Signal(syscall.SIGHUP) }, one)
	has("after the reload", "inet 10.9.0.1/24", "inet 10.9.1.1/24", "inet 10.9.3.1/24", "10.8.0.0/24 via 10.9.0.2")
	observe(t, p, "stop", one.Stop, two)
	has("after the end", "inet 10.9.1.1/24")
}

// What is static comes back when somebody deletes it, and when its interface was
// down: all but what has no_track.
func TestStaticComesBack(t *testing.T) {
	nodes := seed
	nodes[0] = inInstance(nodes[0], "track_group watched {\n group {\n VI_7\n }\n}\n"+
		"static_ipaddress {\n 10.9.0.1/24 dev dummy track_group watched\n 10.9.1.1/24 dev ens33 no_track\n}\n"+
		"static_routes {\n 10.8.0.0/24 via 10.9.0.2 dev dummy\n 10.7.0.0/24 dev ens33 no_track\n}\n"+
		"static_rules {\n from 10.9.0.0/24 lookup 77\n from 10.9.1.0/24 lookup 77 no_track\n}", "")
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, nodes)
	one, two := p.Nodes[0], p.Nodes[1]
	run := func(args ...string) {
		t.Helper()
		_, err := one.Host.Output("ip", args...)
		check(t, err)
	}
	run("link", "add", "dummy", "type", "bridge")
	run("link", "add", "port", "type", "veth", "peer", "name", "tailend")
	run("link", "set", "port", "master", "dummy", "up")
	run("link", "set", "tailend", "up")
	run("link", "set", "dummy", "up")
	tracked := []string{"inet 10.9.0.1/24", "10.8.0.0/24 via 10.9.0.2", "from 10.9.0.0/24 lookup 77"}
	loose := []string{"inet 10.9.1.1/24", "10.7.0.0/24 dev ens33", "from 10.9.1.0/24 lookup 77"}
	shown := func() string {
		all := ""
		for _, args := range [][]string{{"-4", "addr"}, {"route"}, {"rule"}} {
			out, err := one.Host.Output("ip", args...)
			check(t, err)
			all += out
		}
		return all
	}
	await := func(when string, want ...string) {
		t.Helper()
		deadline := time.Now().Add(10 * time.Second)
		for got := shown(); slices.ContainsFunc(want, func(w string) bool { return !strings.Contains(got, w) }); got = shown() {
			if time.Now().After(deadline) {
				t.Fatalf("%s: want %q in\n%s", when, want, got)
			}
		}
	}
	observe(t, p, "start", started(one, two), one)
	await("after the start", slices.Concat(tracked, loose)...)
	run("addr", "del", "10.9.1.1/24", "dev", "ens33")
	run("route", "del", "10.7.0.0/24")
	run("rule", "del", "from", "10.9.1.0/24", "lookup", "77")
	run("route", "del", "10.8.0.0/24")
	run("rule", "del", "from", "10.9.0.0/24", "lookup", "77")
	await("after routes and rules were deleted", tracked...)
	run("addr", "del", "10.9.0.1/24", "dev", "dummy") // the route through it goes as well
	await("after the address was deleted", tracked...)
	for _, w := range loose {
		if got := shown(); strings.Contains(got, w) {
			t.Errorf("%q came back although it has no_track:\n%s", w, got)
		}
	}
	// The instance of its track_group is at fault as long as the interface is down.
	observe(t, p, "interface down", func(context.Context) error {
		_, err := one.Host.Output("ip", "link", "set", "dummy", "down")
		return err
	}, two)
	observe(t, p, "interface up", func(context.Context) error {
		_, err := one.Host.Output("ip", "link", "set", "dummy", "up")
		return err
	}, one)
	await("after the interface came back", tracked...)
}
