package process

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Supervisor is who has started the process and wants to be told how it is: the
// service manager, by the protocol of sd_notify(3). A nil one wants nothing.
type Supervisor struct {
	socket string
	// Watchdog is within which time it wants to hear that the process is alive;
	// 0: it does not.
	Watchdog time.Duration
}

// FindSupervisor returns the service manager that the environment names, nil if
// there is none, and takes it out of the environment: scripts are not to speak for
// the process.
func FindSupervisor() *Supervisor {
	socket := os.Getenv("NOTIFY_SOCKET")
	usec, _ := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	pid := os.Getenv("WATCHDOG_PID")
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		_ = os.Unsetenv(name)
	}
	if socket == "" {
		return nil
	}
	s := &Supervisor{socket: socket}
	if pid == "" || pid == strconv.Itoa(os.Getpid()) {
		s.Watchdog = time.Duration(max(usec, 0)) * time.Microsecond
	}
	return s
}

// Tell sends assignments, such as READY=1 and STATUS=TEXT.
func (s *Supervisor) Tell(assignments ...string) error {
	if s == nil {
		return nil
	}
	name := s.socket
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("telling the service manager: %w", err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(strings.Join(assignments, "\n"))); err != nil {
		return fmt.Errorf("telling the service manager: %w", err)
	}
	return nil
}

// Reloading is what is sent when a reload begins; READY=1 ends it.
func (s *Supervisor) Reloading() error {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return s.Tell("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000))
}
