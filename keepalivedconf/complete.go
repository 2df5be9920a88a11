package keepalivedconf

import (
	"net/netip"
	"time"

	"tandem/keepalivedconf/text"
)

// complete checks what can be checked only when everything is read, and fills in the defaults that depend on it. The
// order is keepalived's, because an earlier check may change what a later one sees.
func (b *builder) complete() {
	b.checkScripts()
	for _, i := range b.cfg.Instances {
		b.minimum(i)
	}
	b.completeGroups()
	for _, i := range b.cfg.Instances {
		b.completeInstance(i)
	}
	b.checkVRIDs()
	b.completeGroupTracking()
	b.checkUnusedScripts()
	b.advise()
}

// minimum is what keepalived will not start an instance without.
func (b *builder) minimum(i *Instance) {
	switch {
	case i.VRID == 0:
		b.stops(i.Pos, "(%s) the virtual router id must be set", i.Name)
		b.hint("add `virtual_router_id N`, from 1 to 255 and the same on every node")
	case i.Interface == "" && !i.raw.unicast:
		b.stops(i.Pos, "(%s) Unknown interface!", i.Name)
		b.hint("add `interface NAME`, the interface that the adverts go out on")
	case i.Interface == "" && i.VMAC != nil:
		b.stops(i.Pos, "(%s) cannot use VMAC if no interface specified", i.Name)
	}
}

// completeGroups finds the members of sync groups and drops groups without any.
func (b *builder) completeGroups() {
	kept := b.cfg.Groups[:0]
	for _, g := range b.cfg.Groups {
		for _, name := range g.Names {
			switch i := b.instances[name]; {
			case i == nil:
				b.say(text.KindGeneral, g.Pos, "Virtual router %s specified in sync group %s doesn't exist - ignoring", name, g.Name)
			case i.Group != nil:
				b.say(text.KindGeneral, g.Pos, "Virtual router %s cannot exist in more than one sync group; ignoring %s", name, g.Name)
			default:
				i.Group = g
				g.Members = append(g.Members, i)
			}
		}
		switch len(g.Members) {
		case 0:
			b.say(text.KindGeneral, g.Pos, "Sync group %s, no matching virtual router found in group declaration - removing", g.Name)
			continue
		case 1:
			b.say(text.KindGeneral, g.Pos, "Sync group %s has only 1 virtual router(s) - this probably isn't what you want", g.Name)
		}
		kept = append(kept, g)
	}
	b.cfg.Groups = kept
}

func or[T any](value *T, fallback T) T {
	if value == nil {
		return fallback
	}
	return *value
}

// completeInstance gives an instance its effective values.
func (b *builder) completeInstance(i *Instance) {
	g := &b.cfg.Global
	say := func(keyword, format string, args ...any) {
		b.say(text.KindGeneral, i.at(keyword), "("+escape(i.Name)+") "+format, args...)
	}
	i.raw.state = i.State
	i.CheckUnicastSource = i.CheckUnicastSource || g.CheckUnicastSource
	i.Strict = or(i.raw.strict, g.Strict)

	if i.Family == IPv6 && i.Version == 2 && i.Strict {
		say("version", "cannot use IPv6 with VRRP version 2; setting version 3")
		i.Version = 3
	}
	if i.Family == FamilyUnset {
		i.Family = IPv4 // only without any address
	}
	if i.Version == 0 {
		i.Version = g.Version
		if i.Family == IPv6 {
			i.Version = 3
		}
	}
	if i.UnicastTTL == unset && i.Family == IPv4 {
		i.UnicastTTL = 255
	}
	if i.Priority == 0 {
		i.Priority = PriorityDefault
		if i.State == StateMaster {
			i.Priority = PriorityOwner
		}
	}
	wanted := StateBackup
	if i.Owner() {
		wanted = StateMaster
	}
	if i.State == StateUnset {
		i.State = wanted
	} else if i.Strict && (i.State == StateMaster) != i.Owner() {
		say("state", "State MASTER must match being address owner")
		i.State = wanted
	}
	b.completeAuth(i, say)
	b.completeNetwork(i, say)
	b.completePreemption(i, say)

	i.Accept = or(i.raw.accept, i.Owner() || !i.Strict)
	if i.Accept && !i.Owner() && i.Strict && i.Version == 2 {
		say("accept", "warning - accept mode for VRRP version 2 does not comply with RFC3768 - resetting")
		i.Accept = false
	}
	b.completeStrict(i, say)
	b.completeAdvertInterval(i, say)

	i.SMTPAlert = or(i.raw.smtpAlert, or(g.smtpAlertVRRP, or(g.smtpAlert, false)))
	i.NotifyPriorityChanges = g.NotifyPriorityChanges
	if i.Group != nil {
		i.NotifyPriorityChanges = or(i.Group.priorityChanges, i.NotifyPriorityChanges)
	}
	i.NotifyPriorityChanges = or(i.raw.priorityChanges, i.NotifyPriorityChanges)
	i.GARPExtraIf = or(i.raw.garpExtraIf, g.GARPExtraIf)
	i.GARPExtraAll = i.GARPExtraAll || g.GARPExtraAll
	i.LinkbeatPoll = i.LinkbeatPoll || g.LinkbeatPolling && i.Interface != ""
	if !i.SourceAddress.IsValid() {
		i.TrackSourceAddress = false
	}
	if i.NoAddresses && i.Strict {
		b.say(text.KindWarning, i.at("no_virtual_ipaddress"), "(%s) no_virtual_ipaddress and strict mode incompatible, clearing no_virtual_ipaddress", i.Name)
		i.NoAddresses = false
	}
	if !i.NoAddresses && len(i.Addresses) == 0 {
		if i.Version == 3 || i.Strict {
			b.stops(i.Pos, "(%s) No VIP specified; at least one is required", i.Name)
		} else {
			b.say(text.KindWarning, i.Pos, "(%s) No VIP specified; at least one is sensible", i.Name)
		}
		if _, given := i.At["virtual_ipaddress"]; given {
			b.hint("its virtual_ipaddress block has no address that can be used")
		} else {
			b.hint("add a virtual_ipaddress block, or no_virtual_ipaddress if there is none on purpose")
		}
	}
	b.completeTracking(i)
}

type sayFunc func(keyword, format string, args ...any)

func (b *builder) completeAuth(i *Instance, say sayFunc) {
	switch {
	case i.Auth == AuthNone:
	case i.Strict:
		say("authentication", "Strict mode does not support authentication. Ignoring.")
		i.Auth = AuthNone
	case i.Version == 3:
		say("authentication", "VRRP version 3 does not support authentication. Ignoring.")
		b.hint("remove the authentication block (RFC 9568 has none), or use version 2 on every node")
		i.Auth = AuthNone
	case i.Password[0] == 0:
		say("authentication", "Authentication specified but no password given. Ignoring")
		i.Auth = AuthNone
	case i.Family == IPv6 && i.Auth == AuthAH:
		say("authentication", "Cannot use AH authentication with IPv6. ignoring")
		i.Auth = AuthNone
	case i.Auth == AuthAH && i.State == StateMaster && !i.Owner():
		say("authentication", "Initial state master is incompatible with AH authentication - clearing")
		i.State = StateBackup
	}
	h := i.HMAC
	if h == nil {
		return
	}
	if i.Auth != AuthNone {
		say("auth_hmac", "auth_hmac cannot be combined with authentication, dropping legacy auth")
		i.Auth = AuthNone
	}
	if h.Keys[h.Active] == nil {
		say("auth_hmac", "auth_hmac active_key %d is not defined, disabling extension", h.Active)
		i.HMAC = nil
		return
	}
	if i.Strict && h.Mode != HMACEnforce {
		say("auth_hmac", "strict mode requires auth_hmac mode enforce")
		h.Mode = HMACEnforce
	}
	if !h.Monotonic && h.TimeWindow == 0 {
		window := 3 * i.raw.advert.Truncate(time.Second)
		h.TimeWindow = min(max(window, hmacWindowFloor*time.Second), hmacWindowMax*time.Second)
	}
}

// Sizes that limit how many addresses an advert can carry.
const (
	ethernetHeader = 14
	ipv4Header     = 20
	ipv6Header     = 40
	vrrpHeader     = 8
	vrrpPassword   = 8 // of version 2
	ahHeader       = 24
	hmacTrailer    = 48
	maxAddresses   = 255
	defaultMTU     = 1500
)

func (b *builder) completeNetwork(i *Instance, say sayFunc) {
	link, found := b.opt.Host.Interface(i.Interface)
	if i.raw.unicast {
		switch {
		case len(i.Peers) > 0:
			i.Unicast = true
		case i.UnicastFaultNoPeer:
			b.say(text.KindNote, i.at("unicast_fault_no_peer"), "(%s) Cannot use unicast without any peers - going to fault state", i.Name)
			i.Fault = true
		default:
			b.say(text.KindDeprecated, i.Pos, "(%s) A unicast keyword has been specified without any unicast peers. Defaulting to multicast. This usage is deprecated - please update your configuration.", i.Name)
		}
	}
	if i.Strict && i.Unicast && found && link.Multicast {
		b.stops(i.at("unicast_peer"), "(%s) Unicast peers are not supported in strict mode", i.Name)
	}
	if i.Interface == "" && i.raw.unicast {
		if !i.SourceAddress.IsValid() {
			b.stops(i.Pos, "(%s): Unicast instances must have unicast_src_ip or interface", i.Name)
		} else if i.Family == IPv6 && i.SourceAddress.IsLinkLocalUnicast() {
			b.stops(i.Pos, "(%s) Non link-local address required if interface omitted", i.Name)
		}
	}
	if i.VMAC != nil && i.VMAC.MAC != nil {
		if i.Strict {
			b.say(text.KindGeneral, i.at("use_vmac"), "(%s): cannot specify MAC address with strict mode - clearing", i.Name)
			i.VMAC.MAC = nil
		} else if len(i.VMAC.MAC) == 5 {
			i.VMAC.MAC = append(i.VMAC.MAC, i.VRID)
		}
	}
	if i.PromoteSecondaries && (i.VMAC != nil || i.IPVLAN != nil) {
		say("promote_secondaries", "promote_secondaries is automatically set for vmacs - ignoring")
		i.PromoteSecondaries = false
	}
	if i.IPVLAN != nil && i.Family == IPv4 && !i.IPVLAN.Addr.IsValid() {
		say("use_ipvlan", "IPv4 ipvlan requires a source ip address to be configured. setting instance to fault state")
		i.Fault = true
	}
	if i.VMACXmitBase && i.VMAC != nil && i.Strict {
		say("vmac_xmit_base", "xmit_base is incompatible with strict mode - resetting")
		i.VMACXmitBase = false
	}
	if i.VMACXmitBase && i.VMAC == nil {
		say("vmac_xmit_base", "vmac_xmit_base is only valid with a vmac")
		i.VMACXmitBase = false
	}
	if found && !link.Multicast && !i.Unicast {
		say("interface", "interface %s does not support multicast, specify unicast peers - disabling", i.Interface)
		i.Fault = true
	}
	if i.Family == IPv6 && !i.Unicast && len(i.Addresses) > 0 && !i.Addresses[0].Addr().IsLinkLocalUnicast() {
		if i.Strict {
			say("virtual_ipaddress", "the first IPv6 VIP address must be link local")
		} else {
			b.say(text.KindNote, i.at("virtual_ipaddress"), "(%s) the first IPv6 VIP address should be link local", i.Name)
		}
	}
	if i.VRF != "" && (i.Interface != "" || !i.Unicast) {
		with := " unicast"
		if i.Interface != "" {
			with = "out interface"
		}
		say("vrf", "vrf can only be specified with%s - clearing", with)
		i.VRF = ""
	}
	b.limitAddresses(i, link.MTU, say)
	switch {
	case i.Unicast && i.MulticastGroup.IsValid():
		say("mcast_dst_ip", "multicast destination specified with unicast - ignoring")
		i.MulticastGroup = netip.Addr{}
	case !i.Unicast && !i.MulticastGroup.IsValid():
		i.MulticastGroup = b.cfg.Global.MulticastGroup4
		if i.Family == IPv6 {
			i.MulticastGroup = b.cfg.Global.MulticastGroup6
		}
	}
}

// limitAddresses moves the addresses that do not fit into an advert to the excluded ones.
func (b *builder) limitAddresses(i *Instance, mtu int, say sayFunc) {
	header, size := ethernetHeader+ipv6Header+vrrpHeader, 16
	if i.Family == IPv4 {
		header, size = ethernetHeader+ipv4Header+vrrpHeader, 4
		if i.Version == 2 {
			header += vrrpPassword
			if i.Auth == AuthAH {
				header += ahHeader
			}
		}
	}
	if i.HMAC != nil {
		header += hmacTrailer
	}
	if mtu <= header {
		mtu = defaultMTU
	}
	fit := min((mtu-header)/size, maxAddresses)
	if len(i.Addresses) <= fit {
		return
	}
	say("virtual_ipaddress", "Number of VIPs (%d) exceeds maximum/space available in packet (max %d addresses) - excess moved to eVIPs",
		len(i.Addresses), fit)
	i.ExcludedAddresses = append(i.ExcludedAddresses, i.Addresses[fit:]...)
	i.Addresses = i.Addresses[:fit:fit]
}

func (b *builder) completePreemption(i *Instance, say sayFunc) {
	if i.Owner() && !i.Preempt {
		say("nopreempt", "nopreempt is incompatible with priority %d. resetting nopreempt", PriorityOwner)
		i.Preempt = true
	}
	if i.State == StateMaster {
		if !i.Preempt {
			say("nopreempt", "Warning - nopreempt will not work with initial state MASTER - clearing")
			b.hint("write `state BACKUP` on every node and keep nopreempt: as it is, this node takes the VIP back after a restart")
			i.Preempt = true
		}
		if i.PreemptDelay != 0 {
			say("preempt_delay", "Warning - preempt delay will not work with initial state MASTER - clearing")
			b.hint("write `state BACKUP`: the priorities decide who is first")
			i.PreemptDelay = 0
		}
	}
	if i.PreemptDelay != 0 && i.Strict {
		say("preempt_delay", "preempt_delay is incompatible with strict mode - resetting")
		i.PreemptDelay = 0
	}
	if i.PreemptDelay != 0 && !i.Preempt {
		say("preempt_delay", "preempt_delay is incompatible with nopreempt mode - resetting")
		i.PreemptDelay = 0
	}
	if i.DownTimerAdverts != 3 && i.Strict {
		say("down_timer_adverts", "down_timer_adverts is incompatible with strict mode - resetting")
		i.DownTimerAdverts = 3
	}
	if i.Preempt && i.HighestOther != 0 {
		say("timer_expired_backup", "expired_timer_backup requires nopreempt - resetting")
		i.HighestOther = 0
	}
}

// completeStrict fills in the settings whose default strict mode changes.
func (b *builder) completeStrict(i *Instance, say sayFunc) {
	g := &b.cfg.Global
	i.GARP.LowerPrioRepeat, i.GARP.LowerPrioDelay = g.GARP.LowerPrioRepeat, g.GARP.LowerPrioDelay
	i.LowerPrioNoAdvert, i.HigherPrioSend = g.LowerPrioNoAdvert, g.HigherPrioSend
	if i.Strict {
		i.GARP.LowerPrioRepeat, i.GARP.LowerPrioDelay = 0, 0
		i.LowerPrioNoAdvert, i.HigherPrioSend = true, false
	}
	if v := i.raw.garpLowerRepeat; v != nil {
		if i.Strict && *v != 0 {
			say("garp_lower_prio_repeat", "Strict mode requires no repeat garps. resetting")
		} else {
			i.GARP.LowerPrioRepeat = *v
		}
	}
	if v := i.raw.garpLowerDelay; v != nil {
		if i.Strict && *v != 0 {
			say("garp_lower_prio_delay", "Strict mode requires no repeat garp delay. resetting")
		} else {
			i.GARP.LowerPrioDelay = *v
		}
	}
	if v := i.raw.lowerPrioNoAdvert; v != nil {
		if i.Strict && !*v {
			say("lower_prio_no_advert", "Strict mode requires no lower priority advert. resetting")
		} else {
			i.LowerPrioNoAdvert = *v
		}
	}
	if v := i.raw.higherPrioSend; v != nil {
		if i.Strict && *v {
			say("higher_prio_send_advert", "strict mode requires higher_prio_send_advert to be clear. resetting")
		} else {
			i.HigherPrioSend = *v
		}
	}
	switch v := i.raw.ownerIgnore; {
	case v != nil && *v && !i.Owner():
		say("owner_ignore_adverts", "ignoring owner_ignore_adverts since priority is not %d", PriorityOwner)
	case v == nil:
		i.OwnerIgnoreAdverts = i.Owner() && (i.Strict || g.OwnerIgnoreAdverts)
	case i.Owner() && !*v && i.Strict:
		say("owner_ignore_adverts", "strict_mode with priority %d requires owner_ignore_adverts", PriorityOwner)
		i.OwnerIgnoreAdverts = true
	default:
		i.OwnerIgnoreAdverts = *v
	}
}

// completeAdvertInterval rounds advert_int to what the version can say.
func (b *builder) completeAdvertInterval(i *Instance, say sayFunc) {
	d := i.raw.advert
	if d == 0 {
		d = time.Second
	}
	if i.Version == 2 {
		// RFC 3768 section 5.3.7: the interval is a number of seconds in one octet.
		if rounded := max(d.Round(time.Second), time.Second); rounded != d {
			say("advert_int", "VRRPv2 advertisement interval %fs must be an integer. rounding", d.Seconds())
			b.hint("write `advert_int %d` on every node, or use version 3 for parts of a second", int(rounded.Seconds()))
			d = rounded
		}
	} else {
		// RFC 9568 section 5.2.7: the interval is a number of centiseconds in 12 bits.
		const unit, most = 10 * time.Millisecond, 4095 * 10 * time.Millisecond
		if d > most {
			say("advert_int", "VRRPv3 advertisement interval %.2fs is out of range. Must be less than %.2fs. Setting to %.2fs",
				d.Seconds(), (most + unit).Seconds(), most.Seconds())
			d = most
		} else if rounded := max(d.Round(unit), unit); rounded != d {
			say("advert_int", "VRRPv3 advertisement interval %fs must be in units of 10ms - rounding", d.Seconds())
			b.hint("write `advert_int %.2f` on every node", min(rounded, most).Seconds())
			d = min(rounded, most)
		}
	}
	i.AdvertInterval = d
	if i.Tandem.Lease == 0 {
		// The least that a backup waits is DownTimerAdverts intervals, and the kernel counts lifetimes in whole seconds.
		i.Tandem.Lease = max((time.Duration(i.DownTimerAdverts)*d - leaseLate).Truncate(time.Second), leaseMin)
	}
}
