// Package balance runs the virtual servers of keepalived.conf: it gives a
// vserver.Pool its engines, and has programs and people told what happens.
package balance

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"tandem/internal/contain"
	"tandem/internal/errorlog"
	"tandem/internal/listen"
	"tandem/keepalivedconf"
	"tandem/notify"
	"tandem/notify/mail"
	"tandem/notify/trap"
	"tandem/status"
	"tandem/vserver"
	"tandem/vserver/table"
)

// Side is the node, as far as it outlives configurations.
type Side struct {
	// Log returns the error log in force. What somebody should know goes to the
	// terminal as well, whatever the level of the log.
	Log      func() *errorlog.Log
	Terminal io.Writer
	// Share is relay.Options.Share, of the sockets of the web side. May be nil.
	Share func(listen.Address) bool
	// Kernel opens the kernel's engine; nil: that of this host.
	Kernel func(*keepalivedconf.LVS) (table.Engine, error)
}

// Balancer is the virtual servers at work.
type Balancer struct {
	side    Side
	pool    *vserver.Pool
	engines *vserver.Engines
	said    map[string]bool // of which engine serves what

	scripts *notify.Notifier
	mails   *mail.Mailer
	traps   *trap.Sender

	mu     sync.Mutex
	config *keepalivedconf.Config
	kernel *kernel // nil: there is none, or nobody wants it
	master map[string]bool
}

// Start runs the virtual servers of a configuration.
func Start(k *keepalivedconf.Config, side Side) *Balancer {
	if side.Kernel == nil {
		side.Kernel = openKernel
	}
	b := &Balancer{side: side, config: k, master: map[string]bool{}}
	b.scripts = notify.New(func(_, text string) { b.warn(text) })
	b.mails, b.traps = mail.New(b.warn), trap.New(b.warn)
	b.configure(k)
	b.engines = &vserver.Engines{OpenKernel: b.openKernel, OpenUser: b.openUser}
	c := vserver.FromKeepalived(k)
	b.choose(c.Servers)
	b.pool = vserver.Start(c, vserver.Surroundings{Engines: b.engines, Tell: b.tell, Log: b.warn, Held: heldAddresses})
	return b
}

// configure takes over whom to tell.
func (b *Balancer) configure(k *keepalivedconf.Config) {
	b.scripts.Configure(notify.ForVirtualServers(k))
	b.mails.Configure(mail.FromKeepalived(k))
	b.traps.Configure(trap.FromKeepalived(k))
}

// choose says which engine serves what, as far as that has not been said.
func (b *Balancer) choose(servers []*vserver.Server) {
	said := map[string]bool{}
	for _, line := range b.engines.Choose(servers) {
		if !b.said[line] {
			b.log(errorlog.Notice, line)
		}
		said[line] = true
	}
	b.said = said
}

// Reload goes on with another configuration.
func (b *Balancer) Reload(k *keepalivedconf.Config) {
	b.mu.Lock()
	b.config = k
	kernel := b.kernel
	b.mu.Unlock()
	b.configure(k)
	c := vserver.FromKeepalived(k)
	b.choose(c.Servers)
	b.pool.Reload(c)
	if kernel != nil {
		b.settle(kernel)
	}
}

// Stop takes everything out that was put in, and tells the last of it.
func (b *Balancer) Stop() {
	b.pool.Stop()
	var closing sync.WaitGroup
	closing.Go(b.scripts.Close)
	closing.Go(b.mails.Close)
	closing.Go(b.traps.Close)
	closing.Wait()
}

// Cut resets the connections to addresses that this host gives up.
func (b *Balancer) Cut(addrs []netip.Addr) { b.engines.Cut(addrs) }

// SetBFD takes how a BFD session stands: what BFD_CHECK goes by.
func (b *Balancer) SetBFD(name string, up bool) {
	reason := ""
	if !up {
		reason = "the session is down"
	}
	b.pool.PushBFD(name, up, reason)
}

// Report tells how the virtual servers stand.
func (b *Balancer) Report() []status.VirtualServer { return b.pool.Report() }

// Without returns an error for the first virtual server without a quorum, of those
// that are meant, nil if all have one.
func (b *Balancer) Without(meant []keepalivedconf.VirtualRef) error {
	b.mu.Lock()
	servers := b.config.VirtualServers
	b.mu.Unlock()
	for _, v := range servers {
		for _, m := range meant {
			if !m.Means(v) {
				continue
			}
			if quorum, ok := b.pool.Serves(v.String()); ok && !quorum {
				return fmt.Errorf("virtual server %s has no quorum", v)
			}
		}
	}
	return nil
}

// tell passes on what has happened. It is called in order and must not block.
func (b *Balancer) tell(e vserver.Event) {
	switch e := e.(type) {
	case vserver.Line:
		b.log(errorlog.Info, e.Text)
	case vserver.Mail:
		_ = contain.Run("a mail", func() { b.mails.Send(e.Subject, e.Body, time.Now()) })
	case vserver.RealChange:
		script := e.Real.Down
		if e.Up {
			script = e.Real.Up
		}
		if !e.Quiet {
			_ = contain.Run("notify", func() { b.scripts.Tell(e.Server.Name+" "+e.Real.Name, script, e.FIFO()) })
		}
		_ = contain.Run("a trap", func() { b.traps.RealServer(trapped(e.Server, e.Alive), e.Real.Destination.Address, e.Up) })
	case vserver.QuorumChange:
		script := e.Server.QuorumDown
		if e.Up {
			script = e.Server.QuorumUp
		}
		if !e.Quiet {
			_ = contain.Run("notify", func() { b.scripts.Tell(e.Server.Name, script, e.FIFO()) })
		}
		status := trap.QuorumLost
		switch {
		case e.Stopping:
			status = trap.QuorumStopping
		case e.Up:
			status = trap.QuorumMet
		}
		_ = contain.Run("a trap", func() { b.traps.Quorum(trapped(e.Server, e.Alive), status, e.Server.Quorum) })
	}
}

// trapped is what SNMP is told of a virtual server.
func trapped(v *vserver.Server, alive int) trap.VirtualServer {
	t := trap.VirtualServer{Group: v.Group, Up: alive, Total: len(v.Real)}
	if len(v.Services) > 0 {
		k := v.Services[0].Key
		t.Mark, t.Address, t.TCP = k.Mark, k.Address, k.Protocol == table.TCP
	}
	return t
}

// log writes a line, to the terminal as well: keepalived's users look for it in the
// journal.
func (b *Balancer) log(level errorlog.Level, text string) {
	log := b.side.Log()
	log.Printf(level, "vserver: %s", text)
	if !log.OnTerminal(level) {
		fmt.Fprintf(b.side.Terminal, "tandem: [%s] %s\n", level, text)
	}
}

func (b *Balancer) warn(text string) { b.log(errorlog.Warn, text) }

// heldAddresses returns which addresses the host has now.
func heldAddresses() (func(netip.Addr) bool, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	held := map[netip.Addr]bool{}
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			held[p.Addr()] = true
		}
	}
	return func(a netip.Addr) bool { return held[a] }, nil
}
