package vrrp

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"tandem/keepalivedconf"
	"tandem/vrrp/fsm"
	"tandem/vrrp/netif"
	"tandem/vrrp/packet"
)

// FromKeepalived converts the VRRP side of a keepalived.conf. uptime is how long the machine has been up, for
// vrrp_delay_after_boot.
func FromKeepalived(k *keepalivedconf.Config, uptime time.Duration) Config {
	g := &k.Global
	c := Config{Firewall: netif.FirewallConfig{Table: g.NFTables, Priority: int32(g.NFTablesPriority), Counters: g.NFTablesCounters}}
	for _, d := range k.Debounces {
		if c.Delays == nil {
			c.Delays = map[string]Delay{}
		}
		c.Delays[d.Interface] = Delay{d.Down, d.Up}
	}
	names := newLinkNames(k)
	for _, i := range k.Instances {
		c.Instances = append(c.Instances, convertInstance(k, i, names, uptime))
	}
	for _, g := range k.Groups {
		group := GroupConfig{Name: g.Name, TrackingWeight: g.TrackingWeight}
		for _, m := range g.Members {
			group.Members = append(group.Members, m.Name)
		}
		if len(group.Members) > 0 {
			c.Groups = append(c.Groups, group)
		}
	}
	for _, a := range k.StaticAddresses {
		c.Static = append(c.Static, a.Addr())
	}
	return c
}

const (
	// linger is how long addresses stay after the successor's advert. keepalived sets them within some milliseconds.
	linger = 50 * time.Millisecond

	// askGrace is how much longer than its connections may take a master is given to hand over.
	askGrace = time.Second
)

func convertInstance(k *keepalivedconf.Config, i *keepalivedconf.Instance, names *linkNames, uptime time.Duration) InstanceConfig {
	version, family := packet.Version(i.Version), packet.IPv4
	if i.Family == keepalivedconf.IPv6 {
		family = packet.IPv6
	}
	ic := InstanceConfig{
		FSM: fsm.Config{
			Name: i.Name, VRID: i.VRID, Version: version, Source: i.SourceAddress, Priority: i.Priority,
			StartMaster: i.State == keepalivedconf.StateMaster, Interval: i.AdvertInterval, DownAdverts: i.DownTimerAdverts,
			NoPreempt: !i.Preempt, PreemptDelay: i.PreemptDelay,
			StartupDelay: max(k.Global.StartupDelay, k.Global.DelayAfterBoot-uptime),
			Announcements: fsm.Announcements{
				Repeat: i.GARP.Repeat, Delay: i.GARP.Delay, Refresh: i.GARP.Refresh, RefreshRepeat: i.GARP.RefreshRepeat,
				LowerRepeat: i.GARP.LowerPrioRepeat, LowerDelay: i.GARP.LowerPrioDelay,
				Extra: i.GARPExtraIf,
			},
			HigherSendsAdvert: i.HigherPrioSend, LowerNoAdvert: i.LowerPrioNoAdvert, NoAccept: !i.Accept && !i.Owner(),
			HighestOther: i.HighestOther,
			// drain_timeout 0 is keepalived's order: the addresses go before anybody has taken over.
			Handover: min(fsm.DefaultHandover(version, i.AdvertInterval), i.Tandem.DrainTimeout), Linger: min(linger, i.Tandem.DrainTimeout),
		},
		Packet: packet.Settings{
			Version: version, Family: family, VRID: i.VRID, Interval: i.AdvertInterval,
			Auth: packet.AuthType(i.Auth), Key: i.Password, Trailer: convertHMAC(i.HMAC),
			// keepalived checks the source only with check_unicast_src; nothing else protects unicast adverts.
			Unicast: i.Unicast, CheckSource: true, Group: i.MulticastGroup,
			SkipAddressCheck: i.SkipCheckAdvAddr, IgnoreAsOwner: i.OwnerIgnoreAdverts && i.Owner(),
			Checksum: convertChecksum(i),
		},
		Interface: i.Interface,
		Pace:      Pace{k.Global.GARPInterval, k.Global.NAInterval}, ExtraAll: i.GARPExtraAll,
		ReceiveBuffer: int(i.KernelReceiveBuffer),
		IgnorePrimary: !i.TrackPrimary, TrackSource: i.TrackSourceAddress,
		AwaitHealth: !i.Tandem.Probe.Off, Release: i.Tandem.Probe.Release,
		Lease: convertLease(i.Tandem.Lease),
	}
	if ic.Lease != netif.Forever {
		// A node that hangs answers for the addresses until its lease has ended.
		ic.FSM.Announcements.Contested = i.Tandem.Lease + time.Second
	}
	if i.VMAC != nil {
		ic.FSM.Announcements.Echoed = 2 * linger
	}
	if i.Tandem.PeerLink && i.Tandem.DrainTimeout > 0 {
		ic.FSM.AskHandover = i.Tandem.DrainTimeout + askGrace
	}
	if i.UnicastTTL > 0 {
		ic.Packet.TTL = uint8(i.UnicastTTL)
	}
	ic.HopLimit = i.UnicastTTL // as in keepalived, which leaves IPv6 to the kernel unless unicast_ttl is given
	for _, p := range i.Peers {
		ic.Packet.Peers = append(ic.Packet.Peers, packet.Peer{Addr: p.Addr, MinTTL: p.MinTTL, MaxTTL: p.MaxTTL})
	}
	convertLinks(i, &ic, names)
	for _, a := range i.Addresses {
		ic.Addresses = append(ic.Addresses, convertAddress(a, ic.device(i, a, names)))
		ic.Packet.Addresses = append(ic.Packet.Addresses, a.Addr())
	}
	for _, a := range i.ExcludedAddresses {
		ic.Excluded = append(ic.Excluded, convertAddress(a, ic.device(i, a, names)))
	}
	convertRoutes(i, &ic)
	convertNeeds(k, i, &ic)
	convertPaces(k, &ic)
	if i.Fault {
		ic.Fault = fmt.Sprintf("the configuration of %s cannot run", i.Name)
	}
	convertTrackers(k, i, &ic)
	return ic
}

// convertTrackers takes over what the instance and its sync group track. A group's trackers are those of its members.
func convertTrackers(k *keepalivedconf.Config, i *keepalivedconf.Instance, ic *InstanceConfig) {
	interfaces, scripts, files, processes, sessions := i.TrackInterfaces, i.TrackScripts, i.TrackFiles, i.TrackProcesses, i.TrackBFD
	if g := i.Group; g != nil {
		interfaces = slices.Concat(interfaces, g.TrackInterfaces)
		scripts, files, processes = slices.Concat(scripts, g.TrackScripts), slices.Concat(files, g.TrackFiles), slices.Concat(processes, g.TrackProcesses)
		sessions = slices.Concat(sessions, g.TrackBFD)
	}
	for _, t := range interfaces {
		ic.TrackInterfaces = append(ic.TrackInterfaces, TrackInterface{Name: t.Name, Weight: t.Weight, Reverse: t.Reverse})
	}
	track := func(kind fsm.FaultKind, name string) {
		if id := (TrackerID{kind, name}); !slices.Contains(ic.Tracked, id) {
			ic.Tracked = append(ic.Tracked, id)
		}
	}
	for _, t := range scripts {
		track(fsm.FaultScript, t.Name)
		// keepalived waits for scripts without weight only.
		if t.Weight == 0 && k.Script(t.Name) != nil {
			ic.AwaitTrackers = append(ic.AwaitTrackers, t.Name)
		}
	}
	// keepalived looks at files and processes before it starts.
	for _, t := range files {
		track(fsm.FaultFile, t.Name)
		if t.Weight == 0 {
			ic.AwaitTrackers = append(ic.AwaitTrackers, t.Name)
		}
	}
	for _, t := range processes {
		track(fsm.FaultProcess, t.Name)
		if t.Weight == 0 {
			ic.AwaitTrackers = append(ic.AwaitTrackers, t.Name)
		}
	}
	// Sessions are down to begin with.
	for _, t := range sessions {
		track(fsm.FaultBFD, t.Name)
		if t.Weight == 0 {
			ic.AwaitTrackers = append(ic.AwaitTrackers, t.Name)
		}
	}
}

func convertLease(d time.Duration) netif.Lease {
	if d == keepalivedconf.Forever {
		return netif.Forever
	}
	return netif.Lease(d)
}

func convertHMAC(h *keepalivedconf.AuthHMAC) *packet.Trailer {
	if h == nil {
		return nil
	}
	t := &packet.Trailer{Active: h.Active, Window: h.TimeWindow}
	if h.Monotonic {
		t.Window = 0
	}
	switch h.Mode {
	case keepalivedconf.HMACPermissive:
		t.Mode = packet.TrailerPermissive
	case keepalivedconf.HMACReceiveOnly:
		t.Mode = packet.TrailerReceiveOnly
	}
	for id, secret := range h.Keys {
		t.Keys = append(t.Keys, packet.TrailerKey{ID: id, Secret: secret})
	}
	slices.SortFunc(t.Keys, func(a, b packet.TrailerKey) int { return int(a.ID) - int(b.ID) })
	return t
}

func convertChecksum(i *keepalivedconf.Instance) packet.Checksum {
	switch {
	case i.V3ChecksumAsV2:
		return packet.ChecksumAsV2
	case i.OldUnicastChecksum == keepalivedconf.ChecksumOld:
		return packet.ChecksumOldUnicast
	case i.OldUnicastChecksum == keepalivedconf.ChecksumNever:
		return packet.ChecksumRFCOnly
	}
	return packet.ChecksumRFC
}

// StaticAddresses returns static_ipaddress, in its order.
func StaticAddresses(k *keepalivedconf.Config) []netif.Address {
	return convertEach(k.StaticAddresses, func(a keepalivedconf.Address) netif.Address {
		return convertAddress(a, cmp.Or(a.Device, k.Global.DefaultInterface))
	})
}

func convertAddress(a keepalivedconf.Address, device string) netif.Address {
	out := netif.Address{
		Interface: device, Prefix: a.Prefix, Scope: netif.Scope(a.Scope), Broadcast: a.Broadcast, Label: a.Label,
		NoPrefixRoute: a.NoPrefixRoute, HomeAddress: a.Home, ManageTempAddr: a.ManageTemporary, DAD: a.DAD, AutoJoin: a.AutoJoin,
		Deprecated: a.PreferredLifetime == 0,
	}
	if a.Peer.IsValid() {
		// The prefix length of such an address is its peer's.
		out.Peer = netip.PrefixFrom(a.Peer, a.Prefix.Bits())
		out.Prefix = netip.PrefixFrom(a.Addr(), a.Addr().BitLen())
	}
	return out
}
