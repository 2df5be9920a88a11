package failover

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

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
	noted  map[string]bool // instances that were said to have no key; of configure alone

	mu    sync.Mutex
	info  map[string]peerlink.Info // what we tell, by instance
	drift map[string]*drift        // by instance and address
}

func startPeers(transport peerlink.Transport, log *eventLog, keep func(name string, content []byte)) *peers {
	p := &peers{log: log, noted: map[string]bool{}, info: map[string]peerlink.Info{}, drift: map[string]*drift{}}
	p.link = peerlink.Start(transport, p, peerlink.Events{
		Gone: func(instance string, addr netip.Addr, others []netip.Addr, why string) {
			p.router.PeerGone(instance, addr, others, why)
		},
		Peer: p.told,
		Handover: func(instance string, addr netip.Addr, said peerlink.Handover) {
			p.move.Heard(instance, addr, said)
		},
		Keep: keep,
		Log:  func(instance, text string) { p.log.line(instance, text) },
	})
	return p
}

// Heard implements peerlink.VRRP.
func (p *peers) Heard(instance string, addr netip.Addr) time.Time {
	s, _ := p.router.Speaker(instance, addr)
	return s.Heard
}

// Introduce implements peerlink.VRRP.
func (p *peers) Introduce(instance string) { p.router.Introduce(instance) }

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
		instances = append(instances, linkInstance(i))
		info := p.info[i.Name]
		info.Node, info.Version, info.Digest, info.Handover = host, version.Tandem, digest, true
		p.info[i.Name] = info
		p.link.Tell(i.Name, info)
	}
	p.mu.Unlock()
	p.link.Configure(instances)
	p.noteKeys(instances)
}

// noteKeys tells once which links are open.
func (p *peers) noteKeys(instances []peerlink.Instance) {
	var open []string
	for _, i := range instances {
		if i.Key == nil && !p.noted[i.Name] {
			open = append(open, i.Name)
			p.noted[i.Name] = true
		}
	}
	if open != nil {
		p.log.line("", fmt.Sprintf("no peer_key for %s: what the nodes tell each other can be read, and forged as adverts can, by whoever is on their network; "+
			"tandem pair prints a line for both keepalived.conf", strings.Join(open, ", ")))
	}
}

// linkInstance is what the peer link has to know of an instance.
func linkInstance(i *keepalivedconf.Instance) peerlink.Instance {
	li := peerlink.Instance{
		Name: i.Name, VRID: i.VRID, IPv6: i.Family == keepalivedconf.IPv6, Port: i.Tandem.PeerLinkPort, Interface: i.Interface,
		TTL: i.UnicastTTL,
	}
	if k := i.Tandem.PeerKey; k != nil {
		li.Key = peerlink.NewKey(*k)
	}
	for _, p := range i.Peers {
		li.Peers = append(li.Peers, peerlink.Peer{Addr: p.Addr, TTLMin: p.MinTTL, TTLMax: p.MaxTTL})
	}
	return li
}

// event follows what happens in VRRP.
func (p *peers) event(e vrrp.Event) {
	switch e := e.(type) {
	case vrrp.SourceChange:
		p.link.Source(e.Instance, e.Source)
	case vrrp.Heard:
		p.link.Follow(e.Instance, e.Advert.Source)
	case vrrp.Transition:
		if e.To != fsm.Backup {
			p.link.Follow(e.Instance, netip.Addr{})
		}
	case vrrp.PriorityChange:
		// Its master, and the other backups, know of priorities by VRRP alone.
		if e.Role == fsm.Backup && p.link.Following(e.Instance) {
			p.router.Introduce(e.Instance)
		}
	}
}

// health tells the peers how well the web side is.
func (p *peers) health(instance, wrong string) {
	p.change(instance, func(i *peerlink.Info) { i.Health = wrong })
}

// nobodyServes reports whether other nodes are known, and none of them serves.
func (p *peers) nobodyServes(instance string) bool {
	known := false
	for _, peer := range p.link.Sessions() {
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
	p.mu.Lock()
	key := instance + " " + addr.String()
	if p.drift[key] == nil {
		if len(p.drift) >= maxDrifts {
			clear(p.drift)
		}
		p.drift[key] = &drift{}
	}
	fresh := p.drift[key].take(peerlink.Differences(p.info[instance].Digest, info.Digest), time.Now())
	p.mu.Unlock()
	if fresh != nil {
		p.log.line(instance, fmt.Sprintf("the configuration of %s (%s) differs from ours: %s", info.Node, addr, strings.Join(fresh, ", ")))
	}
}

// maxDrifts is of how many nodes it is known what was told of them.
const maxDrifts = 256

// drift is in which parts another node's configuration differs from ours, to
// tell of each once.
type drift struct {
	told  map[string]bool
	lines int       // told since
	since time.Time // then
}

// driftLines is how many lines a minute are told of one node: it may say what it
// likes.
const driftLines = 10

// take returns the parts that are news; nil if there is nothing to tell.
func (d *drift) take(parts []string, now time.Time) (fresh []string) {
	if now.Sub(d.since) >= time.Minute {
		d.lines, d.since = 0, now
	}
	for _, name := range parts {
		if !d.told[name] {
			fresh = append(fresh, name)
		}
	}
	d.told = map[string]bool{}
	for _, name := range parts {
		d.told[name] = true
	}
	if fresh == nil || d.lines >= driftLines {
		return nil
	}
	d.lines++
	return fresh
}

// follows reports whether a node is the master that this one follows.
func (p *peers) follows(instance string, addr netip.Addr) bool {
	for _, peer := range p.link.Sessions() {
		if peer.Instance == instance && peer.Addr == addr && peer.Master {
			return true
		}
	}
	return false
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
