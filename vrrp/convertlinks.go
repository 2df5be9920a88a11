package vrrp

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"tandem/keepalivedconf"
	"tandem/vrrp/netif"
)

// linkNames finds names for the interfaces that are made for instances, as keepalived does.
type linkNames struct {
	taken map[string]bool
	g     *keepalivedconf.Global
}

func newLinkNames(k *keepalivedconf.Config) *linkNames {
	n := &linkNames{taken: map[string]bool{}, g: &k.Global}
	for _, i := range k.Instances {
		if i.VMAC != nil {
			n.taken[i.VMAC.Name] = true
		}
		if i.IPVLAN != nil {
			n.taken[i.IPVLAN.Name] = true
		}
	}
	return n
}

// given returns the name, or one that is found if there is none.
func (n *linkNames) given(name string, vrid uint8, ipv6 bool) string {
	if name != "" {
		return name
	}
	return n.next("", vrid, ipv6)
}

// longestName is the longest name of an interface.
const longestName = 15

// next returns PREFIX.VRID, or PREFIX with a number where that is taken: for IPv6 6 comes first.
func (n *linkNames) next(prefix string, vrid uint8, ipv6 bool) string {
	prefix = cmp.Or(prefix, n.g.VMACPrefix, "vrrp")
	for number := 0; ; number++ {
		infix := ""
		switch {
		case number == 0:
		case !ipv6:
			infix = fmt.Sprint(number)
		case number == 1:
			infix = "6"
		case number-1 < 6:
			infix = fmt.Sprint(number - 1)
		default:
			infix = fmt.Sprint(number)
		}
		suffix := fmt.Sprintf("%s.%d", infix, vrid)
		name := prefix[:min(len(prefix), longestName-len(suffix))] + suffix
		if !n.taken[name] {
			n.taken[name] = true
			return name
		}
	}
}

// convertLinks takes over use_vmac and its like: which interfaces are made, and where adverts and addresses go.
func convertLinks(i *keepalivedconf.Instance, ic *InstanceConfig, names *linkNames) {
	v6 := i.Family == keepalivedconf.IPv6
	switch {
	case i.VMAC != nil:
		v := netif.VMAC{Name: names.given(i.VMAC.Name, i.VRID, v6), Base: i.Interface, Hardware: hardware(i, v6), IPv6: v6, Group: i.VMAC.Group, Notify: i.VMAC.NetlinkNotify}
		ic.VMACs = append(ic.VMACs, v)
		if !i.VMACXmitBase {
			ic.AdvertInterface = v.Name
		}
	case i.IPVLAN != nil:
		v := netif.VMAC{Name: names.given(i.IPVLAN.Name, i.VRID, v6), Base: i.Interface, Mode: i.IPVLAN.Mode, Group: i.IPVLAN.Group, Address: i.IPVLAN.Addr}
		ic.VMACs = append(ic.VMACs, v)
		ic.AdvertInterface = v.Name
	case i.VRF != "":
		ic.AdvertInterface = i.VRF
	}
	for _, a := range slices.Concat(i.Addresses, i.ExcludedAddresses) {
		if i.PromoteSecondaries && a.Family() == keepalivedconf.IPv4 {
			if device := cmp.Or(a.Device, i.Interface); !slices.Contains(ic.Promote, device) {
				ic.Promote = append(ic.Promote, device)
			}
		}
	}
}

// hardware is the address of the instance's macvlans.
func hardware(i *keepalivedconf.Instance, ipv6 bool) []byte {
	if i.VMAC != nil && i.VMAC.MAC != nil {
		return i.VMAC.MAC
	}
	return netif.VirtualMAC(ipv6, i.VRID)
}

// device returns the interface that a virtual address goes on: the instance's VMAC, if it is of the same family and on
// the same base; one that is made for it, with use_vmac or use_vmac_addr; or the one it names.
func (ic *InstanceConfig) device(i *keepalivedconf.Instance, a keepalivedconf.Address, names *linkNames) string {
	base := cmp.Or(a.Device, i.Interface, names.g.DefaultInterface)
	own := base == i.Interface && a.Family() == i.Family
	switch {
	case own && i.VMAC != nil:
		return ic.VMACs[0].Name
	case !a.UseVMAC && (!i.VMACAddresses || own):
		return base
	}
	v6 := a.Family() == keepalivedconf.IPv6
	v := netif.VMAC{Base: base, Hardware: hardware(i, v6), IPv6: v6}
	for _, there := range ic.VMACs {
		if there.Base == v.Base && there.IPv6 == v6 && slices.Equal(there.Hardware, v.Hardware) {
			return there.Name
		}
	}
	v.Name = names.next(names.g.VMACAddrPrefix, i.VRID, v6)
	ic.VMACs = append(ic.VMACs, v)
	return v.Name
}

// convertNeeds takes over what no_track and track_group say. An instance is at fault when an interface is down that one of its
// addresses, routes and rules is on, or a static one of a group that names the instance.
func convertNeeds(k *keepalivedconf.Config, i *keepalivedconf.Instance, ic *InstanceConfig) {
	own := []string{i.Interface}
	for _, v := range ic.VMACs {
		own = append(own, v.Name)
	}
	need := func(tracked bool, device string) {
		if tracked && device != "" && !slices.Contains(own, device) && !slices.Contains(ic.Needs, device) {
			ic.Needs = append(ic.Needs, device)
		}
	}
	for n, a := range slices.Concat(i.Addresses, i.ExcludedAddresses) {
		need(!a.NoTrack, ic.all()[n].Interface)
		if a.NoTrack {
			ic.Untracked = append(ic.Untracked, a.Addr())
		}
	}
	for _, r := range i.Routes {
		need(!r.NoTrack, r.Device)
	}
	for _, r := range i.Rules {
		need(!r.NoTrack, r.Input)
		need(!r.NoTrack, r.Output)
	}
	for _, g := range k.StaticGroups {
		if !slices.Contains(g.Instances, i.Name) {
			continue
		}
		for _, a := range k.StaticAddresses {
			need(!a.NoTrack && a.TrackGroup == g.Name, cmp.Or(a.Device, k.Global.DefaultInterface))
		}
		for _, r := range k.StaticRoutes {
			need(!r.NoTrack && r.TrackGroup == g.Name, r.Device)
		}
		for _, r := range k.StaticRules {
			need(!r.NoTrack && r.TrackGroup == g.Name, r.Input)
		}
	}
}

// convertPaces takes over garp_group. What the interfaces of one group share is divided among them.
func convertPaces(k *keepalivedconf.Config, ic *InstanceConfig) {
	paces := map[string]Pace{}
	for _, g := range k.GARPGroups {
		share := time.Duration(1)
		if g.Aggregate {
			share = time.Duration(len(g.Interfaces))
		}
		for _, name := range g.Interfaces {
			paces[name] = Pace{cmp.Or(g.GARPInterval*share, ic.Pace.GARP), cmp.Or(g.NAInterval*share, ic.Pace.NA)}
		}
	}
	for _, v := range ic.VMACs {
		if p, ok := paces[v.Base]; ok {
			paces[v.Name] = p
		}
	}
	if len(paces) > 0 {
		ic.Paces = paces
	}
}
