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
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/lab"
	"tandem/internal/scenario"
)

// binaryEnv names the program under test. The test binary that enters the lab
// builds it first.
const binaryEnv = "TANDEM_BINARY"

// parallel is how many scenarios run at a time. They wait most of the time,
// so it has nothing to do with the number of processors.
const parallel = "6"

func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv(binaryEnv) != "" {
		if err := flag.Set("test.parallel", parallel); err != nil {
			panic(err)
		}
		lab.Main()
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "tandem-scenario-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := buildAndRun(m, dir)
	os.RemoveAll(dir)
	os.Exit(code)
}

// buildAndRun builds the program, and has the tests run in the lab.
func buildAndRun(m *testing.M, dir string) int {
	binary := filepath.Join(dir, "tandem")
	build := exec.Command("go", "build", "-o", binary, "tandem")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	// Other users run it too.
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv(binaryEnv, binary)
	if code, done, _ := lab.Enter(); done {
		return code
	}
	return m.Run() // every test skips, and says why
}

func tandem() scenario.Program { return scenario.Tandem(os.Getenv(binaryEnv)) }

// classic is nginx and keepalived; the test is skipped where they are not
// installed, or where they cannot run because the lab has no other users.
func classic(t *testing.T) scenario.Program {
	t.Helper()
	for _, name := range []string{"nginx", "keepalived"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(err)
		}
	}
	if oneUser() {
		t.Skip("nginx needs more than one user")
	}
	if err := nginxFolders(); err != nil {
		t.Skip(err)
	}
	return scenario.Classic()
}

// oneUser reports whether the lab has but one user, as one has that was made
// without privileges.
func oneUser() bool {
	users, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return true
	}
	fields := strings.Fields(string(users)) // inside, outside, how many
	return len(fields) == 3 && fields[2] == "1"
}

// nginxFolders gives the lab folders of its own where Debian's nginx logs
// before it has read its configuration, and where it keeps bodies.
var nginxFolders = sync.OnceValue(func() error {
	for _, dir := range []string{"/var/log/nginx", "/var/lib/nginx"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
			return fmt.Errorf("an empty %s: %w", dir, err)
		}
	}
	return nil
})

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
	t.Logf("%s: longest time without an answer %v, %d of %d requests failed, VIP on both nodes for %v",
		what, seen.Outage.Round(time.Millisecond), seen.Failed, seen.Requests, seen.Both.Round(time.Millisecond))
	return seen
}

// atMost fails the test if the client was without an answer for too long.
func atMost(t *testing.T, what string, seen scenario.Seen, outage, both time.Duration) {
	t.Helper()
	if seen.Outage > outage {
		t.Errorf("%s: %v without an answer, at most %v is right (%v)", what, seen.Outage, outage, seen.Errors)
	}
	if seen.Both > both {
		t.Errorf("%s: the VIP on both nodes for %v, at most %v is right", what, seen.Both, both)
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
