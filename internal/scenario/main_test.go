package scenario_test

import (
	"bytes"
	"context"
	"embed"
	"flag"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/internal/scenario"
)

// parallel is how many scenarios run at a time. They wait most of the time,
// so it has nothing to do with the number of processors.
const parallel = "6"

func TestMain(m *testing.M) {
	flag.Parse()
	if scenario.Binary() != "" {
		if err := flag.Set("test.parallel", parallel); err != nil {
			panic(err)
		}
		lab.Main()
		os.Exit(m.Run())
	}
	code, done, err := scenario.Enter("")
	switch {
	case scenario.Binary() == "":
		fmt.Fprintln(os.Stderr, err)
	case !done:
		code = m.Run() // every test skips, and says why
	}
	os.Exit(code)
}

func tandem() scenario.Program { return scenario.Tandem(scenario.Binary()) }

// classic is nginx and keepalived; the test is skipped where they are not
// installed, or where they cannot run because the lab has no other users.
func classic(t *testing.T) scenario.Program {
	t.Helper()
	if err := scenario.CanRunClassic(); err != nil {
		t.Skip(err)
	}
	return scenario.Classic()
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// seed are the two boxes as their operator has them today.
var seed = [2]scenario.Config{
	{Name: "node1", Title: "主机01 IP：192.168.200.7", Address: netip.MustParsePrefix("192.168.200.7/24"), Write: writeSeed("node1")},
	{Name: "node2", Title: "主机02 IP：192.168.200.10", Address: netip.MustParsePrefix("192.168.200.10/24"), Write: writeSeed("node2")},
}

//go:embed testdata/seed
var seedFiles embed.FS

// writeSeed copies a node's files. nginx finds a mime.types beside its
// configuration, as it does where it is installed.
func writeSeed(node string) func(string) error {
	return func(prefix string) error {
		files, err := fs.Sub(seedFiles, "testdata/seed/"+node)
		if err != nil {
			return err
		}
		if err := os.CopyFS(prefix, files); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(prefix, "conf", "mime.types"), []byte("types { text/html html htm; }\n"), 0o644)
	}
}

// edit changes a file of a node after it was written.
func edit(c scenario.Config, name string, change func(string) string) scenario.Config {
	write := c.Write
	c.Write = func(prefix string) error {
		if err := write(prefix); err != nil {
			return err
		}
		file := filepath.Join(prefix, name)
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return os.WriteFile(file, []byte(change(string(data))), 0o644)
	}
	return c
}

// vip is what the two nodes share.
var vip = netip.MustParseAddr("192.168.200.254")

// newPair makes a pair of the seed's nodes with the given programs. From then
// on the test runs in parallel with others.
func newPair(t *testing.T, programs [2]scenario.Program, nodes [2]scenario.Config) *scenario.Pair {
	t.Helper()
	if testing.Short() {
		t.Skip("scenarios take their time")
	}
	lab.Needs(t, "ip")
	t.Parallel()
	l := lab.New(t)
	for i := range nodes {
		nodes[i].Program = programs[i]
	}
	// /run is the lab's own.
	dir, err := os.MkdirTemp("/run", "scenario-")
	check(t, err)
	check(t, os.Chmod(dir, 0o755))
	p, err := scenario.NewPair(l, scenario.Settings{
		VIP: vip, Interface: "ens33", Client: netip.MustParsePrefix("192.168.200.100/24"), Nodes: nodes, Dir: dir,
	})
	check(t, err)
	t.Cleanup(p.Close)
	return p
}

// within is the time for one change of the pair.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// started is a change: the programs on these nodes are started.
func started(nodes ...*scenario.Node) func(context.Context) error {
	return func(context.Context) error {
		for _, n := range nodes {
			if err := n.Start(); err != nil {
				return err
			}
		}
		return nil
	}
}

// observe makes a change that must lead to the master.
func observe(t *testing.T, p *scenario.Pair, what string, change func(context.Context) error, master *scenario.Node) scenario.Seen {
	t.Helper()
	seen, err := p.Observe(within(t), change, master)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	t.Logf("%s: longest time without an answer %v, %d of %d requests failed, VIP on both nodes for %v; the machine stalled for %v",
		what, seen.Outage.Round(time.Millisecond), seen.Failed, seen.Requests, seen.Both.Round(time.Millisecond), seen.Stalled.Round(time.Millisecond))
	return seen
}

// atMost fails the test if the client was without an answer for too long, or
// both nodes had the VIP. What the machine kept everybody waiting comes on top.
func atMost(t *testing.T, what string, seen scenario.Seen, outage, both time.Duration) {
	t.Helper()
	if seen.Outage > outage+seen.Stalled {
		t.Errorf("%s: %v without an answer, at most %v is right (%v)", what, seen.Outage, outage, seen.Errors)
	}
	if seen.Both > both+seen.Stalled {
		t.Errorf("%s: the VIP on both nodes for %v, at most %v is right", what, seen.Both, both)
	}
}

// stallLimit is how long the machine may keep everybody waiting before requests
// fail for that reason: the client gives each 250 ms.
const stallLimit = 100 * time.Millisecond

// lossless fails the test if a request of the client failed.
func lossless(t *testing.T, what string, seen scenario.Seen) {
	t.Helper()
	if seen.Failed > 0 && seen.Stalled < stallLimit {
		t.Errorf("%s: %d of %d new connections failed: %v", what, seen.Failed, seen.Requests, seen.Errors)
	}
}

// lockedBuffer is a buffer that is read while it is written.
type lockedBuffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}
