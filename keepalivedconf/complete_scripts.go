package keepalivedconf

import (
	"slices"
	"strings"

	"tandem/keepalivedconf/text"
)

// scriptCheck is what is found when programs are looked at that are to be run.
type scriptCheck struct {
	b        *builder
	look     ScriptInspector
	any      bool // one of them is there to be run
	first    Pos  // where it is named
	insecure bool // others than root can change one that root runs
}

// found notes that a program is run.
func (sc *scriptCheck) found(at Pos) {
	if !sc.any {
		sc.any, sc.first = true, at
	}
}

// why says why a program cannot be run, or is "".
func (sc *scriptCheck) why(c Command) (string, scriptFacts) {
	f := sc.b.inspect(sc.look, c)
	if f.found && !f.system {
		sc.found(c.Pos)
	}
	sc.insecure = sc.insecure || f.insecure
	switch {
	case !f.found, !f.executable && !f.system:
		return c.Args[0] + " " + f.why, f
	case f.insecure && sc.b.cfg.Global.ScriptSecurity:
		return f.why, f
	}
	return "", f
}

// drop drops the notify scripts that cannot be run.
func (sc *scriptCheck) drop(owner string, list ...*Command) {
	for _, c := range list {
		if !c.Set() {
			continue
		}
		if why, _ := sc.why(*c); why != "" {
			sc.b.say(text.KindAdvice, c.Pos, "(%s) notify script %s will not be run: %s", owner, strings.Join(c.Args, " "), why)
			*c = Command{}
		}
	}
}

// unusable tells why a script that checks something cannot be run, and that it counts as failing.
func (sc *scriptCheck) unusable(c Command, what string) string {
	why, f := sc.why(c)
	switch {
	case why == "":
	case !f.found:
		sc.b.say(text.KindGeneral, c.Pos, "Disabling %s since not found/accessible", what)
		sc.b.hint("%s; the script counts as failing until it can be run", why)
	case f.insecure:
		sc.b.say(text.KindGeneral, c.Pos, "Disabling %s due to insecure", what)
		sc.b.hint("%s; the script counts as failing until it can be run", why)
	default:
		sc.b.advice(c.Pos, "make it a program with chmod +x; it counts as failing until then", "%s: %s", what, why)
	}
	return why
}

// violation tells that programs are run without enable_script_security.
func (sc *scriptCheck) violation(scripts string) {
	if !sc.any || sc.b.cfg.Global.ScriptSecurity {
		return
	}
	told := "SECURITY VIOLATION - " + scripts + " are being executed but script_security not enabled."
	if sc.insecure {
		told += " There are insecure scripts."
	}
	sc.b.add(Report{Kind: text.KindSecurity, Pos: sc.first, Text: told,
		Hint: "add enable_script_security and a script_user to global_defs, and let only root write to the scripts"})
}

// checkScripts looks at every program that VRRP is to run. A tracked script that cannot be run stays tracked and carries the
// reason in Unusable; a notify script that cannot be run is dropped.
func (b *builder) checkScripts() {
	look := b.opt.Host.Scripts()
	if look == nil || len(b.cfg.Instances) == 0 {
		return
	}
	sc := &scriptCheck{b: b, look: look}
	for _, s := range b.cfg.Scripts {
		if s.StandIn = b.standIn(s); s.StandIn != nil && s.StandIn.File == "" {
			sc.found(s.Command.Pos)
			continue // the programs that it asks need not be there
		}
		s.Unusable = sc.unusable(s.Command, "track script "+s.Name)
	}
	for _, i := range b.cfg.Instances {
		n := &i.Notify
		sc.drop(i.Name, &n.Backup, &n.Master, &n.Fault, &n.Stop, &n.Deleted, &n.Any, &n.MasterRxLower)
	}
	for _, g := range b.cfg.Groups {
		n := &g.Notify
		sc.drop(g.Name, &n.Backup, &n.Master, &n.Fault, &n.Stop, &n.Any)
	}
	g := &b.cfg.Global
	sc.drop("notify_fifo", &g.NotifyFIFO.Script)
	sc.drop("vrrp_notify_fifo", &g.VRRPNotifyFIFO.Script)
	sc.violation("scripts")
}

// checkCheckScripts does so for what virtual servers are to run.
func (b *builder) checkCheckScripts() {
	look := b.opt.Host.Scripts()
	if look == nil || len(b.cfg.VirtualServers) == 0 {
		return
	}
	sc := &scriptCheck{b: b, look: look}
	for _, v := range b.cfg.VirtualServers {
		for _, r := range v.RealServers {
			r.Checkers = slices.DeleteFunc(r.Checkers, func(c *Checker) bool {
				if c.Misc == nil {
					return false
				}
				why, f := sc.why(c.Misc.Command)
				if c.Misc.Unusable = why; why == "" {
					return false
				}
				if !f.found || f.insecure {
					reason := "since not found/accessible"
					if f.found {
						reason = "due to insecure"
					}
					b.say(text.KindNote, c.Misc.Command.Pos, "Disabling misc script %s %s", c.Misc.Command, reason)
				}
				// What counts as failed until it has succeeded stays so. Otherwise it is as if there were no such checker,
				// which must be known to whoever trusts in it.
				if c.Alpha {
					b.advice(c.Misc.Command.Pos, "mend it: until then the real server is not used", "MISC_CHECK of %s: %s", r.Name(), why)
				} else {
					b.advice(c.Misc.Command.Pos, "mend it: until then the real server is used whatever its state", "MISC_CHECK of %s: %s", r.Name(), why)
				}
				return !c.Alpha
			})
		}
	}
	for _, v := range b.cfg.VirtualServers {
		sc.drop(v.String(), &v.QuorumUp, &v.QuorumDown)
		for _, r := range v.RealServers {
			sc.drop(r.Name(), &r.Up, &r.Down)
		}
	}
	g := &b.cfg.Global
	if len(b.cfg.Instances) == 0 { // otherwise it has been looked at
		sc.drop("notify_fifo", &g.NotifyFIFO.Script)
	}
	sc.drop("lvs_notify_fifo", &g.LVS.NotifyFIFO.Script)
	sc.violation("check scripts")
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
