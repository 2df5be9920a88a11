package trap

import (
	"tandem/keepalivedconf"
)

// FromKeepalived returns which SNMP notifications are sent, and to whom.
func FromKeepalived(k *keepalivedconf.Config) Config {
	g := &k.Global
	t := Config{
		RouterID: g.Name(), Keepalived: g.SNMPVRRP, Checkers: g.SNMPChecker, RFC2787: g.SNMPRFCv2, RFC6527: g.SNMPRFCv3, Instances: map[string]Instance{},
	}
	if !g.SNMPTraps {
		return t
	}
	for _, r := range g.TrapReceivers {
		t.Receivers = append(t.Receivers, Receiver{Address: r.Address, Community: r.Community})
	}
	for _, i := range k.Instances {
		t.Instances[i.Name] = Instance{
			VRID: i.VRID, Interface: i.Interface, IPv6: i.Family == keepalivedconf.IPv6, Version: i.Version,
			Master: i.State == keepalivedconf.StateMaster, DeletedEvent: i.Notify.DeletedEvent,
		}
	}
	return t
}
