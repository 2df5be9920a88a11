package procfs

import (
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMain is also the other process: it listens, says where, and waits until
// its input ends.
func TestMain(m *testing.M) {
	if address := os.Getenv("PROCFS_TEST_LISTEN"); address != "" {
		l, err := net.Listen("tcp", address)
		if err != nil {
			os.Exit(1)
		}
		_, _ = os.Stdout.WriteString(l.Addr().String() + "\n")
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = l.Close()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// listen starts a process of that name that listens.
func listen(t *testing.T, name, address string) (pid int, at netip.AddrPort) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(link)
	cmd.Env = append(os.Environ(), "PROCFS_TEST_LISTEN="+address)
	if _, err := cmd.StdinPipe(); err != nil { // kept open as long as this process lives
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		t.Skipf("cannot listen on %s", address)
	}
	return cmd.Process.Pid, netip.MustParseAddrPort(string(line[:n-1]))
}

func TestFind(t *testing.T) {
	for _, c := range []struct{ address, asked string }{
		{"127.0.0.1:0", "127.0.0.1"}, {"127.0.0.1:0", "0.0.0.0"}, {"0.0.0.0:0", "127.0.0.1"}, {"[::]:0", "127.0.0.1"}, {"[::1]:0", "::1"},
	} {
		pid, at := listen(t, "somebody-else", c.address)
		asked := netip.AddrPortFrom(netip.MustParseAddr(c.asked), at.Port())
		if p, ok := Listener(asked); !ok || p.PID != pid || p.Name != "somebody-else" {
			t.Errorf("who listens on %v, with %s taken: %v %v, want %d", asked, c.address, p, ok, pid)
		}
		found := Named("somebody-else")
		if len(found) == 0 || found[len(found)-1].PID != pid && found[0].PID != pid {
			t.Errorf("named: %v, want %d", found, pid)
		}
	}
	if p, ok := Listener(netip.MustParseAddrPort("127.0.0.2:1")); ok {
		t.Errorf("nobody listens on port 1, and %v does", p)
	}
	if found := Named("nobody-at-all"); found != nil {
		t.Errorf("named: %v", found)
	}
}
