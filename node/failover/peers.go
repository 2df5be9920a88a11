package failover

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"strings"
	"sync"

	"tandem/internal/version"
	"tandem/keepalivedconf"
	"tandem/vrrp"
	"tandem/vrrp/fsm"
	"tandem/vrrp/handover"
	"tandem/vrrp/peerlink"
)

// peers keeps the peer links of a node: whom to follow, and what to tell.
type peers struct {
	link   *peerlink.Link
	router *vrrp.Router
	move   *handover.Handover
	log    *eventLog

	mu    sync.Mutex
	info  map[string]peerlink.Info   // what we tell, by instance
	drift map[string]map[string]bool // names of parts that differ, by instance and address; to tell once
}

func startPeers(transport peerlink.Transport, log *eventLog) *peers {
	p := &peers{log: log, info: map[string]peerlink.Info{}, drift: map[string]map[string]bool{}}
	p.link = peerlink.Start(transport, peerlink.Events{
		Gone: func(instance string, addr netip.Addr, best bool, why string) {
			p.router.PeerGone(instance, addr, best, why)
		},
		Peer: p.told,
		Handover: func(instance string, addr netip.Addr, said peerlink.Handover) {
			p.move.Heard(instance, addr, said)
		},
		Log: func(instance, text string) { p.log.line(instance, text) },
	})
	return p
}

// configure takes over a configuration: which instances have links, and what
// is told of it.
func (p *peers) configure(c *Config) {
	digest := c.digest()
	host, _ := os.Hostname()
	var instances []peerlink.Instance
	p.mu.Lock()
	for _, i := range c.Keepalived.Instances {
		if !i.Tandem.PeerLink {
			continue
		}
		instances = append(instances, peerlink.Instance{
			Name: i.Name, VRID: i.VRID, IPv6: i.Family == keepalivedconf.IPv6, Key: linkKey(i), Port: i.Tandem.PeerLinkPort,
			Interface: i.Interface,
		})
		info, ok := p.info[i.Name]
		if !ok {
			info.Priority = i.Priority
		}
		info.Node, info.Version, info.Digest, info.Handover = host, version.Tandem, digest, true
		p.info[i.Name] = info
		p.link.Tell(i.Name, info)
	}
	p.mu.Unlock()
	if err := p.link.Configure(instances); err != nil {
		p.log.line("", fmt.Sprintf("%v: plain VRRP timers hold", err))
	}
}

// event follows what happens in VRRP.
func (p *peers) event(e vrrp.Event) {
	switch e := e.(type) {
	case vrrp.Heard:
		p.link.Follow(e.Instance, e.Advert.Source)
	case vrrp.Transition:
		if e.To != fsm.Backup {
			p.link.Follow(e.Instance, netip.Addr{})
		}
		p.change(e.Instance, func(i *peerlink.Info) { i.Priority = e.Priority })
	case vrrp.PriorityChange:
		p.change(e.Instance, func(i *peerlink.Info) { i.Priority = e.Priority })
	}
}

// health tells the peers how well the web side is.
func (p *peers) health(instance, wrong string) {
	p.change(instance, func(i *peerlink.Info) { i.Health = wrong })
}

// nobodyServes reports whether other nodes are known, and none of them serves.
func (p *peers) nobodyServes(instance string) bool {
	known := false
	for _, peer := range p.link.Peers() {
		if peer.Instance != instance {
			continue
		}
		if known = true; peer.Info.Health == "" {
			return false
		}
	}
	return known
}

// change changes what is told of an instance.
func (p *peers) change(instance string, f func(*peerlink.Info)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	info, ok := p.info[instance]
	if !ok {
		return
	}
	f(&info)
	p.info[instance] = info
	p.link.Tell(instance, info)
}

// told warns of configurations that have drifted apart, once for each part.
func (p *peers) told(instance string, addr netip.Addr, info *peerlink.Info) {
	// Of the two connections that there may be with a node, the one to the
	// master counts.
	linked := p.follows(instance, addr)
	if info == nil {
		p.router.SetLinked(instance, addr, linked)
		return
	}
	if linked {
		p.router.SetLinked(instance, addr, info.Handover)
	}
	key := instance + " " + addr.String()
	p.mu.Lock()
	before := p.drift[key]
	now := map[string]bool{}
	var fresh []string
	for _, name := range peerlink.Differences(p.info[instance].Digest, info.Digest) {
		now[name] = true
		if !before[name] {
			fresh = append(fresh, name)
		}
	}
	p.drift[key] = now
	p.mu.Unlock()
	if fresh != nil {
		p.log.line(instance, fmt.Sprintf("the configuration of %s (%s) differs from ours: %s", info.Node, addr, strings.Join(fresh, ", ")))
	}
}

// follows reports whether a node is the master that this one follows.
func (p *peers) follows(instance string, addr netip.Addr) bool {
	for _, peer := range p.link.Peers() {
		if peer.Instance == instance && peer.Addr == addr && peer.Master {
			return true
		}
	}
	return false
}

// linkKey returns what both ends of an instance's link must know.
func linkKey(i *keepalivedconf.Instance) []byte {
	if i.HMAC != nil {
		return i.HMAC.Keys[i.HMAC.Active]
	}
	if i.Auth == keepalivedconf.AuthNone {
		return nil
	}
	return bytes.TrimRight(i.Password[:], "\x00")
}

// digest returns the parts of the configuration that should be alike on all
// nodes: those of the web side, and of each VRID what the nodes must agree on.
// keepalived.conf itself differs with good reason.
func (c *Config) digest() map[string]string {
	d := maps.Clone(c.Digest)
	if d == nil {
		d = map[string]string{}
	}
	for _, i := range c.Keepalived.Instances {
		name := fmt.Sprintf("VRID %d ", i.VRID)
		d[name+"advert_int"] = i.AdvertInterval.String()
		d[name+"version"] = fmt.Sprint(i.Version)
		var addrs []byte
		for _, a := range i.Addresses {
			addrs = append(append(addrs, a.Prefix.String()...), ' ')
		}
		d[name+"virtual_ipaddress"] = string(addrs)
	}
	return d
}
