package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// Host is a machine of the lab: a network namespace and a host name. Files
// are shared by all hosts.
type Host struct {
	Name string

	lab     *Lab
	ns      *namespace
	netlink *netlink.Handle // in ns

	mu        sync.Mutex
	processes map[*Process]bool // that have not ended
	holdings  []*Holding
}

// Host makes a host that has only a loopback interface so far. Its IPv6
// addresses are usable at once (no duplicate address detection).
func (l *Lab) Host(name string) (*Host, error) {
	ns, err := newNamespace(name)
	if err != nil {
		return nil, fmt.Errorf("lab: host %s: %w", name, err)
	}
	handle, err := netlink.NewHandleAt(netns.NsHandle(ns.network.Fd()))
	if err != nil {
		ns.close()
		return nil, fmt.Errorf("lab: host %s: netlink: %w", name, err)
	}
	h := &Host{Name: name, lab: l, ns: ns, netlink: handle, processes: map[*Process]bool{}}
	lo, err := handle.LinkByName("lo")
	if err == nil {
		err = handle.LinkSetUp(lo)
	}
	if err != nil {
		h.close()
		return nil, fmt.Errorf("lab: host %s: loopback: %w", name, err)
	}
	for _, scope := range []string{"all", "default"} {
		// A kernel without IPv6 has no such file, and no such wait.
		if err := h.Sysctl("net/ipv6/conf/"+scope+"/accept_dad", "0"); err != nil && !errors.Is(err, os.ErrNotExist) {
			h.close()
			return nil, err
		}
	}
	l.mu.Lock()
	l.hosts = append(l.hosts, h)
	l.mu.Unlock()
	return h, nil
}

// Do runs f on the calling goroutine, inside the host: sockets that f makes
// are the host's, and stay so wherever they are used later. Goroutines that f
// starts are outside.
func (h *Host) Do(f func() error) error { return h.ns.do(f) }

// DialContext connects from the host; address must be numeric.
func (h *Host) DialContext(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = h.Do(func() error {
		conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Listen listens on the host; address must be numeric.
func (h *Host) Listen(network, address string) (listener net.Listener, err error) {
	err = h.Do(func() error {
		listener, err = net.Listen(network, address)
		return err
	})
	return listener, err
}

// ListenPacket is net.ListenPacket on the host.
func (h *Host) ListenPacket(network, address string) (conn net.PacketConn, err error) {
	err = h.Do(func() (err error) {
		conn, err = net.ListenPacket(network, address)
		return err
	})
	return conn, err
}

// Sysctl sets a kernel parameter of the host's network, named by its path
// below /proc/sys (net/ipv4/ip_forward).
func (h *Host) Sysctl(path, value string) error {
	err := h.Do(func() error { return os.WriteFile("/proc/sys/"+path, []byte(value), 0) })
	if err != nil {
		return fmt.Errorf("lab: host %s: %w", h.Name, err)
	}
	return nil
}

// Process is a command that was started on a host.
type Process struct {
	*os.Process
	ended chan struct{}
	state *os.ProcessState
}

// Start starts cmd on the host. It is killed when the lab closes, and when
// the process that holds the lab dies.
func (h *Host) Start(cmd *exec.Cmd) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	// The thread that starts the command outlives it: do unlocks it, and
	// unlocked threads stay.
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if cmd.WaitDelay == 0 {
		// A grandchild that keeps the output open must not hold up the end.
		cmd.WaitDelay = time.Second
	}
	if err := h.Do(cmd.Start); err != nil {
		return nil, fmt.Errorf("lab: host %s: %w", h.Name, err)
	}
	p := &Process{Process: cmd.Process, ended: make(chan struct{})}
	h.mu.Lock()
	h.processes[p] = true
	h.mu.Unlock()
	go func() {
		// The exit status is in the state; a failing copy of the output
		// to the caller's writer changes nothing here.
		_ = cmd.Wait()
		p.state = cmd.ProcessState
		h.mu.Lock()
		delete(h.processes, p)
		h.mu.Unlock()
		close(p.ended)
	}()
	return p, nil
}

// Ended is closed when the process has ended and its output is complete.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// ExitCode waits for the end and returns the exit code, or 128 + the signal
// that ended the process.
func (p *Process) ExitCode() int {
	<-p.ended
	return exitCode(p.state)
}

// Output runs a command on the host and returns what it prints. The error
// holds what it printed on standard error.
func (h *Host) Output(name string, args ...string) (string, error) {
	return h.OutputOf(exec.Command(name, args...))
}

// OutputOf is Output for a command that needs more than arguments.
func (h *Host) OutputOf(cmd *exec.Cmd) (string, error) {
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	p, err := h.Start(cmd)
	if err != nil {
		return "", err
	}
	if code := p.ExitCode(); code != 0 {
		return stdout.String(), fmt.Errorf("lab: host %s: %s: exit code %d: %s",
			h.Name, strings.Join(cmd.Args, " "), code, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// Holds reports whether the host has the address on any interface.
func (h *Host) Holds(address netip.Addr) (bool, error) {
	family := netlink.FAMILY_V4
	if address.Is6() {
		family = netlink.FAMILY_V6
	}
	list, err := h.addresses(nil, family)
	if err != nil {
		return false, fmt.Errorf("lab: host %s: addresses: %w", h.Name, err)
	}
	for _, a := range list {
		if ip, ok := netip.AddrFromSlice(a.IP); ok && ip.Unmap() == address {
			return true, nil
		}
	}
	return false, nil
}

// addresses lists the addresses of a link, or of all. A list that was changed
// while it was read is read again.
func (h *Host) addresses(of netlink.Link, family int) (list []netlink.Addr, err error) {
	for range 10 {
		if list, err = h.netlink.AddrList(of, family); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return list, err
}

// close kills what still runs on the host and lets go of its namespaces.
func (h *Host) close() error {
	h.mu.Lock()
	var left []*Process
	for p := range h.processes {
		left = append(left, p)
	}
	for _, w := range h.holdings {
		close(w.done)
	}
	h.holdings = nil
	h.mu.Unlock()
	for _, p := range left {
		p.Kill()
	}
	for _, p := range left {
		<-p.ended
	}
	h.netlink.Close()
	h.ns.close()
	return nil
}
