package process

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What is sent arrives in one datagram, and nobody that the process starts finds
// the socket.
func TestSupervisor(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if s := FindSupervisor(); s != nil || s.Tell("READY=1") != nil {
		t.Error("a supervisor that is not there")
	}
	name := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", "15000000")
	t.Setenv("WATCHDOG_PID", "1")
	if s := FindSupervisor(); s.Watchdog != 0 {
		t.Errorf("another process's watchdog: %v", s.Watchdog)
	}
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", "15000000")
	s := FindSupervisor()
	if s.Watchdog != 15*time.Second || os.Getenv("NOTIFY_SOCKET") != "" {
		t.Errorf("watchdog %v, environment %q", s.Watchdog, os.Getenv("NOTIFY_SOCKET"))
	}
	if err := s.Tell("READY=1", "STATUS=well"); err != nil {
		t.Fatal(err)
	}
	if err := s.Reloading(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"READY=1\nSTATUS=well", "RELOADING=1\nMONOTONIC_USEC="} {
		b := make([]byte, 200)
		n, err := l.Read(b)
		if err != nil || !strings.HasPrefix(string(b[:n]), want) {
			t.Errorf("%q, %v", b[:n], err)
		}
	}
	_ = l.Close()
	if err := s.Tell("READY=1"); err == nil {
		t.Error("nobody listens, and that is no error")
	}
}
