package keepalivedconf

import (
	"encoding/base64"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"tandem/keepalivedconf/text"
)

// Tandem is the keywords that keepalived does not have. They may stand in global_defs, for every instance, and in a
// vrrp_instance. Written as "@tandem KEYWORD ..." they keep the file readable for keepalived.
type Tandem struct {
	Probe SelfProbe
	// Lease is the lifetime a VIP is given in the kernel, refreshed while this process is healthy: whole seconds, or
	// Forever for none. In Global 0 means that each instance's is chosen, so that it ends before a peer takes over.
	Lease time.Duration
	// PeerLink is the TCP connection over which nodes see each other's process die.
	PeerLink     bool
	PeerLinkPort uint16
	// PeerKey is the secret of that connection; nil: there is none.
	PeerKey *PeerKey
	badKey  bool // one that could not be read was meant: there is no link
	// DrainTimeout bounds how long a planned stop holds the VIP for the successor and for requests under way.
	DrainTimeout time.Duration
	// BFDTakeover is the bfd_instance whose neighbor is taken for dead when the session expires; "": none.
	BFDTakeover string
}

// PeerKey is a secret that the nodes of a pair have, and nobody else.
type PeerKey [32]byte

// peerKeyText is how a key is written.
var peerKeyText = base64.RawURLEncoding.Strict()

// String returns the key as it stands in the file.
func (k *PeerKey) String() string { return peerKeyText.EncodeToString(k[:]) }

// ParsePeerKey reads a key.
func ParsePeerKey(text string) (*PeerKey, bool) {
	b, err := peerKeyText.DecodeString(text)
	if err != nil || len(b) != len(PeerKey{}) {
		return nil, false
	}
	k := PeerKey(b)
	return &k, true
}

// SelfProbe is the check that this node's own HTTP answers.
type SelfProbe struct {
	Off      bool
	Path     string        // of the request
	Host     string        // "": the VIP
	Status   []StatusRange // what counts as an answer
	Interval time.Duration
	Timeout  time.Duration
	Fall     int // failures until it counts as failed
	Rise     int // successes until it counts as well again
	// Upstreams are those of nginx.conf that must have a peer whose health checks allow requests.
	Upstreams []Upstream
	// VirtualServers are those that must have a quorum.
	VirtualServers []VirtualRef
	// Release is on_failure release: the instance goes to FAULT. Otherwise (drop) it competes with priority 1.
	Release bool
}

// Upstream names an upstream block of nginx.conf.
type Upstream struct {
	Name string
	Pos  Pos
}

// VirtualRef names virtual servers as they are written: an address and a port, a
// firewall mark or a group. Without words it means all of them.
type VirtualRef struct {
	Words []string
	Pos   Pos
}

// Means reports whether a virtual server is meant.
func (r VirtualRef) Means(v *VirtualServer) bool {
	switch {
	case len(r.Words) == 0:
		return true
	case r.Words[0] == "group":
		return v.Group != nil && slices.Equal(r.Words[1:], []string{v.Group.Name})
	case r.Words[0] == "fwmark":
		return v.Mark != 0 && slices.Equal(r.Words[1:], []string{strconv.FormatUint(uint64(v.Mark), 10)})
	}
	a, err := netip.ParseAddr(r.Words[0])
	if err != nil || v.Address.Addr() != a {
		return false
	}
	return len(r.Words) == 1 || r.Words[1] == strconv.Itoa(int(v.Address.Port()))
}

func (r VirtualRef) String() string { return strings.Join(r.Words, " ") }

// StatusRange is the HTTP status codes from Low to High, both included.
type StatusRange struct{ Low, High int }

func (r StatusRange) String() string {
	if r.Low == r.High {
		return strconv.Itoa(r.Low)
	}
	return strconv.Itoa(r.Low) + "-" + strconv.Itoa(r.High)
}

// Good reports whether a status code counts as an answer.
func (p SelfProbe) Good(status int) bool {
	for _, r := range p.Status {
		if status >= r.Low && status <= r.High {
			return true
		}
	}
	return false
}

// Bounds and defaults of tandem's own keywords.
const (
	leaseMin         = time.Second            // the kernel counts lifetimes in seconds
	leaseLate        = 250 * time.Millisecond // how much later the kernel may end one (ADDRCONF_TIMER_FUZZ)
	defaultPeerPort  = 11200
	defaultDrainTime = 5 * time.Second
)

func newTandem() Tandem {
	return Tandem{
		Probe: SelfProbe{
			Path: "/", Status: []StatusRange{{200, 499}},
			Interval: 250 * time.Millisecond, Timeout: 500 * time.Millisecond, Fall: 2, Rise: 2,
		},
		PeerLink:     true,
		PeerLinkPort: defaultPeerPort,
		DrainTimeout: defaultDrainTime,
	}
}

// probeRows is what may stand in the block form of self_probe.
var probeRows = newRows(probeKeywords("")...)

// probeKeywords is the settings of the self-probe. In the block form they have their plain names; outside, with the
// prefix, each is a line of its own, because a conditional line has to stand alone.
func probeKeywords(prefix string) []row[SelfProbe] {
	return []row[SelfProbe]{
		{name: prefix + "url", help: prefix + "url PATH: what is asked for. Default /.",
			min: 1, set: func(b *builder, p *SelfProbe, s *Statement) {
				if !strings.HasPrefix(s.Arg(1), "/") || strings.ContainsAny(s.Arg(1), text.Blanks+"#") {
					b.err(s, "%s: '%s' is not the path of a URL, it has to begin with '/'", s.Name(), s.Arg(1))
					return
				}
				p.Path = s.Arg(1)
			}},
		{name: prefix + "host", help: prefix + "host NAME: the Host header. Default: the VIP.",
			min: 1, set: func(b *builder, p *SelfProbe, s *Statement) { p.Host = s.Arg(1) }},
		{name: prefix + "status", help: prefix + "status 200-499|LIST: the status codes that are an answer, as numbers and ranges. Default 200-499.",
			min: 1, set: func(b *builder, p *SelfProbe, s *Statement) {
				if r, ok := parseStatus(s.Words[1:]); ok {
					p.Status = r
				} else {
					b.err(s, "%s: '%s' is no list of HTTP status codes like 200-399,404", s.Name(), strings.Join(s.Words[1:], " "))
				}
			}},
		{name: prefix + "interval", help: prefix + "interval TIME: between probes. Default 250ms.",
			min: 1, set: func(b *builder, p *SelfProbe, s *Statement) {
				if d, ok := b.duration(s, s.Arg(1), 10*time.Millisecond, time.Hour); ok {
					p.Interval = d
				}
			}},
		{name: prefix + "timeout", help: prefix + "timeout TIME: how long an answer may take. Default 500ms.",
			min: 1, set: func(b *builder, p *SelfProbe, s *Statement) {
				if d, ok := b.duration(s, s.Arg(1), 10*time.Millisecond, time.Hour); ok {
					p.Timeout = d
				}
			}},
		{name: prefix + "fall", help: prefix + "fall N: failures in a row until the probe has failed. Default 2.",
			min: 1, set: func(b *builder, p *SelfProbe, s *Statement) {
				b.count(s, 1, 1000, &p.Fall, escape(s.Name())+": '%s' has to be from 1 to 1000")
			}},
		{name: prefix + "rise", help: prefix + "rise N: successes in a row until it is well again. Default 2.",
			min: 1, set: func(b *builder, p *SelfProbe, s *Statement) {
				b.count(s, 1, 1000, &p.Rise, escape(s.Name())+": '%s' has to be from 1 to 1000")
			}},
		{name: prefix + "upstream", help: prefix + "upstream NAME ...: upstreams of nginx.conf without which the node does not serve. It has failed, beside its own listeners, when the health checks of one of them leave no peer. Several lines add up. Default: none.",
			min: 1, set: func(b *builder, p *SelfProbe, s *Statement) {
				p.Upstreams = slices.Clip(p.Upstreams)
				for _, name := range s.Words[1:] {
					p.Upstreams = append(p.Upstreams, Upstream{name, s.Pos})
				}
			}},
		{name: prefix + "virtual_server", help: prefix + "virtual_server [ADDRESS [PORT] | fwmark MARK | group NAME]: virtual servers without whose quorum the node does not serve; without a word all of them. Several lines add up. Default: none.",
			set: func(_ *builder, p *SelfProbe, s *Statement) {
				p.VirtualServers = append(slices.Clip(p.VirtualServers), VirtualRef{s.Words[1:], s.Pos})
			}},
		{name: prefix + "on_failure", help: prefix + "on_failure drop|release: compete with priority 1, or go to FAULT. Default drop.",
			min: 1, set: func(b *builder, p *SelfProbe, s *Statement) {
				switch s.Arg(1) {
				case "drop":
					p.Release = false
				case "release":
					p.Release = true
				default:
					b.err(s, "%s: '%s' has to be drop or release", s.Name(), s.Arg(1))
				}
			}},
	}
}

// tandemRows is tandem's keywords of a block whose Tandem is found by field.
func tandemRows[T any](field func(*T) *Tandem) []row[T] {
	list := []row[T]{
		{name: "self_probe", help: "self_probe { ... } | self_probe on|off: whether and how this node asks its own HTTP for an answer.",
			block: text.Optional, sub: probeRows, set: func(b *builder, t *T, s *Statement) {
				p := &field(t).Probe
				if s.Args() > 0 {
					on, ok := truth(s.Arg(1))
					if !ok {
						b.err(s, "self_probe: '%s' has to be on or off", s.Arg(1))
						return
					}
					p.Off = !on
					return
				}
				p.Off = false
				probeRows.walk(b, p, s.Body, nil)
			}},
		{name: "vip_lease", help: "vip_lease SECONDS|forever: the lifetime of the VIP in the kernel. Default: a bit less than the time that a backup waits for an advert (2 at advert_int 1); forever: as keepalived adds it.",
			min: 1, set: func(b *builder, t *T, s *Statement) {
				if s.Arg(1) == "forever" {
					field(t).Lease = Forever
				} else if d, ok := b.duration(s, s.Arg(1), leaseMin, 24*time.Hour); ok && d%time.Second != 0 {
					b.err(s, "vip_lease: '%s' is not a whole number of seconds, which is what the kernel counts in", s.Arg(1))
				} else if ok {
					field(t).Lease = d
				}
			}},
		{name: "peer_link", help: "peer_link on|off: the connection between the nodes. Default on.",
			set: func(b *builder, t *T, s *Statement) {
				if on, ok := b.toggle(s, "peer_link: '%s' has to be on or off"); ok {
					field(t).PeerLink = on && !field(t).badKey
				}
			}},
		{name: "peer_link_port", help: "peer_link_port PORT: its TCP port. Default 11200.",
			min: 1, set: func(b *builder, t *T, s *Statement) {
				var port int
				if b.count(s, 1, 65535, &port, "peer_link_port: '%s' has to be from 1 to 65535") {
					field(t).PeerLinkPort = uint16(port)
				}
			}},
		{name: "peer_key", help: "peer_key KEY: the secret of the connection, the same on both nodes; `tandem pair` makes one. Default: none. One that cannot be read leaves no connection: it would be open to everybody whom it was to keep out.",
			set: func(b *builder, t *T, s *Statement) {
				k, ok := ParsePeerKey(s.Arg(1))
				if !ok {
					b.err(s, "peer_key: it has to be the 43 letters that tandem pair prints - there is no peer link without it")
					field(t).PeerLink, field(t).badKey = false, true
					return
				}
				field(t).PeerKey = k
			}},
		{name: "drain_timeout", help: "drain_timeout TIME: how long a planned stop may take. Default 5.",
			min: 1, set: func(b *builder, t *T, s *Statement) {
				if d, ok := b.duration(s, s.Arg(1), 0, time.Hour); ok {
					field(t).DrainTimeout = d
				}
			}},
		{name: "bfd_takeover", help: "bfd_takeover NAME: a master that is the neighbor of this bfd_instance, which stands before it, is taken for dead when nothing has come from it for the detection time: a backup takes over at once. For pairs. Default: none, since silence is no proof.",
			min: 1, set: func(b *builder, t *T, s *Statement) {
				if b.bfd[s.Arg(1)] == nil {
					b.err(s, "bfd_takeover: there is no bfd_instance %s before it", s.Arg(1))
					return
				}
				field(t).BFDTakeover = s.Arg(1)
			}},
	}
	for _, r := range probeKeywords("self_probe_") {
		list = append(list, row[T]{name: r.name, help: r.help, min: r.min, set: func(b *builder, t *T, s *Statement) {
			r.set(b, &field(t).Probe, s)
		}})
	}
	return list
}

// parseStatus reads "200-499", "200,204,301-308" or the same as several words.
func parseStatus(words []string) ([]StatusRange, bool) {
	var out []StatusRange
	for _, word := range words {
		for part := range strings.SplitSeq(word, ",") {
			if part == "" && len(words) > 1 {
				continue
			}
			low, high, isRange := strings.Cut(part, "-")
			if !isRange {
				high = low
			}
			l, err1 := strconv.Atoi(low)
			h, err2 := strconv.Atoi(high)
			if err1 != nil || err2 != nil || l < 100 || h > 599 || l > h {
				return nil, false
			}
			out = append(out, StatusRange{l, h})
		}
	}
	return out, len(out) > 0
}

// VIP is the address the self-probe is for: the first one that is advertised.
func (i *Instance) VIP() netip.Addr {
	if len(i.Addresses) == 0 {
		return netip.Addr{}
	}
	return i.Addresses[0].Addr()
}
