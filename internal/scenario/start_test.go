package scenario_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/internal/scenario"
)

// run runs the program with a node's files as a user, with a time limit, and
// returns what it prints and its exit code.
func run(t *testing.T, n *scenario.Node, uid uint32, args ...string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(scenario.Binary(), append([]string{"-p", n.Prefix, "-c", "conf/nginx.conf", "-k", "keepalived.conf"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	process, err := n.Host.Start(cmd)
	if err != nil && uid != 0 {
		t.Skipf("cannot become another user: %v", err)
	}
	check(t, err)
	select {
	case <-process.Ended():
	case <-time.After(10 * time.Second):
		t.Fatalf("it does not end:\n%s", out.String())
	}
	return out.String(), process.ExitCode()
}

// TestMissingPrivileges starts a node as a user who may bind the port but not
// speak VRRP.
func TestMissingPrivileges(t *testing.T) {
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, seed)
	one := p.Nodes[0]
	check(t, one.Host.Sysctl("net/ipv4/ip_unprivileged_port_start", "0"))
	check(t, os.Chmod(filepath.Join(one.Prefix, "logs"), 0o777))
	out, code := run(t, one, 65534)
	if code != 1 || !strings.Contains(out, "CAP_NET_ADMIN (to add and remove virtual addresses)") ||
		!strings.Contains(out, "CAP_NET_RAW (to send and receive VRRP and gratuitous ARP)") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if strings.Contains(out, "panic") || strings.Contains(out, "goroutine ") {
		t.Errorf("a crash:\n%s", out)
	}
}

// TestStartedTwice starts the program twice on one host.
func TestStartedTwice(t *testing.T) {
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, seed)
	one, two := p.Nodes[0], p.Nodes[1]
	observe(t, p, "start", started(one, two), one)
	out, code := run(t, one, 0)
	if code != 1 || !strings.Contains(out, "another tandem (process ") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	check(t, p.Await(within(t), one))
	shows(t, p, one)
}

// TestLeftovers starts a node that has the VIP already, left by a process
// that died: it goes, and comes back when the node has become master.
func TestLeftovers(t *testing.T) {
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, seed)
	one, two := p.Nodes[0], p.Nodes[1]
	observe(t, p, "node 1 alone", started(one), one)
	_, err := two.Host.Output("ip", "addr", "add", "192.168.200.254/32", "dev", "ens33")
	check(t, err)
	check(t, two.Holding.Wait(within(t), true))
	observe(t, p, "node 2 starts", started(two), one)
	shows(t, p, one)
}

// TestForgottenKeepalived has a keepalived run beside tandem, which takes the
// VIP away: it is named.
func TestForgottenKeepalived(t *testing.T) {
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, seed)
	one := p.Nodes[0]
	observe(t, p, "start", started(one), one)
	sleep, err := exec.LookPath("sleep")
	check(t, err)
	link := filepath.Join(t.TempDir(), "keepalived")
	check(t, os.Symlink(sleep, link))
	forgotten := exec.Command(link, "60")
	forgotten.Args[0] = "sleep"
	process, err := one.Host.Start(forgotten)
	check(t, err)
	defer func() { check(t, process.Signal(syscall.SIGKILL)) }()
	_, err = one.Host.Output("ip", "addr", "del", "192.168.200.254/32", "dev", "ens33")
	check(t, err)
	check(t, one.AwaitLog(within(t), fmt.Sprintf("keepalived (process %d) is running on this machine, too", process.Pid)))
}

// TestDemo runs the demonstration, and reads what it tells a machine.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	t.Parallel()
	lab.New(t) // the reason to skip, if there is one
	var stderr bytes.Buffer
	cmd := exec.Command(scenario.Binary(), "demo", "--json")
	cmd.Env = append(os.Environ(), "TANDEM_BINARY=")
	cmd.Stderr = &stderr
	begun := time.Now()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, stderr.String())
	}
	if took := time.Since(begun); took > 60*time.Second {
		t.Errorf("it took %v", took)
	}
	var results []string
	ended := false
	for line := range strings.Lines(string(out)) {
		var event struct {
			Event, Step string
			Held        bool
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		switch event.Event {
		case "result":
			results = append(results, event.Step)
			if !event.Held {
				t.Errorf("did not hold: %s", line)
			}
		case "end":
			ended = event.Held
		}
	}
	const want = "start planned-stop return web-failure web-return kill return-after-kill"
	if got := strings.Join(results, " "); got != want || !ended {
		t.Errorf("steps %q, want %q; held at the end: %v", got, want, ended)
	}
}

// TestDemoInterrupted ends the demonstration by Ctrl-C.
func TestDemoInterrupted(t *testing.T) {
	lab.New(t)
	cmd := exec.Command(scenario.Binary(), "demo")
	var out lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	check(t, cmd.Start())
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(out.String(), "Both nodes start"); {
		if time.Now().After(deadline) {
			t.Fatalf("it does not begin:\n%s", out.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
	check(t, cmd.Process.Signal(os.Interrupt))
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the exit code is in the state
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		cmd.Process.Kill()
		t.Fatalf("it does not end:\n%s", out.String())
	}
	if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(out.String(), "Interrupted.") {
		t.Errorf("exit code %d:\n%s", code, out.String())
	}
	if strings.ContainsRune(out.String(), '\x1b') {
		t.Errorf("colours without a terminal:\n%q", out.String())
	}
}

// TestDemoRefused runs the demonstration where no namespaces can be made.
func TestDemoRefused(t *testing.T) {
	lab.New(t)
	// The limits of the user namespace that the lab runs in, or of one made
	// for this test.
	cmd := exec.Command("sh", "-c", `echo 0 > /proc/sys/user/max_net_namespaces && exec "$0" demo`, scenario.Binary())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	exit, ok := err.(*exec.ExitError)
	if !ok || exit.ExitCode() != 1 {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "namespaces") || !strings.Contains(string(out), "sudo tandem demo") {
		t.Errorf("it says:\n%s", out)
	}
}
