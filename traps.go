package main

import (
	"tandem/keepalivedconf"
	"tandem/notify/trap"
)

// traps returns which SNMP notifications are sent, and to whom.
func (c *configuration) traps() trap.Config {
	g := &c.keepalived.Global
	t := trap.Config{
		RouterID: routerID(g), Keepalived: g.SNMPVRRP, RFC2787: g.SNMPRFCv2, RFC6527: g.SNMPRFCv3, Instances: map[string]trap.Instance{},
	}
	if !g.SNMPTraps {
		return t
	}
	for _, r := range g.TrapReceivers {
		t.Receivers = append(t.Receivers, trap.Receiver{Address: r.Address, Community: r.Community})
	}
	for _, i := range c.keepalived.Instances {
		t.Instances[i.Name] = trap.Instance{
			VRID: i.VRID, Interface: i.Interface, IPv6: i.Family == keepalivedconf.IPv6, Version: i.Version,
			Master: i.State == keepalivedconf.StateMaster, DeletedEvent: i.Notify.DeletedEvent,
		}
	}
	return t
}
