package keepalivedconf

import (
	"strings"

	"tandem/keepalivedconf/text"
)

// checkScripts looks at every program that is to be run. A tracked script that cannot be run stays tracked and carries the
// reason in Unusable; a notify script that cannot be run is dropped.
func (b *builder) checkScripts() {
	look := b.opt.Host.Scripts()
	if look == nil || len(b.cfg.Instances) == 0 {
		return
	}
	secure := b.cfg.Global.ScriptSecurity
	var first Pos
	any, insecure := false, false
	check := func(c Command) string {
		f := b.inspect(look, c)
		if f.found && !f.system && !any {
			any, first = true, c.Pos
		}
		insecure = insecure || f.insecure
		switch {
		case !f.found:
			return c.Args[0] + " " + f.why
		case !f.executable && !f.system:
			return c.Args[0] + " " + f.why
		case f.insecure && secure:
			return f.why
		}
		return ""
	}
	for _, s := range b.cfg.Scripts {
		if s.StandIn = b.standIn(s); s.StandIn != nil && s.StandIn.File == "" {
			if !any {
				any, first = true, s.Command.Pos
			}
			continue // the programs that it asks need not be there
		}
		f := b.inspect(look, s.Command)
		s.Unusable = check(s.Command)
		switch {
		case s.Unusable == "":
		case !f.found:
			b.say(text.KindGeneral, s.Command.Pos, "Disabling track script %s since not found/accessible", s.Name)
			b.hint("%s; the script counts as failing until it can be run", s.Unusable)
		case f.insecure:
			b.say(text.KindGeneral, s.Command.Pos, "Disabling track script %s due to insecure", s.Name)
			b.hint("%s; the script counts as failing until it can be run", s.Unusable)
		default:
			b.advice(s.Command.Pos, "make it a program with chmod +x; it counts as failing until then", "vrrp_script %s: %s", s.Name, s.Unusable)
		}
	}
	notify := func(owner string, list ...*Command) {
		for _, c := range list {
			if !c.Set() {
				continue
			}
			if why := check(*c); why != "" {
				b.say(text.KindAdvice, c.Pos, "(%s) notify script %s will not be run: %s", owner, strings.Join(c.Args, " "), why)
				*c = Command{}
			}
		}
	}
	for _, i := range b.cfg.Instances {
		n := &i.Notify
		notify(i.Name, &n.Backup, &n.Master, &n.Fault, &n.Stop, &n.Deleted, &n.Any, &n.MasterRxLower)
	}
	for _, g := range b.cfg.Groups {
		n := &g.Notify
		notify(g.Name, &n.Backup, &n.Master, &n.Fault, &n.Stop, &n.Any)
	}
	g := &b.cfg.Global
	notify("notify_fifo", &g.NotifyFIFO.Script)
	notify("vrrp_notify_fifo", &g.VRRPNotifyFIFO.Script)
	if any && !secure {
		told := "SECURITY VIOLATION - scripts are being executed but script_security not enabled."
		if insecure {
			told += " There are insecure scripts."
		}
		b.add(Report{Kind: text.KindSecurity, Pos: first, Text: told,
			Hint: "add enable_script_security and a script_user to global_defs, and let only root write to the scripts"})
	}
}

// maxRivals bounds how many instances with one VRID each further one is compared with.
const maxRivals = 64

// checkVRIDs finds instances that would take each other's adverts for their own.
func (b *builder) checkVRIDs() {
	type space struct {
		vrid    uint8
		family  Family
		unicast bool
		on      string // the interface, of multicast
	}
	seen := map[space][]*Instance{}
	for _, j := range b.cfg.Instances {
		at := space{j.VRID, j.Family, j.Unicast, j.Interface}
		if j.Unicast {
			at.on = ""
		}
		if j.VRID == 0 {
			continue
		}
		before := seen[at]
		seen[at] = append(before, j)
		for _, i := range before[:min(len(before), maxRivals)] {
			if i.Unicast {
				if i.Interface != "" && j.Interface != "" && i.Interface != j.Interface || i.SourceAddress != j.SourceAddress {
					continue
				}
				if samePeer(i, j) {
					b.stops(j.at("virtual_router_id"), "(%s) duplicate VRID conflict with %s VRID %d", i.Name, j.Name, i.VRID)
				}
				continue
			}
			if i.MulticastGroup == j.MulticastGroup {
				b.stops(j.at("virtual_router_id"), "%s and %s both use VRID %d with %s on interface %s", i.Name, j.Name, i.VRID, i.Family, i.Interface)
				b.hint("give one of them another virtual_router_id, the same change on every node")
			}
		}
	}
}

func samePeer(i, j *Instance) bool {
	for _, p := range i.Peers {
		for _, q := range j.Peers {
			if p.Addr == q.Addr {
				return true
			}
		}
	}
	return false
}

// checkUnusedScripts finds scripts that nobody tracks: they are not run.
func (b *builder) checkUnusedScripts() {
	used := map[string]bool{}
	for _, i := range b.cfg.Instances {
		for _, t := range i.TrackScripts {
			used[t.Name] = true
		}
	}
	for _, g := range b.cfg.Groups {
		for _, t := range g.TrackScripts {
			used[t.Name] = true
		}
	}
	for _, s := range b.cfg.Scripts {
		if !used[s.Name] {
			b.advice(s.Pos, "name it in the track_script block of a vrrp_instance or vrrp_sync_group", "Warning - script %s is not used", s.Name)
		}
	}
}
