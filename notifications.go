package main

import (
	"tandem/internal/child"
	"tandem/keepalivedconf"
	"tandem/notify"
)

// notifications returns whom the configuration wants to be told about VRRP.
func (c *configuration) notifications() notify.Config {
	k := c.keepalived
	n := notify.Config{
		Instances: map[string]notify.Scripts{}, Groups: map[string]notify.Scripts{},
		StatesOnReload: k.Global.FIFOStatesOnReload, Patience: k.Global.ChildWaitTime,
	}
	for _, i := range k.Instances {
		s := c.notifyScripts(&i.Notify)
		s.Priorities = i.NotifyPriorityChanges
		n.Instances[i.Name] = s
	}
	for _, g := range k.Groups {
		n.Groups[g.Name] = c.notifyScripts(&g.Notify)
	}
	for _, f := range []*keepalivedconf.FIFO{&k.Global.NotifyFIFO, &k.Global.VRRPNotifyFIFO} {
		if f.Name == "" {
			continue
		}
		owner := c.command(keepalivedconf.Command{User: f.User, Group: f.Group}).Account
		n.FIFOs = append(n.FIFOs, notify.FIFO{Name: f.Name, Owner: owner, Script: c.optionalCommand(f.Script)})
	}
	return n
}

func (c *configuration) notifyScripts(n *keepalivedconf.Notify) notify.Scripts {
	return notify.Scripts{
		Master: c.optionalCommand(n.Master), Backup: c.optionalCommand(n.Backup), Fault: c.optionalCommand(n.Fault),
		Stop: c.optionalCommand(n.Stop), Deleted: c.optionalCommand(n.Deleted), LowerHeard: c.optionalCommand(n.MasterRxLower),
		Any: c.optionalCommand(n.Any), DeletedEvent: n.DeletedEvent,
	}
}

// optionalCommand is command for one that need not be there.
func (c *configuration) optionalCommand(k keepalivedconf.Command) *child.Command {
	if !k.Set() {
		return nil
	}
	return c.command(k)
}
