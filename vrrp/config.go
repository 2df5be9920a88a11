// Package vrrp speaks VRRP for one process: it runs the instances of a configuration, each decided by package fsm,
// put on the wire by package packet and on the machine by package netif.
//
// One goroutine, the loop, owns all decisions: it steps the state machines, keeps one timer, and sends the adverts.
// Nothing that can wait runs on it. Addresses and announcements are set by one worker per instance, in order; events
// are told to subscribers by one goroutine each, in order.
package vrrp

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"tandem/vrrp/fsm"
	"tandem/vrrp/netif"
	"tandem/vrrp/packet"
)

// Config is the VRRP side of a configuration.
type Config struct {
	Instances []InstanceConfig
	Groups    []GroupConfig
	// Delays are for how long changes of interfaces are let be (interface_up_down_delays).
	Delays map[string]Delay
	// Firewall is how packets are filtered that instances without accept mode drop, or that VMACs must not send.
	Firewall netif.FirewallConfig
	// Static are the addresses of static_ipaddress. The other nodes may have the same ones: adverts come from them only
	// where an interface has no other address.
	Static []netip.Addr
}

// GroupConfig is a vrrp_sync_group.
type GroupConfig struct {
	Name string
	// Members are names of instances.
	Members []string
	// TrackingWeight lets the members' priorities follow their trackers; without it weights do not count in a group
	// (sync_group_tracking_weight).
	TrackingWeight bool
}

// InstanceConfig is a vrrp_instance.
type InstanceConfig struct {
	// FSM is how the instance decides; its Name is the instance's. Source is filled in while running unless it is
	// configured.
	FSM fsm.Config
	// Packet is what its adverts look like. VRID, Version and Interval must be those of FSM.
	Packet packet.Settings

	// Interface is where the instance belongs; "" only with unicast peers.
	Interface string
	// AdvertInterface is where its adverts go and come from: a VMAC, or a VRF for an instance without Interface. "" is
	// Interface.
	AdvertInterface string
	// VMACs are made for the instance, and removed with it (use_vmac, use_ipvlan, use_vmac_addr).
	VMACs []netif.VMAC
	// Promote are interfaces on which other addresses of a prefix stay when the first one goes (promote_secondaries).
	Promote []string
	// HopLimit is the hop limit of IPv6 unicast adverts: 0 is 255, -1 the kernel's choice.
	HopLimit int
	// Addresses are the virtual addresses, in the adverts' order; Excluded those that adverts do not carry.
	Addresses, Excluded []netif.Address
	// Routes and Rules come and go with the addresses; of them the tracked ones are set again when somebody removes them.
	Routes, TrackedRoutes []netif.Route
	Rules, TrackedRules   []netif.Rule
	// Lease is the lifetime that the addresses get in the kernel; netif.Forever: none.
	Lease netif.Lease

	// Pace is the time between announcements on an interface, Paces where it is another one.
	Pace  Pace
	Paces map[string]Pace
	// ExtraAll makes interfaces extra ones that were not made for the instance, too: see fsm.Announcements.
	ExtraAll bool
	// ReceiveBuffer is the size of the socket's receive buffer in bytes; 0: netif's default.
	ReceiveBuffer int

	// Needs are further interfaces that must be up: those of addresses, routes and rules.
	Needs []string
	// Untracked are virtual addresses that may be deleted by others (no_track).
	Untracked []netip.Addr
	// IgnorePrimary leaves the state of Interface out of the causes of fault (dont_track_primary).
	IgnorePrimary bool
	// TrackSource makes the loss of a configured source address a fault (track_src_ip).
	TrackSource bool
	// TrackInterfaces are further interfaces whose state counts.
	TrackInterfaces []TrackInterface
	// AwaitHealth holds the instance at start until the first SetHealth that is good.
	AwaitHealth bool
	// Release makes failing health a cause of FAULT instead of a resignation.
	Release bool
	// Tracked are the scripts, files and processes that the instance tracks: what SetTracker told of others is forgotten
	// at a reload.
	Tracked []TrackerID
	// AwaitTrackers are trackers whose first result is waited for at start.
	AwaitTrackers []string
	// Fault is set when the configuration itself keeps the instance out, to the reason.
	Fault string
}

// Pace is the least time between two gratuitous ARPs, and between two neighbour advertisements; 0: no pause.
type Pace struct{ GARP, NA time.Duration }

// Delay is for how long an interface must be down or up until that counts.
type Delay struct{ Down, Up time.Duration }

// delay is how long a change of an interface is let be. A VMAC is as slow as its base.
func (c *Config) delay(iface string, up bool) time.Duration {
	for i := range c.Instances {
		for _, v := range c.Instances[i].VMACs {
			if v.Name == iface {
				iface = v.Base
			}
		}
	}
	if up {
		return c.Delays[iface].Up
	}
	return c.Delays[iface].Down
}

// TrackInterface is an interface whose state counts for an instance.
type TrackInterface struct {
	Name string
	// Weight: 0 makes "down" a fault; positive is added while up, negative while down.
	Weight int
	// Reverse exchanges up and down.
	Reverse bool
}

// Name is the instance's name.
func (c *InstanceConfig) Name() string { return c.FSM.Name }

// key identifies an instance across reloads: keepalived matches by these, not by name.
type key struct {
	vrid   uint8
	family packet.Family
	iface  string
	source netip.Addr
}

func (c *InstanceConfig) key() key {
	return key{c.FSM.VRID, c.Packet.Family, c.Interface, c.FSM.Source}
}

// socket is what the instance needs a socket for.
func (c *InstanceConfig) socket() netif.SocketConfig {
	return netif.SocketConfig{
		Interface:     c.advertInterface(),
		IPv6:          c.Packet.Family == packet.IPv6,
		Group:         c.Packet.Group,
		Unicast:       c.unicast(),
		AH:            c.Packet.Auth == packet.AuthAH,
		VRID:          c.FSM.VRID,
		TTL:           c.HopLimit,
		ReceiveBuffer: c.ReceiveBuffer,
	}
}

func (c *InstanceConfig) advertInterface() string { return cmp.Or(c.AdvertInterface, c.Interface) }

// protocol is the number of the IP protocol that carries the adverts.
func (c *InstanceConfig) protocol() int {
	if c.Packet.Auth == packet.AuthAH {
		return 51
	}
	return 112
}

func (c *InstanceConfig) unicast() bool { return c.Packet.Unicast || len(c.Packet.Peers) > 0 }

// virtual says whether an address is one of the instance's.
func (c *InstanceConfig) virtual(a netip.Addr) bool {
	for _, list := range [...][]netif.Address{c.Addresses, c.Excluded} {
		for _, v := range list {
			if v.Prefix.Addr() == a {
				return true
			}
		}
	}
	return false
}

// all returns the addresses and the excluded addresses.
func (c *InstanceConfig) all() []netif.Address {
	return append(append(make([]netif.Address, 0, len(c.Addresses)+len(c.Excluded)), c.Addresses...), c.Excluded...)
}

// Validate says everything that makes the configuration impossible to run.
func (c *Config) Validate() error {
	var errs []error
	names, keys := map[string]bool{}, map[key]string{}
	for i := range c.Instances {
		in := &c.Instances[i]
		if names[in.Name()] {
			errs = append(errs, fmt.Errorf("vrrp: instance %s is there twice", in.Name()))
		}
		names[in.Name()] = true
		if other, ok := keys[in.key()]; ok {
			errs = append(errs, fmt.Errorf("vrrp: instances %s and %s have the same VRID %d on %s", other, in.Name(), in.FSM.VRID, in.Interface))
		}
		keys[in.key()] = in.Name()
		if err := in.Packet.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("vrrp: instance %s: %w", in.Name(), err))
		}
		if in.FSM.VRID != in.Packet.VRID || in.FSM.Version != in.Packet.Version || in.FSM.Interval != in.Packet.Interval {
			errs = append(errs, fmt.Errorf("vrrp: instance %s: adverts and decisions differ in VRID, version or interval", in.Name()))
		}
	}
	member := map[string]string{}
	for _, g := range c.Groups {
		for _, m := range g.Members {
			if !names[m] {
				errs = append(errs, fmt.Errorf("vrrp: sync group %s: no instance %s", g.Name, m))
			}
			if other, ok := member[m]; ok {
				errs = append(errs, fmt.Errorf("vrrp: instance %s is in the sync groups %s and %s", m, other, g.Name))
			}
			member[m] = g.Name
		}
	}
	return errors.Join(errs...)
}

// groups returns the sync groups by index, and for each instance whether its trackers' weights count.
func (c *Config) groups() (groups []fsm.Group, weights []bool) {
	index := map[string]int{}
	weights = make([]bool, len(c.Instances))
	for i := range c.Instances {
		index[c.Instances[i].Name()] = i
		weights[i] = true
	}
	for _, g := range c.Groups {
		group := fsm.Group{Name: g.Name}
		for _, m := range g.Members {
			group.Members = append(group.Members, index[m])
			weights[index[m]] = g.TrackingWeight
		}
		groups = append(groups, group)
	}
	return groups, weights
}
