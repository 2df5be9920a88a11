package keepalivedconf

import (
	"net/netip"
	"time"

	"tandem/keepalivedconf/text"
)

func instanceFlag(name string, field func(*Instance) *bool) row[Instance] {
	return row[Instance]{name: name, set: func(b *builder, i *Instance, s *Statement) { *field(i) = true }}
}

func instanceToggle(name string, field func(*Instance) *bool) row[Instance] {
	return row[Instance]{name: name, set: func(b *builder, i *Instance, s *Statement) {
		if on, ok := b.toggle(s, "("+escape(i.Name)+") invalid "+name+" %s specified"); ok {
			*field(i) = on
		}
	}}
}

func instanceChoice(name string, field func(*Instance) **bool) row[Instance] {
	return row[Instance]{name: name, set: func(b *builder, i *Instance, s *Statement) {
		if on, ok := b.toggle(s, "("+escape(i.Name)+") invalid "+name+" %s specified"); ok {
			*field(i) = &on
		}
	}}
}

func instanceNotify(name string, field func(*Notify) *Command) row[Instance] {
	return row[Instance]{name: name, quoted: true, min: 1, set: func(b *builder, i *Instance, s *Statement) {
		if c := field(&i.Notify); c.Set() {
			b.err(s, "(%s) %s script already specified - ignoring %s", i.Name, name, s.Arg(1))
		} else {
			*c = b.notifyCommand(s)
		}
	}}
}

// eachValue applies a setter to every line of a block of values.
func eachValue[T any](set func(*builder, *T, *Statement)) func(*builder, *T, *Statement) {
	return func(b *builder, t *T, s *Statement) {
		if s.Args() > 0 {
			b.err(s, "Block %s has extra parameters %s ...", s.Name(), s.Arg(1))
		}
		for _, line := range s.Body {
			set(b, t, line)
		}
	}
}

// newInstance is an instance with the defaults that global_defs gives it.
func (b *builder) newInstance(name string, pos Pos) *Instance {
	g := &b.cfg.Global
	return &Instance{
		Name: name, Pos: pos, At: map[string]Pos{},
		DownTimerAdverts: g.DownTimerAdverts,
		UnicastTTL:       unset,
		Preempt:          true,
		TrackPrimary:     true,
		GARP:             g.GARP,
		SkipCheckAdvAddr: g.SkipCheckAdvAddr,
		V3ChecksumAsV2:   g.V3ChecksumAsV2,
		Tandem:           g.Tandem,
	}
}

// addInstance reads a vrrp_instance block.
func addInstance(b *builder, c *Config, s *Statement) {
	if s.Args() != 1 {
		b.err(s, "vrrp_instance must have a name")
		return
	}
	if b.instances[s.Arg(1)] != nil {
		b.err(s, "vrrp instance %s already defined", s.Arg(1))
		return
	}
	i := b.newInstance(s.Arg(1), s.Pos)
	for _, line := range s.Body {
		if _, seen := i.At[line.Name()]; !seen {
			i.At[line.Name()] = line.Pos
		}
	}
	instanceRows.walk(b, i, s.Body, nil)
	b.endInstance(i, s.Close)
	c.Instances = append(c.Instances, i)
	b.instances[i.Name] = i
}

// endInstance is what keepalived checks at the closing brace.
func (b *builder) endInstance(i *Instance, end Pos) {
	if i.raw.unicast && (i.VMAC != nil || i.IPVLAN != nil) {
		if i.Interface == "" {
			b.say(text.KindGeneral, end, "(%s): Cannot use VMAC/ipvlan with unicast and no interface - clearing use_vmac", i.Name)
			i.VMAC, i.IPVLAN = nil, nil
		} else if !i.VMACXmitBase {
			b.say(text.KindGeneral, end, "(%s) unicast with use_vmac requires vmac_xmit_base - setting", i.Name)
			i.VMACXmitBase = true
		}
	}
	if len(i.Peers) == 0 && i.UnicastTTL != unset {
		b.say(text.KindGeneral, end, "(%s): Cannot use unicast_ttl without unicast peers - resetting", i.Name)
		i.UnicastTTL = 0
	}
	if i.Interface == "" {
		i.LinkbeatPoll = false
	}
}

// at is where a keyword of the instance stands, or the instance itself.
func (i *Instance) at(keyword string) Pos {
	if p, ok := i.At[keyword]; ok {
		return p
	}
	return i.Pos
}

func setState(b *builder, i *Instance, s *Statement) {
	switch s.Arg(1) {
	case "MASTER":
		i.State = StateMaster
	case "BACKUP":
		if i.State == StateMaster {
			b.err(s, "(%s) state previously set as MASTER - ignoring BACKUP", i.Name)
			return
		}
		i.State = StateBackup
	default:
		b.err(s, "(%s) unknown state '%s', defaulting to BACKUP", i.Name, s.Arg(1))
		i.State = StateBackup
	}
}

func setInterface(b *builder, i *Instance, s *Statement) {
	name := s.Arg(1)
	if len(name) > maxInterfaceName {
		b.err(s, "Interface name '%s' too long - ignoring", name)
		return
	}
	i.Interface = name
	link, found := b.opt.Host.Interface(name)
	switch {
	case !found && !b.cfg.Global.DynamicInterfaces:
		b.err(s, "WARNING - interface %s for vrrp_instance %s doesn't exist", name, i.Name)
	case found && link.Loopback:
		b.err(s, "(%s) cannot use a loopback interface (%s) for vrrp - ignoring", i.Name, name)
		i.Interface = ""
	}
}

func setVRF(b *builder, i *Instance, s *Statement) {
	name := s.Arg(1)
	switch {
	case len(name) > maxInterfaceName:
		b.err(s, "(%s) VRF interface name '%s' too long - ignoring", i.Name, name)
	case i.Interface != "":
		b.err(s, "(%s) Cannot specify VRF interface and interface - ignoring", i.Name)
	case i.VRF != "":
		b.err(s, "(%s) VRF interface already specified as '%s' - ignoring", i.Name, i.VRF)
	default:
		i.VRF = name
		if !b.interfaceExists(name) {
			b.err(s, "(%s) WARNING - VRF interface %s doesn't exist", i.Name, name)
		}
	}
}

func setVersion(b *builder, i *Instance, s *Statement) {
	v, ok := b.signedNumber(s, s.Arg(1), 2, 3)
	if !ok {
		b.err(s, "(%s): Version must be either 2 or 3", i.Name)
		return
	}
	if i.Version != 0 && i.Version != v || v == 2 && i.Family == IPv6 {
		b.err(s, "(%s) vrrp_version %d conflicts with configured or deduced version %d; ignoring.", i.Name, v, i.Version)
		return
	}
	i.Version = v
}

func setHighestOther(b *builder, i *Instance, s *Statement) {
	other := uint32(PriorityOwner - 1)
	if s.Args() > 0 {
		v, ok := b.unsigned(s, s.Arg(1), 1, PriorityOwner-1)
		if !ok {
			b.err(s, "(%s) timer_expired_backup highest_other_priority not valid! must be between 1 & %d", i.Name, PriorityOwner-1)
			return
		}
		other = v
	}
	i.HighestOther = uint8(other)
}

func setGARPExtraIf(b *builder, i *Instance, s *Statement) {
	if s.Name() == "vmac_garp_intvl" {
		b.say(text.KindDeprecated, s.Pos, `Keyword "vmac_garp_intvl" is deprecated - please use "garp_extra_if"`)
	}
	given := false
	for _, word := range s.Words[1:] {
		if word == "all" {
			i.GARPExtraAll = true
			continue
		}
		v, ok := b.number(s, word, 0, 86400)
		if !ok {
			b.err(s, "(%s): %s '%s' invalid - ignoring", i.Name, s.Name(), word)
			return
		}
		d := time.Duration(v) * time.Second
		i.raw.garpExtraIf, given = &d, true
	}
	if !given {
		b.err(s, "(%s): %s specified without time - ignoring", i.Name, s.Name())
	}
}

// setSourceAddress is mcast_src_ip and unicast_src_ip.
func setSourceAddress(b *builder, i *Instance, s *Statement) {
	a, ok := endpoint(s.Arg(1))
	if !ok {
		b.err(s, "Configuration error: VRRP instance[%s] malformed src address[%s]. Skipping...", i.Name, s.Arg(1))
		return
	}
	if i.Family == FamilyUnset {
		i.Family = familyOf(a)
	} else if familyOf(a) != i.Family {
		b.err(s, "Configuration error: VRRP instance[%s] and src address[%s] MUST be of the same family !!! Skipping...", i.Name, s.Arg(1))
		i.SourceAddress = netip.Addr{}
		return
	}
	i.SourceAddress = a
}

func setMulticastGroup(b *builder, i *Instance, s *Statement) {
	a, ok := endpoint(s.Arg(1))
	if !ok {
		b.err(s, "(%s) malformed mcast dest address %s. Skipping...", i.Name, s.Arg(1))
		return
	}
	if i.Family == FamilyUnset {
		i.Family = familyOf(a)
	} else if familyOf(a) != i.Family {
		b.err(s, "(%s) mcast dest address %s MUST match VRRP instance family. Skipping...", i.Name, s.Arg(1))
		return
	}
	if a.Is4() && !a.IsMulticast() {
		b.err(s, "(%s) mcast_dst_ip %s not multicast. Skipping...", i.Name, s.Arg(1))
		return
	}
	if !a.Is4() && !a.IsLinkLocalMulticast() {
		b.err(s, "(%s) mcast_dst_ip %s not link-local multicast. Skipping...", i.Name, s.Arg(1))
		return
	}
	i.MulticastGroup = a
}

// addPeer reads a line of unicast_peer.
func (b *builder) addPeer(i *Instance, s *Statement) {
	w := s.Words
	a, ok := endpoint(w[0])
	if !ok {
		b.err(s, "Configuration error: VRRP instance[%s] malformed unicast peer address[%s]. Skipping...", i.Name, w[0])
		return
	}
	if i.Family == FamilyUnset {
		i.Family = familyOf(a)
	} else if familyOf(a) != i.Family {
		b.err(s, "Configuration error: VRRP instance[%s] and unicast peer address[%s] MUST be of the same family !!! Skipping...", i.Name, w[0])
		return
	}
	peer := Peer{Pos: s.Pos, Addr: a, MaxTTL: 255}
options:
	for k := 1; k < len(w); k += 2 {
		if k+1 == len(w) {
			b.err(s, "(%s) %s - %s is missing a value", i.Name, w[0], w[k])
			break
		}
		v, valid := b.unsigned(s, w[k+1], 0, 255)
		if !valid {
			continue
		}
		switch w[k] {
		case "min_ttl":
			peer.MinTTL = uint8(v)
		case "max_ttl":
			peer.MaxTTL = uint8(v)
		default:
			b.err(s, "(%s) %s - unknown unicast_peer option %s", i.Name, w[0], w[k])
			break options
		}
		i.CheckUnicastSource = true
	}
	for _, other := range i.Peers {
		if other.Addr == a {
			b.err(s, "(%s) %s - duplicate unicast_peer", i.Name, w[0])
			return
		}
	}
	if peer.MinTTL > peer.MaxTTL {
		b.err(s, "(%s) %s - min_ttl %d > max_ttl %d - all packets will be discarded", i.Name, w[0], peer.MinTTL, peer.MaxTTL)
	}
	i.Peers = append(i.Peers, peer)
}
