package keepalivedconf

import (
	"net/netip"
	"strconv"
	"strings"

	"tandem/keepalivedconf/text"
)

// validLinkName is the kernel's rule for names of interfaces.
func validLinkName(name string) bool {
	return name != "" && len(name) <= maxInterfaceName && name != "." && name != ".." && !strings.ContainsAny(name, "/:"+text.Blanks)
}

// linkName takes the name of an interface to be made, unless another instance makes one of that name.
func (b *builder) linkName(i *Instance, s *Statement, name string) bool {
	if other, taken := b.links[name]; taken {
		b.err(s, "(%s) VRRP instance %s is already using %s - ignoring name", i.Name, other, name)
		return false
	}
	b.links[name] = i.Name
	return true
}

// linkGroup reads the group of an interface to be made.
func (b *builder) linkGroup(s *Statement, word, kind string, into **uint32) {
	if group, ok := b.find(groupNames, word); ok {
		*into = &group
	} else {
		b.err(s, "%s group %s not found", kind, word)
	}
}

// setVMAC reads "use_vmac [[name] NAME] [MAC] [netlink_notify_msg] [group GROUP]".
func setVMAC(b *builder, i *Instance, s *Statement) {
	if i.VMAC == nil {
		i.VMAC = &VMAC{Pos: s.Pos}
	}
	v := i.VMAC
	for k := 1; k < len(s.Words); k++ {
		word := s.Words[k]
		switch {
		case strings.Contains(word, ":"):
			b.vmacAddress(i, s, word)
			continue
		case word == "netlink_notify_msg":
			v.NetlinkNotify = true
			continue
		case word == "group" || word == "name":
			k++
			if k == len(s.Words) {
				b.missing(s, k)
				return
			}
			if word == "group" {
				b.linkGroup(s, s.Words[k], "VMAC", &v.Group)
				continue
			}
			word = s.Words[k]
		}
		switch {
		case v.Name != "":
			b.err(s, "VMAC interface name already specified")
		case !validLinkName(word):
			b.err(s, "VMAC interface name '%s' too long or invalid characters - ignoring", word)
		case b.linkName(i, s, word):
			v.Name = word
		}
	}
}

// vmacAddress reads a MAC address of six octets, or of five, to which the VRID is added.
func (b *builder) vmacAddress(i *Instance, s *Statement, word string) {
	if i.VMAC.MAC != nil {
		b.err(s, "VMAC interface address already specified")
		return
	}
	if strings.Trim(word, "0123456789ABCDEFabcdef:") != "" {
		b.err(s, "VMAC invalid MAC address %s", word)
		return
	}
	var mac []byte
	for octet := range strings.SplitSeq(strings.TrimSuffix(word, ":"), ":") {
		v, err := strconv.ParseUint(octet, 16, 8)
		if err != nil || len(octet) > 2 || len(mac) == 6 {
			mac = nil
			break
		}
		mac = append(mac, byte(v))
	}
	switch {
	case len(mac) < 5:
		b.err(s, "VMAC invalid MAC address %s - ignored", word)
	case mac[0]&1 != 0:
		b.err(s, "VMAC MAC address is multicast %s - ignoring", word)
	case string(mac[:4]) == "\x00\x00\x5e\x00" && (mac[4] == 1 || mac[4] == 2):
		b.err(s, "VMAC MAC address not allowed to be RFC5798 address (%s) - ignoring", word)
	default:
		i.VMAC.MAC = mac
	}
}

// setIPVLAN reads "use_ipvlan [[name] NAME] [ADDRESS] [bridge|private|vepa] [group GROUP]".
func setIPVLAN(b *builder, i *Instance, s *Statement) {
	if i.IPVLAN != nil {
		b.err(s, "(%s) use_ipvlan already specified", i.Name)
		return
	}
	v := &IPVLAN{Pos: s.Pos}
	i.IPVLAN = v
	for k := 1; k < len(s.Words); k++ {
		word := s.Words[k]
		switch word {
		case "bridge", "private", "vepa":
			if v.Mode != "" {
				b.err(s, "(%s) ipvlan type already specified - ignoring '%s'", i.Name, word)
				continue
			}
			v.Mode = word
			continue
		case "group", "name":
			k++
			if k == len(s.Words) {
				b.missing(s, k)
				return
			}
			if word == "group" {
				b.linkGroup(s, s.Words[k], "ipvlan", &v.Group)
				continue
			}
			word = s.Words[k]
		default:
			if p, ok := ipvlanPrefix(word); ok {
				b.ipvlanAddress(i, s, word, p)
				continue
			}
		}
		switch {
		case v.Name != "":
			b.err(s, "(%s) IPVLAN interface already specified - ignoring '%s'", i.Name, word)
		case len(word) > maxInterfaceName:
			b.err(s, "(%s) IPVLAN interface name '%s' too long - ignoring", i.Name, word)
		case b.linkName(i, s, word):
			v.Name = word
		}
	}
	if v.Mode == "" {
		v.Mode = "bridge"
	}
}

func ipvlanPrefix(word string) (netip.Prefix, bool) {
	if a, ok := address(word); ok {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(word)
	return p, err == nil
}

func (b *builder) ipvlanAddress(i *Instance, s *Statement, word string, p netip.Prefix) {
	if i.IPVLAN.Addr.IsValid() {
		b.err(s, "(%s) ipvlan address already specified - ignoring '%s'", i.Name, word)
		return
	}
	family := familyOf(p.Addr())
	if i.Family == FamilyUnset {
		i.Family = family
	} else if i.Family != family {
		b.err(s, "(%s) ipvlan address[%s] MUST match vrrp instance family !!! Skipping...", i.Name, word)
		return
	}
	i.IPVLAN.Addr = p
	// The adverts come from this address too, unless another one was given.
	if !i.SourceAddress.IsValid() {
		i.SourceAddress = p.Addr()
	}
}
