package netif

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// FirewallConfig is how the packet filter is made.
type FirewallConfig struct {
	// Table is the name of the nftables table, in the families ip and ip6; ""
	// is "tandem".
	Table string
	// Priority is that of its chains; the filters that people make have 0.
	Priority int32
	// Counters counts what the rules drop.
	Counters bool
}

// Filter drops the traffic to and from the virtual addresses of one instance
// (no_accept).
type Filter interface {
	// Set drops the packets to these addresses that the machine would take for
	// itself, those from them that it would send, and no others; neighbour
	// discovery passes. No addresses end it. What the machine forwards is not
	// touched.
	Set(addresses []Address) error
}

// Filter returns a new Filter of the Stack's firewall, in which it lasts as
// long as this process.
func (s *Stack) Filter() Filter { return &filter{s.firewall} }

// SetFirewall says how the packet filter is to be made from now on, and removes
// the table that a process has left under that name.
func (s *Stack) SetFirewall(c FirewallConfig) error { return s.firewall.configure(c) }

type filter struct{ firewall *firewall }

func (f *filter) Set(addresses []Address) error {
	f.firewall.mu.Lock()
	defer f.firewall.mu.Unlock()
	if slices.Equal(f.firewall.dropped[f], addresses) {
		return nil
	}
	if len(addresses) == 0 {
		delete(f.firewall.dropped, f)
	} else {
		f.firewall.dropped[f] = slices.Clone(addresses)
	}
	return f.firewall.apply()
}

// firewall is one nftables table in each family, written anew in one
// transaction with every change. It has up to three sorts of rules, all
// keepalived's: traffic to the addresses of no_accept is dropped; what VMACs
// would send of IGMP and MLD goes out through their base instead, because a
// switch that hears it would believe the virtual router to be here; and VMACs
// solicit no routers.
type firewall struct {
	index func(iface string) (int, error)

	mu      sync.Mutex
	socket  *nftSocket
	err     error // why there is no socket
	config  FirewallConfig
	variant int // of variants, the first one that the kernel takes
	present [2]bool
	dropped map[*filter][]Address
	vmacs   map[string]string // base interface by VMAC
}

// variants are tables that kernels of different age and make can have, the best
// one first: owned by the socket, and with duplicates of packets.
var variants = [...]struct{ owned, duplicates bool }{{true, true}, {true, false}, {false, true}, {false, false}}

// newFirewall opens the firewall of the calling thread's namespace.
func newFirewall(index func(string) (int, error)) *firewall {
	f := &firewall{index: index, dropped: map[*filter][]Address{}, vmacs: map[string]string{}, config: FirewallConfig{Priority: -1}}
	f.socket, f.err = openNFT()
	return f
}

func (f *firewall) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.socket != nil {
		f.socket.close()
		f.socket, f.err = nil, errors.New("closed")
	}
}

// configure takes up a configuration.
func (f *firewall) configure(c FirewallConfig) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c == f.config && f.present != [2]bool{} {
		return nil
	}
	err := f.clear(f.config.table())
	f.config = c
	if f.socket == nil {
		return nil // told when something is to be filtered
	}
	for _, ipv6 := range [...]bool{false, true} {
		// A table that is there is a dead process's; not to be there is usual.
		_ = f.commit([]nftMessage{{kind: unix.NFT_MSG_DELTABLE, ipv6: ipv6, attrs: []*nl.RtAttr{nftString(unix.NFTA_TABLE_NAME, c.table())}}})
	}
	return errors.Join(err, f.apply())
}

func (c *FirewallConfig) table() string { return cmp.Or(c.Table, "tandem") }

// isolate keeps what a VMAC sends by itself from its base's network.
func (f *firewall) isolate(v VMAC) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.vmacs[v.Name] = v.Base
	return f.apply()
}

// release ends isolate.
func (f *firewall) release(vmac string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.vmacs[vmac]; !ok {
		return nil
	}
	delete(f.vmacs, vmac)
	return f.apply()
}

// apply makes the tables what they are to be. Called with f.mu held.
func (f *firewall) apply() error {
	var err error
	for ; f.variant < len(variants); f.variant++ {
		changes, now := f.tables()
		if len(changes) == 0 {
			return nil
		}
		if err = f.commit(changes); err == nil {
			f.present = now
			return nil
		}
		if errors.Is(err, unix.EPERM) || f.present != [2]bool{} {
			break // nothing that another table would change
		}
	}
	if f.variant == len(variants) {
		f.variant = 0
	}
	if errors.Is(err, unix.EPERM) {
		err = fmt.Errorf("it belongs to another process, or CAP_NET_ADMIN is missing: %w", err)
	}
	return fmt.Errorf("nftables table %s: %w", f.config.table(), err)
}

func (f *firewall) commit(changes []nftMessage) error {
	if f.socket == nil {
		return f.err
	}
	return f.socket.commit(changes)
}

// clear removes the tables that are there. Called with f.mu held.
func (f *firewall) clear(table string) error {
	var changes []nftMessage
	for n, present := range f.present {
		if present {
			changes = append(changes, nftMessage{kind: unix.NFT_MSG_DELTABLE, ipv6: n == 1, attrs: []*nl.RtAttr{nftString(unix.NFTA_TABLE_NAME, table)}})
		}
	}
	if changes == nil {
		return nil
	}
	f.present = [2]bool{}
	return f.commit(changes)
}

// tables returns the changes that replace what is there, and which families
// have a table then.
func (f *firewall) tables() (changes []nftMessage, now [2]bool) {
	var drop [2][]Address
	for _, list := range f.dropped {
		for _, a := range list {
			n := 0
			if a.Prefix.Addr().Is6() {
				n = 1
			}
			drop[n] = append(drop[n], a)
		}
	}
	for n := range drop {
		t := nftTable{name: f.config.table(), ipv6: n == 1, config: f.config, duplicates: variants[f.variant].duplicates, index: f.index}
		if f.present[n] {
			t.change(unix.NFT_MSG_DELTABLE, 0, nftString(unix.NFTA_TABLE_NAME, t.name))
		}
		if now[n] = len(drop[n]) > 0 || len(f.vmacs) > 0; now[n] {
			flags := uint32(0)
			if variants[f.variant].owned {
				flags = nftTableOwner
			}
			t.change(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE, nftString(unix.NFTA_TABLE_NAME, t.name), nftNumber(unix.NFTA_TABLE_FLAGS, flags))
			t.fill(drop[n], f.vmacs)
		}
		changes = append(changes, t.changes...)
	}
	return changes, now
}

// nftTable is a table of one family being written.
type nftTable struct {
	name       string
	ipv6       bool
	config     FirewallConfig
	duplicates bool
	index      func(string) (int, error)
	changes    []nftMessage
}

func (t *nftTable) change(kind, flags uint16, attrs ...*nl.RtAttr) {
	t.changes = append(t.changes, nftMessage{kind: kind, flags: flags, ipv6: t.ipv6, attrs: attrs})
}

// The chains and the set, named as keepalived's.
const (
	nftIn, nftOut = "in", "out"
	nftVIPs       = "vips"
)

// Numbers of ICMPv6 (RFC 4861, RFC 3810) and of protocols.
const (
	icmpRouterSolicitation = 133
	icmpNeighborSolicit    = 135
	icmpNeighborAdvert     = 136
	icmpMLD2Report         = 143
	protocolIGMP           = 2
	protocolICMPv6         = 58
)

// fill writes the chains.
func (t *nftTable) fill(drop []Address, vmacs map[string]string) {
	if len(drop) > 0 {
		t.chain(nftIn, unix.NF_INET_LOCAL_IN)
	}
	t.chain(nftOut, unix.NF_INET_LOCAL_OUT)
	for _, name := range slices.Sorted(maps.Keys(vmacs)) {
		t.isolate(name, vmacs[name])
	}
	if len(drop) > 0 {
		t.drop(drop)
	}
}

func (t *nftTable) chain(name string, hook uint32) {
	t.change(unix.NFT_MSG_NEWCHAIN, unix.NLM_F_CREATE, nftString(unix.NFTA_CHAIN_TABLE, t.name), nftString(unix.NFTA_CHAIN_NAME, name),
		nftNested(unix.NFTA_CHAIN_HOOK, nftNumber(unix.NFTA_HOOK_HOOKNUM, hook), nftNumber(unix.NFTA_HOOK_PRIORITY, uint32(t.config.Priority))),
		nftNumber(unix.NFTA_CHAIN_POLICY, nfAccept), nftString(unix.NFTA_CHAIN_TYPE, "filter"))
}

// rule adds a rule of steps and a verdict.
func (t *nftTable) rule(chain string, verdict uint32, steps ...*nl.RtAttr) {
	if t.config.Counters {
		steps = append(steps, nftCounter())
	}
	t.change(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_APPEND, nftString(unix.NFTA_RULE_TABLE, t.name), nftString(unix.NFTA_RULE_CHAIN, chain),
		nftNested(unix.NFTA_RULE_EXPRESSIONS, append(steps, nftEnd(verdict))...))
}

// drop drops what comes to the addresses and what goes from them.
func (t *nftTable) drop(addresses []Address) {
	if t.ipv6 {
		// RFC 9568, 6.1: "IPv6 Neighbor Solicitations and Neighbor Advertisements MUST NOT be dropped when
		// Accept_Mode is False."
		for _, chain := range [...]string{nftIn, nftOut} {
			for _, kind := range [...]byte{icmpNeighborSolicit, icmpNeighborAdvert} {
				t.rule(chain, nfAccept, icmpv6(kind)...)
			}
		}
	}
	source, destination, length := uint32(12), uint32(16), uint32(4)
	keyType := uint32(7) // nft's number for "IPv4 address"; 8 is IPv6's
	if t.ipv6 {
		source, destination, length, keyType = 8, 24, 16, 8
	}
	var elements []*nl.RtAttr
	for _, a := range addresses {
		addr := a.Prefix.Addr()
		if addr.IsLinkLocalUnicast() && t.ipv6 {
			// Another interface may have the same address.
			t.rule(nftIn, nfDrop, nftMeta(unix.NFT_META_IIFNAME), nftEqual(ifname(a.Interface)), nftLoad(unix.NFT_PAYLOAD_NETWORK_HEADER, destination, length), nftEqual(addr.AsSlice()))
			t.rule(nftOut, nfDrop, nftMeta(unix.NFT_META_OIFNAME), nftEqual(ifname(a.Interface)), nftLoad(unix.NFT_PAYLOAD_NETWORK_HEADER, source, length), nftEqual(addr.AsSlice()))
			continue
		}
		elements = append(elements, nftElement(addr))
	}
	if elements == nil {
		return
	}
	t.change(unix.NFT_MSG_NEWSET, unix.NLM_F_CREATE, nftString(unix.NFTA_SET_TABLE, t.name), nftString(unix.NFTA_SET_NAME, nftVIPs),
		nftNumber(unix.NFTA_SET_KEY_TYPE, keyType), nftNumber(unix.NFTA_SET_KEY_LEN, length), nftNumber(unix.NFTA_SET_ID, 1))
	// The length of an attribute has 16 bits.
	for part := range slices.Chunk(elements, 1000) {
		t.change(unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE, nftString(unix.NFTA_SET_ELEM_LIST_TABLE, t.name), nftString(unix.NFTA_SET_ELEM_LIST_SET, nftVIPs),
			nftNested(unix.NFTA_SET_ELEM_LIST_ELEMENTS, part...))
	}
	t.rule(nftIn, nfDrop, nftLoad(unix.NFT_PAYLOAD_NETWORK_HEADER, destination, length), nftInSet(nftVIPs))
	t.rule(nftOut, nfDrop, nftLoad(unix.NFT_PAYLOAD_NETWORK_HEADER, source, length), nftInSet(nftVIPs))
}

// isolate sends a VMAC's membership reports through its base, or drops them
// where that cannot be, and drops its router solicitations.
func (t *nftTable) isolate(vmac, base string) {
	from := []*nl.RtAttr{nftMeta(unix.NFT_META_OIFNAME), nftEqual(ifname(vmac))}
	what := append(slices.Clone(from), nftMeta(unix.NFT_META_L4PROTO), nftEqual([]byte{protocolIGMP}))
	destination, length := uint32(16), uint32(4)
	if t.ipv6 {
		t.rule(nftOut, nfDrop, append(slices.Clone(from), icmpv6(icmpRouterSolicitation)...)...)
		what = append(slices.Clone(from), icmpv6(icmpMLD2Report)...)
		destination, length = 24, 16
	}
	if index, err := t.index(base); err == nil && t.duplicates {
		what = append(what, nftLoad(unix.NFT_PAYLOAD_NETWORK_HEADER, destination, length), nftPut(binary.NativeEndian.AppendUint32(nil, uint32(index))), nftDuplicate())
	}
	t.rule(nftOut, nfDrop, what...)
}

// icmpv6 goes on with ICMPv6 messages of one type.
func icmpv6(kind byte) []*nl.RtAttr {
	return []*nl.RtAttr{nftMeta(unix.NFT_META_L4PROTO), nftEqual([]byte{protocolICMPv6}), nftLoad(unix.NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1), nftEqual([]byte{kind})}
}

func nftElement(addr netip.Addr) *nl.RtAttr {
	return nftNested(unix.NFTA_LIST_ELEM, nftNested(unix.NFTA_SET_ELEM_KEY, nl.NewRtAttr(unix.NFTA_DATA_VALUE, addr.AsSlice())))
}

// ifname is an interface's name as the kernel compares it.
func ifname(name string) []byte {
	var b [unix.IFNAMSIZ]byte
	copy(b[:], name)
	return b[:]
}
