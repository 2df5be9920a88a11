package scenario_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

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
