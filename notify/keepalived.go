package notify

import (
	"tandem/keepalivedconf"
)

// FromKeepalived returns whom keepalived.conf wants to be told about VRRP.
func FromKeepalived(k *keepalivedconf.Config) Config {
	n := Config{
		Instances: map[string]Scripts{}, Groups: map[string]Scripts{},
		StatesOnReload: k.Global.FIFOStatesOnReload, Patience: k.Global.ChildWaitTime,
	}
	for _, i := range k.Instances {
		s := scriptsOf(k, &i.Notify)
		s.Priorities = i.NotifyPriorityChanges
		n.Instances[i.Name] = s
	}
	for _, g := range k.Groups {
		n.Groups[g.Name] = scriptsOf(k, &g.Notify)
	}
	for _, f := range []*keepalivedconf.FIFO{&k.Global.NotifyFIFO, &k.Global.VRRPNotifyFIFO} {
		if f.Name == "" {
			continue
		}
		n.FIFOs = append(n.FIFOs, fifoOf(k, f))
	}
	return n
}

// ForVirtualServers returns whom keepalived.conf wants to be told about virtual
// servers: FIFOs alone, scripts come with what is told. The script of a FIFO that
// VRRP writes to as well is VRRP's to run.
func ForVirtualServers(k *keepalivedconf.Config) Config {
	n := Config{Patience: k.Global.ChildWaitTime}
	for _, f := range []*keepalivedconf.FIFO{&k.Global.NotifyFIFO, &k.Global.LVS.NotifyFIFO} {
		if f.Name == "" {
			continue
		}
		one := fifoOf(k, f)
		if f == &k.Global.NotifyFIFO && len(k.Instances) > 0 {
			one.Script = nil
		}
		n.FIFOs = append(n.FIFOs, one)
	}
	return n
}

func fifoOf(k *keepalivedconf.Config, f *keepalivedconf.FIFO) FIFO {
	owner := k.RunsAs(keepalivedconf.Command{User: f.User, Group: f.Group})
	return FIFO{Name: f.Name, Owner: owner, Script: k.Program(f.Script)}
}

func scriptsOf(k *keepalivedconf.Config, n *keepalivedconf.Notify) Scripts {
	return Scripts{
		Master: k.Program(n.Master), Backup: k.Program(n.Backup), Fault: k.Program(n.Fault),
		Stop: k.Program(n.Stop), Deleted: k.Program(n.Deleted), LowerHeard: k.Program(n.MasterRxLower),
		Any: k.Program(n.Any), DeletedEvent: n.DeletedEvent,
	}
}
