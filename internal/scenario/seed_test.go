package scenario_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/internal/lab/probe"
	"tandem/internal/scenario"
)

// listed is what `ip -4 a` prints on the master: the VIP with its prefix,
// scope and interface as keepalived sets them. "dynamic" is the kernel's word
// for a lifetime that ends.
var listed = regexp.MustCompile(`(?m)^    inet 192\.168\.200\.254/32 scope global (dynamic )?ens33$`)

// shows compares `ip -4 a` of the nodes with who is to be the master.
func shows(t *testing.T, p *scenario.Pair, master *scenario.Node) {
	t.Helper()
	for _, n := range p.Nodes {
		out, err := n.Host.Output("ip", "-4", "a")
		check(t, err)
		if got := listed.MatchString(out); got != (n == master) || strings.Contains(out, vip.String()) != (n == master) {
			t.Errorf("ip -4 a on %s, while %s is the master:\n%s", n.Name, master.Name, out)
		}
	}
}

// TestSeed goes through what an operator sees of the pair, with each program
// in each role.
func TestSeed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		programs func(*testing.T) [2]scenario.Program
	}{
		{"tandem and tandem", func(*testing.T) [2]scenario.Program { return [2]scenario.Program{tandem(), tandem()} }},
		{"tandem and classic", func(t *testing.T) [2]scenario.Program { return [2]scenario.Program{tandem(), classic(t)} }},
		{"classic and tandem", func(t *testing.T) [2]scenario.Program { return [2]scenario.Program{classic(t), tandem()} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, c.programs(t), seed)
			one, two := p.Nodes[0], p.Nodes[1]
			ours := one.Program.Name == "tandem"

			// 1 and 2: both nodes up.
			observe(t, p, "start", started(one, two), one)
			shows(t, p, one)
			for _, n := range p.Nodes {
				check(t, p.OwnPage(within(t), n))
			}

			// 3: node 1's service stops. keepalived removes the VIP first
			// and says so then: 1.01 s.
			stop := observe(t, p, "planned stop", one.Stop, two)
			shows(t, p, two)
			if ours {
				atMost(t, "planned stop", stop, time.Second, time.Second)
			}

			// 4: it comes back, and takes the VIP back.
			back := observe(t, p, "return", started(one), one)
			shows(t, p, one)
			atMost(t, "return", back, time.Second, time.Second)

			// The backup stops and comes back, and nobody notices, not even
			// when its master-down time has passed.
			check(t, two.Stop(within(t)))
			other := observe(t, p, "return of the backup", func(ctx context.Context) error {
				if err := two.Start(); err != nil {
					return err
				}
				_, err := p.Probe.Wait(ctx, time.Now().Add(5*time.Second), probe.Result.OK)
				return err
			}, one)
			shows(t, p, one)
			atMost(t, "return of the backup", other, 500*time.Millisecond, 0)
		})
	}
}

// TestAsAnotherUser runs the pair for a user without any privilege.
func TestAsAnotherUser(t *testing.T) {
	t.Parallel()
	lab.New(t)
	out, err := lab.AsNobody(t, "-test.v", "-test.run=^TestSeed$/^tandem_and_tandem$")
	switch {
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case strings.Contains(out, "no lab: "):
		t.Skipf("no lab for an unprivileged user here:\n%s", out)
	case !strings.Contains(out, "--- PASS: TestSeed/tandem_and_tandem"):
		t.Errorf("it did not run:\n%s", out)
	}
}

// TestWebFailure lets the master's web side fall silent while its process
// lives.
func TestWebFailure(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		peer func(*testing.T) scenario.Program
	}{
		{"tandem and tandem", func(*testing.T) scenario.Program { return tandem() }},
		{"tandem and classic", classic},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, [2]scenario.Program{tandem(), c.peer(t)}, seed)
			one, two := p.Nodes[0], p.Nodes[1]
			observe(t, p, "start", started(one, two), one)
			var restore func() error
			failure := observe(t, p, "web failure", func(context.Context) (err error) {
				restore, err = one.Host.SwallowPort(80)
				return err
			}, two)
			shows(t, p, two)
			// The addresses stay until the other node is heard, and a moment longer.
			atMost(t, "web failure", failure, 3*time.Second, 500*time.Millisecond)
			mended := observe(t, p, "web return", func(context.Context) error { return restore() }, one)
			shows(t, p, one)
			atMost(t, "web return", mended, time.Second, time.Second)
		})
	}
}

// TestKill kills the master without warning: keepalived would leave the VIP
// on both nodes for ever.
func TestKill(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		peer func(*testing.T) scenario.Program
	}{
		{"tandem and tandem", func(*testing.T) scenario.Program { return tandem() }},
		{"tandem and classic", classic},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, [2]scenario.Program{tandem(), c.peer(t)}, seed)
			one, two := p.Nodes[0], p.Nodes[1]
			observe(t, p, "start", started(one, two), one)
			killed := observe(t, p, "kill -9", one.Kill, two)
			shows(t, p, two)
			atMost(t, "kill -9", killed, 5*time.Second, 4*time.Second)
			back := observe(t, p, "return", started(one), one)
			atMost(t, "return", back, time.Second, time.Second)
		})
	}
}

// TestLowerFirst has the node with the lower priority start first.
func TestLowerFirst(t *testing.T) {
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, seed)
	one, two := p.Nodes[0], p.Nodes[1]
	observe(t, p, "node 2 alone", started(two), two)
	seen := observe(t, p, "node 1 later", started(one), one)
	atMost(t, "node 1 later", seen, time.Second, time.Second)
}

// TestSplit parts the network between the nodes: each is master on its side,
// and when it heals the higher priority remains, without an outage on its
// side.
func TestSplit(t *testing.T) {
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, seed)
	one, two := p.Nodes[0], p.Nodes[1]
	observe(t, p, "start", started(one, two), one)
	check(t, p.Switch.Split([]*lab.Port{two.Port}))
	check(t, two.Holding.Wait(within(t), true))
	// Until node 2's burst of gratuitous ARP is over, as long as nobody but
	// node 2 hears it.
	_, err := p.Probe.Wait(within(t), time.Now().Add(time.Second), probe.Result.OK)
	check(t, err)
	healed := observe(t, p, "heal", func(context.Context) error { return p.Switch.Heal() }, one)
	if healed.Failed > healed.Requests/2 {
		t.Errorf("%d of %d requests failed: %v", healed.Failed, healed.Requests, healed.Errors)
	}
	shows(t, p, one)
}

// TestLinkDown pulls the master's cable.
func TestLinkDown(t *testing.T) {
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, seed)
	one, two := p.Nodes[0], p.Nodes[1]
	observe(t, p, "start", started(one, two), one)
	down := observe(t, p, "cable out", func(context.Context) error { return one.Port.Unplug() }, two)
	atMost(t, "cable out", down, 5*time.Second, 0)
	back := observe(t, p, "cable in", func(context.Context) error { return one.Port.Plug() }, one)
	atMost(t, "cable in", back, 2*time.Second, time.Second)
}

// TestDeletedByHand deletes the VIP from the master behind its back: it gives
// up, and comes back as the one with the higher priority.
func TestDeletedByHand(t *testing.T) {
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, seed)
	one, two := p.Nodes[0], p.Nodes[1]
	observe(t, p, "start", started(one, two), one)
	seen := observe(t, p, "VIP deleted", func(ctx context.Context) error {
		_, err := one.Host.Output("ip", "addr", "del", "192.168.200.254/32", "dev", "ens33")
		return errors.Join(err, one.Holding.Wait(ctx, true))
	}, one)
	atMost(t, "VIP deleted", seen, 3*time.Second, time.Second)
}

// TestUserDirective has the nodes serve as another user, who still holds and
// gives up the VIP.
func TestUserDirective(t *testing.T) {
	nodes := seed
	for i := range nodes {
		nodes[i] = edit(nodes[i], "conf/nginx.conf", func(conf string) string { return "user nobody nogroup;\n" + conf })
	}
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, nodes)
	if lab.OneUser() {
		t.Skip("the lab has no other users")
	}
	one, two := p.Nodes[0], p.Nodes[1]
	observe(t, p, "start", started(one, two), one)
	shows(t, p, one)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", one.Processes()[0].Pid))
	check(t, err)
	if !strings.Contains(string(status), "\nUid:\t0\t0\t0\t65534\n") {
		t.Errorf("node 1 does not open files as nobody:\n%s", status)
	}
	atMost(t, "planned stop", observe(t, p, "planned stop", one.Stop, two), time.Second, time.Second)
	shows(t, p, two)
	atMost(t, "return", observe(t, p, "return", started(one), one), time.Second, time.Second)
	shows(t, p, one)
}

// TestReload reloads both files of a master while it serves.
func TestReload(t *testing.T) {
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, seed)
	one, two := p.Nodes[0], p.Nodes[1]
	observe(t, p, "start", started(one, two), one)
	seen := observe(t, p, "five reloads", func(ctx context.Context) error {
		for range 5 {
			if err := one.Processes()[0].Signal(syscall.SIGHUP); err != nil {
				return err
			}
			if _, err := p.Probe.Wait(ctx, time.Now().Add(300*time.Millisecond), probe.Result.OK); err != nil {
				return err
			}
		}
		return nil
	}, one)
	atMost(t, "five reloads", seen, 500*time.Millisecond, 0)
	lossless(t, "five reloads", seen)
	if spans := two.Holding.Spans(); len(spans) != 0 {
		t.Errorf("node 2 held the VIP: %v", spans)
	}
	// A file that is wrong changes nothing.
	check(t, os.WriteFile(filepath.Join(one.Prefix, "conf", "nginx.conf"), []byte("events { }\nhttp { nonsense on; }\n"), 0o644))
	wrong := observe(t, p, "a reload that fails", func(ctx context.Context) error {
		if err := one.Processes()[0].Signal(syscall.SIGHUP); err != nil {
			return err
		}
		return one.AwaitLog(ctx, `unknown directive "nonsense"`)
	}, one)
	lossless(t, "a reload that fails", wrong)
	shows(t, p, one)
}

// TestSuspended stops the master's process without ending it: the kernel
// itself takes the VIP away.
func TestSuspended(t *testing.T) {
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, seed)
	one, two := p.Nodes[0], p.Nodes[1]
	observe(t, p, "start", started(one, two), one)
	process := one.Processes()[0]
	seen := observe(t, p, "SIGSTOP", func(context.Context) error { return process.Signal(syscall.SIGSTOP) }, two)
	atMost(t, "SIGSTOP", seen, 5*time.Second, 4*time.Second)
	back := observe(t, p, "SIGCONT", func(context.Context) error { return process.Signal(syscall.SIGCONT) }, one)
	atMost(t, "SIGCONT", back, 2*time.Second, time.Second)
	shows(t, p, one)
}
