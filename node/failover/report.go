package failover

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tandem/health"
	"tandem/keepalivedconf"
	"tandem/status"
	"tandem/vrrp"
	"tandem/vrrp/fsm"
	"tandem/vrrp/netif"
	"tandem/vrrp/peerlink"
)

// statusTimeout bounds how long a report waits for the VRRP loop.
const statusTimeout = 2 * time.Second

// Describe tells the VRRP side. The error says that the loop does not answer;
// what is known without it is told all the same.
func (f *Failover) Describe(r *status.Report) error {
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
	defer cancel()
	st, err := f.router.Status(ctx)
	f.describe(r, st)
	return err
}

func (f *Failover) describe(r *status.Report, st vrrp.Status) {
	peers := f.peers.link.Sessions()
	for _, i := range st.Instances {
		one := describeInstance(i)
		for _, p := range peers {
			if p.Instance == i.Name {
				one.Peers = append(one.Peers, f.peers.describe(p))
				if one.Owner != nil && one.Owner.Addr == p.Addr {
					one.Owner.Node = p.Info.Node
				}
			}
		}
		if one.Owner != nil && one.Owner.Self {
			one.Owner.Node = r.Node
		}
		if p, ok := f.probing.Load(i.Name); ok {
			one.SelfProbe = describeProbe(p.(*health.SelfProbe))
		}
		one.Preparing = f.move.Preparing(i.Name)
		one.Addresses = virtualAddresses(f.inForce.Load().Keepalived, i.Name)
		r.Instances = append(r.Instances, one)
	}
	for _, g := range st.Groups {
		r.Groups = append(r.Groups, status.Group{Name: g.Name, State: g.Role.String(), Members: g.Members})
	}
	f.history.describe(r)
	c := f.move.Counts()
	r.Handovers = &status.Handovers{Done: c.Done, Failed: c.Failed, Prepare: c.Prepare.Seconds(), Drain: c.Drain.Seconds(), Relief: c.Relief.Seconds()}
	r.LinkRefused = f.peers.link.Refused()
	r.Timers = &status.Timers{Worst: st.Worst.Seconds()}
	for _, l := range st.Late {
		r.Timers.Fired += l.Count
		if l.Bound == 0 || l.Bound > 10*time.Millisecond {
			r.Timers.Late += l.Count
		}
	}
}

// virtualAddresses returns what an instance is configured to hold.
func virtualAddresses(k *keepalivedconf.Config, instance string) []netip.Addr {
	list := []netip.Addr{}
	for _, i := range k.Instances {
		if i.Name != instance {
			continue
		}
		for _, a := range slices.Concat(i.Addresses, i.ExcludedAddresses) {
			list = append(list, a.Addr())
		}
	}
	return list
}

func describeInstance(i vrrp.InstanceStatus) status.Instance {
	one := status.Instance{
		Name: i.Name, VRID: i.VRID, Version: int(i.Version), Interface: i.Interface, Source: i.Source,
		State: i.Role.String(), Since: i.Since, Reason: status.Reason{Code: i.Reason.Code.String(), Text: i.Reason.Text},
		Leaving:  i.Leaving,
		Priority: status.Priority{Effective: int(i.Priority), Base: int(i.Base), Because: priorityReason(i)},
		Resigned: i.Resigned, Demoted: i.Demoted,
		Counters: status.Counters{
			Sent: i.Counters.Sent, SentZero: i.Counters.SentZero, Received: i.Counters.Received, ReceivedZero: i.Counters.ReceivedZero,
			SendErrors: i.Counters.SendErrors, BecameMaster: i.Counters.BecameMaster, ReleasedMaster: i.Counters.ReleasedMaster,
			Overruns: i.Counters.Overruns, Dropped: i.Counters.Dropped,
		},
	}
	for _, c := range i.Faults {
		one.Faults = append(one.Faults, c.String())
	}
	for _, a := range i.Addresses {
		one.Held = append(one.Held, a.Prefix.Addr())
	}
	if i.Lease != netif.Forever {
		one.Lease = time.Duration(i.Lease).Seconds()
	}
	for _, t := range i.Parts {
		one.Trackers = append(one.Trackers, status.Tracker{Kind: t.Kind.String(), Name: t.Name, Weight: t.Weight, Fault: t.Fault, Text: t.Text})
	}
	if i.Rival != nil {
		one.Rival = &status.Rival{Addr: i.Rival.Source, Why: i.Rival.Why}
	}
	now := time.Now()
	if !i.Heard.IsZero() {
		one.Heard = &status.Heard{From: i.Master, Priority: int(i.MasterPriority), At: i.Heard, Age: now.Sub(i.Heard).Seconds(), Within: i.MasterDown.Seconds()}
	}
	if i.Next != "" {
		one.Next = &status.Next{What: i.Next, At: i.NextAt, In: i.NextAt.Sub(now).Seconds()}
	}
	switch {
	case i.Role == fsm.Master:
		one.Owner = &status.Owner{Self: true, Addr: i.Source, Since: i.Since}
	case i.Role == fsm.Backup && !i.Heard.IsZero() && !i.Heard.Before(i.Since):
		one.Owner = &status.Owner{Addr: i.Master, Since: i.MasterSince}
	}
	return one
}

// priorityReason says why the effective priority is not the configured one.
func priorityReason(i vrrp.InstanceStatus) string {
	if i.Priority == i.Base {
		return ""
	}
	switch {
	case i.Resigned != "":
		return "resigned, " + i.Resigned
	case i.Demoted:
		return "demoted by the operator"
	}
	var parts []string
	for _, t := range i.Parts {
		if t.Weight != 0 {
			parts = append(parts, fmt.Sprintf("%+d %s %s", t.Weight, t.Kind, t.Name))
		}
	}
	switch {
	case parts != nil:
		return strings.Join(parts, ", ")
	case i.Priority == fsm.PriorityLow:
		return "another member of the sync group has resigned"
	}
	return "another node claims to own the addresses"
}

func describeProbe(p *health.SelfProbe) *status.SelfProbe {
	v := p.Verdict()
	s := &status.SelfProbe{Good: v.Good, Reason: v.Reason, Since: v.Since}
	for _, r := range p.Last() {
		one := status.Probed{Addr: r.Probe.Addr, Status: r.Status, At: r.At, Took: r.Took.Seconds()}
		if r.Err != nil {
			one.Error = r.Err.Error()
		}
		s.Last = append(s.Last, one)
	}
	return s
}

// describe tells of a node at the other end of a link.
func (p *peers) describe(peer peerlink.Session) status.Peer {
	p.mu.Lock()
	own := p.info[peer.Instance].Digest
	p.mu.Unlock()
	heard, _ := p.router.Speaker(peer.Instance, peer.Addr)
	return status.Peer{
		Addr: peer.Addr, Node: peer.Info.Node, Version: peer.Info.Version, Priority: int(heard.Priority), Secure: peer.Secure, Master: peer.Master,
		Health: peer.Info.Health, Since: peer.Since, Digest: digestSum(peer.Info.Digest), Drift: peerlink.Differences(own, peer.Info.Digest),
	}
}

// digestSum is one checksum of all parts of a configuration.
func digestSum(parts map[string]string) string {
	var all strings.Builder
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		fmt.Fprintf(&all, "%s %s\n", name, parts[name])
	}
	return peerlink.Checksum([]byte(all.String()))
}
