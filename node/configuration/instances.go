package configuration

import (
	"net/netip"
	"strings"

	"tandem/internal/listen"
	"tandem/keepalivedconf"
	"tandem/vrrp/peerlink"
	"tandem/vserver/table"
)

// HasInstances reports whether there is anything for VRRP to do.
func (c *Configuration) HasInstances() bool {
	return c.Keepalived != nil && len(c.Keepalived.Instances) > 0
}

// HasVirtualServers reports whether there are virtual servers to run.
func (c *Configuration) HasVirtualServers() bool {
	return c.Keepalived != nil && len(c.Keepalived.VirtualServers) > 0
}

// sharePorts has sockets for all addresses of a port that a virtual server has one of
// leave it that one: as with the kernel's IPVS, it comes before any socket.
func (c *Configuration) sharePorts(ports []listen.Port) {
	if c.Keepalived == nil {
		return
	}
	shared := map[listen.Address]bool{}
	note := func(port uint16, v *keepalivedconf.VirtualServer) {
		for _, all := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
			shared[listen.Address{IP: netip.AddrPortFrom(all, port), UDP: v.Protocol == table.UDP}] = true
		}
	}
	for _, v := range c.Keepalived.VirtualServers {
		note(v.Address.Port(), v)
		if v.Group != nil {
			for _, r := range v.Group.Ranges {
				note(r.Port, v)
			}
		}
	}
	for i := range ports {
		if shared[ports[i].Addr] {
			ports[i].Options.ReusePort = true
		}
	}
}

// IsVirtual reports whether an address is one that keepalived.conf gives to
// the pair: it may be bound while the other node holds it.
func (c *Configuration) IsVirtual(ip netip.Addr) bool {
	if c.Keepalived == nil {
		return false
	}
	for _, i := range c.Keepalived.Instances {
		for _, list := range [][]keepalivedconf.Address{i.Addresses, i.ExcludedAddresses} {
			for _, a := range list {
				if a.Addr() == ip {
					return true
				}
			}
		}
	}
	return false
}

// Digest returns the parts of nginx.conf that should be alike on all nodes,
// every file by its name below the folder of the first, each with a checksum.
func (c *Configuration) Digest() map[string]string {
	d := map[string]string{}
	dir := c.Source.Nginx[:strings.LastIndexByte(c.Source.Nginx, '/')+1]
	for _, f := range c.Tree.Files {
		d[strings.TrimPrefix(f.Name, dir)] = peerlink.Checksum(f.Data)
	}
	return d
}
