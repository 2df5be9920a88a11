package failover

import (
	"context"
	"net"
	"net/netip"

	"tandem/internal/privilege"
	"tandem/internal/procfs"
	"tandem/keepalivedconf"
	"tandem/vrrp"
	"tandem/vrrp/detour"
	"tandem/vrrp/handover"
	"tandem/vrrp/netif"
	"tandem/vrrp/peerlink"
)

// Kernel is what is set and asked on a host.
type Kernel interface {
	vrrp.Kernel
	handover.Kernel
	// Routes returns a holder of routes and rules that has none.
	Routes() netif.Routes
}

// Machine is the host that a node runs on, as failing over needs it: the one
// that OpenMachine returns, or one in memory.
type Machine struct {
	Kernel Kernel
	Link   peerlink.Transport
	// Dial connects to the node's own listeners, for the self-probe; nil: through
	// the kernel.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Redirect and Connections are detour's, see handover.Config.
	Redirect    func(detour.Config) (handover.Detour, error)
	Connections func([]netip.Addr, []detour.Listener) (map[detour.Flow]bool, error)
	// Prepare has the process ready for what keepalived.conf says of it; what is
	// not to be had is no reason not to start. May be nil.
	Prepare func(*keepalivedconf.Global) error
	// Thread is vrrp.Options.Thread; nil: the loop waits as any goroutine does.
	Thread func(*keepalivedconf.Global) error
	// Keepalived finds a keepalived that runs on the machine as well: it was
	// forgotten when tandem took its place. May be nil.
	Keepalived func() (pid int, runs bool)
	// Close gives the machine up. May be nil.
	Close func() error
}

// OpenMachine returns the host, in the network namespace that the process is in.
// The error says which privilege is missing.
func OpenMachine() (*Machine, error) {
	if err := privilege.Check(privilege.NetAdmin, privilege.NetRaw); err != nil {
		return nil, err
	}
	stack, err := netif.Open()
	if err != nil {
		return nil, err
	}
	return &Machine{
		Kernel: host{stack, vrrp.Machine(stack)}, Link: peerlink.TCP{}, Redirect: redirect, Connections: detour.Connections,
		Prepare: keepInMemory, Thread: ScheduleThread, Keepalived: findKeepalived, Close: stack.Close,
	}, nil
}

// host is the Kernel of the real one.
type host struct {
	*netif.Stack
	vrrp vrrp.Kernel
}

func (h host) OpenSocket(c netif.SocketConfig) (netif.Conn, error)     { return h.vrrp.OpenSocket(c) }
func (h host) Hold(c netif.FirewallConfig) (netif.Holders, error)      { return h.vrrp.Hold(c) }
func (h host) Announcer() (netif.Announcer, error)                     { return h.vrrp.Announcer() }
func (h host) Watch(notify func(netif.Event)) (stop func(), err error) { return h.vrrp.Watch(notify) }

// redirect is detour.Start.
func redirect(c detour.Config) (handover.Detour, error) {
	d, err := detour.Start(c)
	if err != nil {
		return nil, err // not a nil pointer in an interface
	}
	return d, nil
}

func findKeepalived() (pid int, runs bool) {
	if found := procfs.Named("keepalived"); found != nil {
		return found[0].PID, true
	}
	return 0, false
}

// cleanUp undoes what a process has left that died while it was about to take
// over.
func (m *Machine) cleanUp(leftovers string, log *eventLog) {
	cleaned, err := handover.CleanUp(leftovers, m.Kernel)
	if err != nil {
		log.note(err.Error())
	} else if cleaned {
		log.note("cleaned up after a process that died while it was about to take over")
	}
}

func (m *Machine) close() error {
	if m.Close == nil {
		return nil
	}
	return m.Close()
}
