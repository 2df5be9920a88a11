package node

import (
	"fmt"
	"net/netip"
	"tandem/bfd"
	"tandem/bfd/session"
	"tandem/internal/errorlog"
	"tandem/keepalivedconf"
	"tandem/node/configuration"
	"tandem/node/failover"
	"tandem/status"
	"time"
)

// bfdPart speaks BFD as keepalived.conf says. Its instances are taken over by put,
// when those that are told of them are in force.
func (n *node) bfdPart(c *configuration.Configuration) (change, error) {
	if c.Keepalived == nil || len(c.Keepalived.BFD) == 0 {
		return change{commit: n.stopBFD}, nil
	}
	if n.bfd != nil {
		return change{}, nil
	}
	s, err := bfd.Start(bfd.Options{
		Report: n.setBFD, Silent: n.silent, Log: n.logBFD,
		Thread: func() error { return failover.ScheduleThread(&c.Keepalived.Global) },
	})
	if err != nil {
		return change{}, err
	}
	return change{commit: func() { n.bfd = s }, discard: s.Stop}, nil
}

func (n *node) stopBFD() {
	if n.bfd != nil {
		n.bfd.Stop()
		n.bfd = nil
	}
}

// bfdInstances returns what is run of keepalived.conf.
func bfdInstances(k *keepalivedconf.Config) []bfd.Instance {
	var instances []bfd.Instance
	for _, i := range k.BFD {
		instances = append(instances, bfd.Instance{
			Config: session.Config{
				Name: i.Name, MinTx: i.MinTx, MinRx: i.MinRx, IdleTx: i.IdleTx, Multiplier: i.Multiplier, Passive: i.Passive,
			},
			Neighbor: i.Neighbor, Source: i.Source, TTL: i.TTL, MaxHops: i.MaxHops, Multihop: i.Multihop,
		})
	}
	return instances
}

// setBFD implements bfd.Options.
func (n *node) setBFD(name string, up bool) {
	f := n.inForce.Load()
	if f.configuration.Keepalived == nil {
		return
	}
	for _, i := range f.configuration.Keepalived.BFD {
		if i.Name != name {
			continue
		}
		if i.VRRP && f.failover != nil {
			f.failover.SetBFD(name, up)
		}
		if i.Checkers && f.balance != nil {
			f.balance.SetBFD(name, up)
		}
	}
}

// silent implements bfd.Options: the neighbor may be a master that is to be taken over
// from.
func (n *node) silent(name string, neighbor netip.Addr, detection time.Duration) {
	if f := n.inForce.Load().failover; f != nil {
		f.BFDExpired(name, neighbor, detection)
	}
}

// logBFD implements bfd.Options.
func (n *node) logBFD(warning bool, text string) {
	level := errorlog.Notice
	if warning {
		level = errorlog.Warn
	}
	log := n.inForce.Load().configuration.Log
	log.Printf(level, "bfd: %s", text)
	if !log.OnTerminal(level) {
		fmt.Fprintf(n.terminal(), "tandem: [%s] bfd: %s\n", level, text)
	}
}

// reportBFD says how the sessions stand.
func reportBFD(s *bfd.Speaker, r *status.Report) {
	if s == nil {
		return
	}
	sessions, _ := s.Status()
	for _, one := range sessions {
		r.BFD = append(r.BFD, status.BFD{
			Name: one.Name, Neighbor: one.Neighbor, State: one.State.String(), Since: one.Since,
			Detection: one.Detection.Seconds(), Sent: one.Sent, Received: one.Received,
		})
	}
}
