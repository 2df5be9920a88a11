package vrrp

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"tandem/vrrp/packet"
)

// Release does for a process that died what it could not do itself: it removes the virtual addresses, routes, rules and
// interfaces of the configuration from the machine, and says good-bye with priority 0 for the instances that held any, so that the
// backups need not wait for the master-down time. It must not run beside a router of the same configuration. It goes
// on after an error; released are the addresses that were removed.
func Release(c Config, k Kernel) (released []netip.Prefix, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	var errs []error
	for i := range c.Instances {
		in := &c.Instances[i]
		holds, err := k.Hold(c.Firewall)
		defer func() { _ = holds.Ear.Close() }()
		if err != nil {
			errs = append(errs, fmt.Errorf("vrrp: removing the packet filter: %w", err))
		}
		if err := holds.Routes.Cleanup(in.Routes, in.Rules); err != nil {
			errs = append(errs, fmt.Errorf("vrrp: instance %s: removing leftover routes: %w", in.Name(), err))
		}
		removed, _, err := holds.Addresses.Cleanup(in.all())
		for _, a := range removed {
			released = append(released, a.Prefix)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("vrrp: instance %s: removing leftovers: %w", in.Name(), err))
		}
		// Without any it was not master, or its lease has ended: the backups know.
		if len(removed) > 0 {
			if err := sayGoodBye(&c, in, k); err != nil {
				errs = append(errs, fmt.Errorf("vrrp: instance %s: sending priority 0: %w", in.Name(), err))
			}
		}
		if err := holds.Links.Cleanup(in.VMACs); err != nil {
			errs = append(errs, fmt.Errorf("vrrp: instance %s: removing leftover interfaces: %w", in.Name(), err))
		}
	}
	return released, errors.Join(errs...)
}

// sayGoodBye sends one advert of an instance with priority 0.
func sayGoodBye(all *Config, c *InstanceConfig, k Kernel) error {
	codec, err := packet.NewCodec(c.Packet)
	if err != nil {
		return err
	}
	in := instance{config: *c, codec: codec}
	own := c.FSM
	in.fsm = &own
	if !own.Source.IsValid() {
		iface, err := k.Interface(c.Interface)
		if err != nil {
			return err
		}
		if own.Source, _ = all.source(iface, c.Packet.Family); !own.Source.IsValid() {
			return errNoSource
		}
	}
	if in.conn, err = k.OpenSocket(c.socket()); err != nil {
		return err
	}
	defer func() { _ = in.conn.Close() }() // nothing is lost with it
	return in.send(packet.PriorityStop, time.Now())
}
