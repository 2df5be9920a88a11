package balance

import (
	"sync"

	"tandem/internal/privilege"
	"tandem/keepalivedconf"
	"tandem/vserver/ipvs"
	"tandem/vserver/relay"
	"tandem/vserver/table"
)

// openUser opens the engine in this process.
func (b *Balancer) openUser() (table.Engine, error) {
	b.mu.Lock()
	lvs := &b.config.Global.LVS
	b.mu.Unlock()
	return raisedUser{relay.New(relay.Options{TCP: lvs.TimeoutTCP, UDP: lvs.TimeoutUDP, Share: b.side.Share, Log: b.warn})}, nil
}

// raised is an engine that needs rights which the process has put to sleep.
type raised struct{ table.Engine }

// Set implements table.Engine.
func (r raised) Set(t table.Table) (err error) {
	privilege.Raise(func() { err = r.Engine.Set(t) })
	return err
}

// raisedUser is the engine in this process, which listens at ports of root's.
type raisedUser struct{ *relay.Engine }

// Set implements table.Engine.
func (r raisedUser) Set(t table.Table) error { return raised{r.Engine}.Set(t) }

// openKernel opens the kernel's IPVS.
func openKernel(l *keepalivedconf.LVS) (table.Engine, error) {
	var e *ipvs.Engine
	var err error
	privilege.Raise(func() {
		if e, err = ipvs.Open(); err == nil && l.Flush {
			err = e.Flush()
		}
	})
	if err != nil {
		return nil, err // not a nil pointer in an interface
	}
	return e, nil
}

// Preload has the kernel load what virtual servers need. It takes rights that the
// process gives up afterwards; what is missing is told when they are started.
func Preload(k *keepalivedconf.Config) {
	for _, v := range k.VirtualServers {
		if v.Engine != keepalivedconf.EngineUser {
			if e, err := ipvs.Open(); err == nil {
				_ = e.Close()
			}
			return
		}
	}
}

// kernel is the kernel's IPVS, of which more than the table is set.
type kernel struct {
	mu sync.Mutex // an engine is for one goroutine at a time
	table.Engine
	flushAtEnd func() bool
}

// more is what the kernel's engine has beside a table.
type more interface {
	SetTimeouts(ipvs.Timeouts) error
	SetDaemon(ipvs.Daemon, ipvs.Role) error
	Flush() error
}

// Set implements table.Engine.
func (k *kernel) Set(t table.Table) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return raised{k.Engine}.Set(t)
}

// Stats implements table.Engine.
func (k *kernel) Stats() (list []table.ServiceStats, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	privilege.Raise(func() { list, err = k.Engine.Stats() })
	return list, err
}

// Close implements table.Engine: the sync daemons end, and the table if it is to.
func (k *kernel) Close() error {
	_ = k.with(func(m more) error { return m.SetDaemon(ipvs.Daemon{}, ipvs.None) }) // there may be none
	if k.flushAtEnd() {
		_ = k.with(more.Flush)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var err error
	privilege.Raise(func() { err = k.Engine.Close() })
	return err
}

func (k *kernel) with(f func(more) error) (err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if m, ok := k.Engine.(more); ok {
		privilege.Raise(func() { err = f(m) })
	}
	return err
}

// openKernel opens the kernel's engine and has it as the configuration says.
func (b *Balancer) openKernel() (table.Engine, error) {
	b.mu.Lock()
	lvs := &b.config.Global.LVS
	b.mu.Unlock()
	e, err := b.side.Kernel(lvs)
	if err != nil {
		return nil, err
	}
	k := &kernel{Engine: e, flushAtEnd: func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.config.Global.LVS.FlushOnStop == keepalivedconf.FlushAll
	}}
	b.mu.Lock()
	b.kernel = k
	b.mu.Unlock()
	b.settle(k)
	return k, nil
}

// settle has the kernel's time-outs and sync daemons as the configuration says.
func (b *Balancer) settle(k *kernel) {
	b.mu.Lock()
	lvs := b.config.Global.LVS
	daemon, role := b.daemon(&lvs)
	b.mu.Unlock()
	if err := k.with(func(m more) error {
		return m.SetTimeouts(ipvs.Timeouts{TCP: lvs.TimeoutTCP, TCPFIN: lvs.TimeoutTCPFIN, UDP: lvs.TimeoutUDP})
	}); err != nil {
		b.warn(err.Error())
	}
	if err := k.with(func(m more) error { return m.SetDaemon(daemon, role) }); err != nil {
		b.warn(err.Error())
	}
}

// daemon returns the sync daemon that is to run: as a master's while the instance is
// one, else as a backup's; both if no instance is named.
func (b *Balancer) daemon(lvs *keepalivedconf.LVS) (ipvs.Daemon, ipvs.Role) {
	s := lvs.Sync
	if s == nil {
		return ipvs.Daemon{}, ipvs.None
	}
	d := ipvs.Daemon{Interface: s.Interface, ID: s.ID, MaxLen: s.MaxLen, Port: s.Port, TTL: s.TTL, Group: s.Group}
	if s.Instance == "" {
		d.ID = max(d.ID, 0)
		return d, ipvs.Both
	}
	for _, i := range b.config.Instances {
		if i.Name == s.Instance && d.ID < 0 {
			d.ID = int(i.VRID)
		}
	}
	if b.master[s.Instance] {
		return d, ipvs.Master
	}
	return d, ipvs.Backup
}

// Moved tells that an instance has become master, or is one no more. It does not
// wait.
func (b *Balancer) Moved(instance string, master bool) {
	b.mu.Lock()
	changed := b.master[instance] != master
	b.master[instance] = master
	k, s := b.kernel, b.config.Global.LVS.Sync
	b.mu.Unlock()
	if changed && k != nil && s != nil && s.Instance == instance {
		go b.settle(k)
	}
}
