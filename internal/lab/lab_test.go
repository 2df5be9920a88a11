package lab_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/internal/lab"
)

func TestMain(m *testing.M) {
	lab.Main()
	os.Exit(m.Run())
}

// must fails the test on an error of one of the lab's own calls.
func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// check fails the test on an error.
func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pair is two hosts on a switch.
type pair struct {
	sw           *lab.Switch
	one, two     *lab.Host
	port1, port2 *lab.Port
}

func newPair(t *testing.T) pair {
	l := lab.New(t)
	sw := must[*lab.Switch](t)(l.Switch())
	one, two := must[*lab.Host](t)(l.Host("one")), must[*lab.Host](t)(l.Host("two"))
	return pair{
		sw: sw, one: one, two: two,
		port1: must[*lab.Port](t)(sw.Connect(one, "ens33", netip.MustParsePrefix("192.168.200.7/24"), netip.MustParsePrefix("fd00::7/64"))),
		port2: must[*lab.Port](t)(sw.Connect(two, "ens33", netip.MustParsePrefix("192.168.200.10/24"), netip.MustParsePrefix("fd00::10/64"))),
	}
}

// greet makes the host answer every connection to port 80 with its name.
func greet(t *testing.T, h *lab.Host) {
	t.Helper()
	answer(t, h, ":80")
}

func answer(t *testing.T, h *lab.Host, address string) {
	t.Helper()
	listener := must[net.Listener](t)(h.Listen("tcp", address))
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, h.Name)
			conn.Close()
		}
	}()
}

// ask connects from the host and returns what it is told.
func ask(h *lab.Host, address string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel()
	conn, err := h.DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	said, err := io.ReadAll(conn)
	return string(said), err
}

func TestHostsReachEachOther(t *testing.T) {
	p := newPair(t)
	greet(t, p.one)
	greet(t, p.two)
	for _, c := range []struct {
		from    *lab.Host
		address string
		answer  string
	}{
		{p.one, "192.168.200.10:80", "two"},
		{p.two, "192.168.200.7:80", "one"},
		{p.one, "[fd00::10]:80", "two"},
		{p.one, "127.0.0.1:80", "one"},
	} {
		said, err := ask(c.from, c.address)
		if err != nil {
			// A first neighbour solicitation may be lost; the next one
			// follows after a second.
			said, err = ask(c.from, c.address)
		}
		if err != nil || said != c.answer {
			t.Errorf("%s asked %s: %q, %v", c.from.Name, c.address, said, err)
		}
	}
}

func TestCommandsRunOnTheHost(t *testing.T) {
	p := newPair(t)
	out := must[string](t)(p.one.Output("ip", "-4", "a", "show", "dev", "ens33"))
	if !strings.Contains(out, "inet 192.168.200.7/24 scope global ens33\n") {
		t.Errorf("ip -4 a:\n%s", out)
	}
	if name := must[string](t)(p.two.Output("uname", "-n")); name != "two\n" {
		t.Errorf("host name %q", name)
	}
	if _, err := p.one.Output("sh", "-c", "echo why >&2; exit 3"); err == nil || !strings.Contains(err.Error(), "exit code 3: why") {
		t.Errorf("a failing command: %v", err)
	}
	if mine := must[string](t)(p.one.Output("ip", "-o", "link")); strings.Contains(mine, "cable") {
		t.Errorf("the switch's interfaces show on the host:\n%s", mine)
	}
}

func TestHolds(t *testing.T) {
	p := newPair(t)
	vip := netip.MustParsePrefix("192.168.200.254/32")
	for _, held := range []bool{false, true, false} {
		if got := must[bool](t)(p.one.Holds(vip.Addr())); got != held {
			t.Fatalf("Holds = %v, want %v", got, held)
		}
		if held {
			check(t, p.port1.RemoveAddress(vip))
		} else {
			check(t, p.port1.AddAddress(vip))
		}
	}
}

func TestHolding(t *testing.T) {
	p := newPair(t)
	vip := netip.MustParsePrefix("192.168.200.254/32")
	check(t, p.port2.AddAddress(vip))
	one := must[*lab.Holding](t)(p.one.Holding(vip.Addr(), nil))
	two := must[*lab.Holding](t)(p.two.Holding(vip.Addr(), nil))
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	check(t, one.Wait(ctx, false))
	check(t, two.Wait(ctx, true))
	check(t, p.port1.AddAddress(vip))
	check(t, one.Wait(ctx, true))
	// Another entry of the same address does not count twice.
	check(t, p.port1.AddAddress(netip.MustParsePrefix("192.168.200.254/24")))
	check(t, p.port2.RemoveAddress(vip))
	check(t, two.Wait(ctx, false))
	check(t, p.port1.RemoveAddress(vip))
	check(t, p.port1.RemoveAddress(netip.MustParsePrefix("192.168.200.254/24")))
	check(t, one.Wait(ctx, false))
	spans1, spans2 := one.Spans(), two.Spans()
	if len(spans1) != 1 || len(spans2) != 1 || spans1[0].To.IsZero() || spans2[0].To.IsZero() {
		t.Fatalf("spans %v and %v", spans1, spans2)
	}
	if got, want := lab.Together(spans1, spans2, time.Time{}), spans2[0].To.Sub(spans1[0].From); got != want || got <= 0 {
		t.Errorf("together for %v, want %v", got, want)
	}
	if got := lab.Together(spans1, spans2, time.Now()); got != 0 {
		t.Errorf("together for %v after the end", got)
	}
	short, stop := context.WithTimeout(ctx, time.Millisecond)
	defer stop()
	if err := one.Wait(short, true); err == nil || !strings.Contains(err.Error(), "192.168.200.254 did not come") {
		t.Errorf("error %v", err)
	}
}

func TestFaults(t *testing.T) {
	p := newPair(t)
	greet(t, p.two)
	reach := func(want bool, when string) {
		t.Helper()
		// The kernel takes up to a second to let a carrier that came back
		// be used.
		for deadline := time.Now().Add(5 * time.Second); ; {
			said, err := ask(p.one, "192.168.200.10:80")
			if (err == nil) == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: %q, %v", when, said, err)
			}
		}
	}
	flags := func() string {
		return must[string](t)(p.two.Output("ip", "-o", "link", "show", "ens33"))
	}
	reach(true, "at first")

	check(t, p.port2.Unplug())
	if f := flags(); !strings.Contains(f, "NO-CARRIER") || !strings.Contains(f, ",UP") {
		t.Errorf("unplugged: %s", f)
	}
	reach(false, "unplugged")
	check(t, p.port2.Plug())
	reach(true, "plugged in again")

	check(t, p.sw.Split([]*lab.Port{p.port1}, []*lab.Port{p.port2}))
	if f := flags(); !strings.Contains(f, "LOWER_UP") {
		t.Errorf("split: %s", f)
	}
	reach(false, "split")
	check(t, p.sw.Heal())
	reach(true, "healed")

	check(t, p.port2.Down())
	reach(false, "down")
	check(t, p.port2.Up())
	reach(true, "up")

	check(t, p.port2.Remove())
	reach(false, "removed")
	must[*lab.Port](t)(p.sw.Connect(p.two, "ens33", netip.MustParsePrefix("192.168.200.10/24")))
	check(t, p.sw.Heal())
	// The new interface has another hardware address than the neighbour knows.
	must[string](t)(p.one.Output("ip", "neigh", "flush", "all"))
	reach(true, "back as a new interface")
}

// captured is a capture of one conversation.
func captured(t *testing.T) *lab.Capture {
	t.Helper()
	p := newPair(t)
	greet(t, p.two)
	capture := must[*lab.Capture](t)(p.port1.Capture())
	if _, err := ask(p.one, "192.168.200.10:80"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := capture.Wait(ctx, func(f lab.Frame) bool { return bytes.HasSuffix(f.Data, []byte("two")) }); err != nil {
		t.Fatal(err)
	}
	check(t, capture.Close())
	return capture
}

func TestSwallowPort(t *testing.T) {
	p := newPair(t)
	greet(t, p.two)
	answer(t, p.two, ":81")
	for range 2 {
		restore := must[func() error](t)(p.two.SwallowPort(80))
		for _, h := range []*lab.Host{p.one, p.two} {
			if said, err := ask(h, "192.168.200.10:80"); err == nil {
				t.Errorf("%s is answered %q by a swallowed port", h.Name, said)
			}
		}
		if said, err := ask(p.one, "192.168.200.10:81"); err != nil || said != "two" {
			t.Errorf("another port: %q, %v", said, err)
		}
		check(t, restore())
		for _, h := range []*lab.Host{p.one, p.two} {
			if said, err := ask(h, "192.168.200.10:80"); err != nil || said != "two" {
				t.Errorf("%s after the fault: %q, %v", h.Name, said, err)
			}
		}
	}
}

func TestCapture(t *testing.T) {
	if frames := captured(t).Frames(); len(frames) < 6 {
		t.Errorf("%d frames of a whole connection", len(frames))
	}
}

func TestCaptureFile(t *testing.T) {
	lab.Needs(t, "tcpdump")
	if lab.OneUser() {
		t.Skip("tcpdump becomes another user, and the lab has none")
	}
	capture := captured(t)
	file := filepath.Join(t.TempDir(), "c.pcap")
	check(t, capture.WriteFile(file))
	out, err := exec.Command("tcpdump", "-nr", file).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "192.168.200.10.80 > 192.168.200.7") {
		t.Errorf("tcpdump: %v\n%s", err, out)
	}
}

// TestNothingIsLeftAfterKill kills a process that holds a lab with a running
// command, and expects the command to end.
func TestNothingIsLeftAfterKill(t *testing.T) {
	lab.New(t)
	owner := exec.Command("/proc/self/exe", "-test.run=^TestOwner$", "-test.v")
	owner.Env = append(os.Environ(), "LAB_TEST_OWNER=1")
	out := must[io.ReadCloser](t)(owner.StdoutPipe())
	check(t, owner.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "started" {
	}
	check(t, owner.Process.Signal(syscall.SIGKILL))
	owner.Process.Wait()
	// The command holds the pipe's other end; it is closed when every
	// process of that lab is gone.
	ended := make(chan struct{})
	go func() {
		io.Copy(io.Discard, out)
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("a process of the lab outlived the lab")
	}
}

// TestOwner is the process that TestNothingIsLeftAfterKill kills.
func TestOwner(t *testing.T) {
	if os.Getenv("LAB_TEST_OWNER") == "" {
		t.Skip("runs only as a part of TestNothingIsLeftAfterKill")
	}
	p := newPair(t)
	// A grandchild, in a session of its own, that nothing but the end of
	// the namespace ends.
	cmd := exec.Command("sh", "-c", "setsid sleep 1000 & echo started; exec sleep 1000")
	cmd.Stdout = os.Stdout
	must[*lab.Process](t)(p.one.Start(cmd))
	select {}
}

// TestAsAnotherUser runs this package's tests once more as a user without any
// privilege.
func TestAsAnotherUser(t *testing.T) {
	if os.Getenv("LAB_TEST_NESTED") != "" {
		t.Skip("already inside")
	}
	lab.New(t)
	out, err := lab.AsNobody(t, "-test.v", "-test.run=^(TestHosts|TestCommands|TestFaults|TestCapture$)")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(out, "--- SKIP") {
		t.Skipf("no lab for an unprivileged user here:\n%s", out)
	}
	if !strings.Contains(out, "--- PASS: TestFaults") {
		t.Errorf("not all tests ran:\n%s", out)
	}
}
