package keepalivedconf

import (
	"net/netip"

	"tandem/keepalivedconf/text"
)

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

func (c completion) network() {
	i := c.i
	link, found := c.opt.Host.Interface(i.Interface)
	if i.raw.unicast {
		switch {
		case len(i.Peers) > 0:
			i.Unicast = true
		case i.UnicastFaultNoPeer:
			c.say(text.KindNote, i.at("unicast_fault_no_peer"), "(%s) Cannot use unicast without any peers - going to fault state", i.Name)
			i.Fault = true
		default:
			c.say(text.KindDeprecated, i.Pos, "(%s) A unicast keyword has been specified without any unicast peers. Defaulting to multicast. This usage is deprecated - please update your configuration.", i.Name)
		}
	}
	if i.Strict && i.Unicast && found && link.Multicast {
		c.stops(i.at("unicast_peer"), "(%s) Unicast peers are not supported in strict mode", i.Name)
	}
	if i.Interface == "" && i.raw.unicast {
		if !i.SourceAddress.IsValid() {
			c.stops(i.Pos, "(%s): Unicast instances must have unicast_src_ip or interface", i.Name)
		} else if i.Family == IPv6 && i.SourceAddress.IsLinkLocalUnicast() {
			c.stops(i.Pos, "(%s) Non link-local address required if interface omitted", i.Name)
		}
	}
	if i.VMAC != nil && i.VMAC.MAC != nil {
		if i.Strict {
			c.say(text.KindGeneral, i.at("use_vmac"), "(%s): cannot specify MAC address with strict mode - clearing", i.Name)
			i.VMAC.MAC = nil
		} else if len(i.VMAC.MAC) == 5 {
			i.VMAC.MAC = append(i.VMAC.MAC, i.VRID)
		}
	}
	if i.PromoteSecondaries && (i.VMAC != nil || i.IPVLAN != nil) {
		c.tell("promote_secondaries", "promote_secondaries is automatically set for vmacs - ignoring")
		i.PromoteSecondaries = false
	}
	if i.IPVLAN != nil && i.Family == IPv4 && !i.IPVLAN.Addr.IsValid() {
		c.tell("use_ipvlan", "IPv4 ipvlan requires a source ip address to be configured. setting instance to fault state")
		i.Fault = true
	}
	if i.VMACXmitBase && i.VMAC != nil && i.Strict {
		c.tell("vmac_xmit_base", "xmit_base is incompatible with strict mode - resetting")
		i.VMACXmitBase = false
	}
	if i.VMACXmitBase && i.VMAC == nil {
		c.tell("vmac_xmit_base", "vmac_xmit_base is only valid with a vmac")
		i.VMACXmitBase = false
	}
	if found && !link.Multicast && !i.Unicast {
		c.tell("interface", "interface %s does not support multicast, specify unicast peers - disabling", i.Interface)
		i.Fault = true
	}
	if i.Family == IPv6 && !i.Unicast && len(i.Addresses) > 0 && !i.Addresses[0].Addr().IsLinkLocalUnicast() {
		if i.Strict {
			c.tell("virtual_ipaddress", "the first IPv6 VIP address must be link local")
		} else {
			c.say(text.KindNote, i.at("virtual_ipaddress"), "(%s) the first IPv6 VIP address should be link local", i.Name)
		}
	}
	if i.VRF != "" && (i.Interface != "" || !i.Unicast) {
		with := " unicast"
		if i.Interface != "" {
			with = "out interface"
		}
		c.tell("vrf", "vrf can only be specified with%s - clearing", with)
		i.VRF = ""
	}
	c.limitAddresses(link.MTU)
	switch {
	case i.Unicast && i.MulticastGroup.IsValid():
		c.tell("mcast_dst_ip", "multicast destination specified with unicast - ignoring")
		i.MulticastGroup = netip.Addr{}
	case !i.Unicast && !i.MulticastGroup.IsValid():
		i.MulticastGroup = c.cfg.Global.MulticastGroup4
		if i.Family == IPv6 {
			i.MulticastGroup = c.cfg.Global.MulticastGroup6
		}
	}
}

// limitAddresses moves the addresses that do not fit into an advert to the excluded ones.
func (c completion) limitAddresses(mtu int) {
	i := c.i
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
	c.tell("virtual_ipaddress", "Number of VIPs (%d) exceeds maximum/space available in packet (max %d addresses) - excess moved to eVIPs",
		len(i.Addresses), fit)
	i.ExcludedAddresses = append(i.ExcludedAddresses, i.Addresses[fit:]...)
	i.Addresses = i.Addresses[:fit:fit]
}
