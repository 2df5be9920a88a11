package keepalivedconf

import (
	"strings"

	"tandem/keepalivedconf/text"
)

// advise looks for what is valid and most likely not meant: each finding says what happens and what to do. It sees the
// effective values, and only this node: nothing is said that depends on what the other nodes have.
func (b *builder) advise() {
	for _, i := range b.cfg.Instances {
		b.adviseElection(i)
		b.adviseTracking(i)
		b.adviseReach(i)
	}
	b.adviseScripts()
	b.adviseTraps()
}

// advice reports a finding with its remedy.
func (b *builder) advice(pos Pos, remedy, format string, args ...any) {
	b.say(text.KindAdvice, pos, format, args...)
	b.hint("%s", remedy)
}

func (b *builder) adviseElection(i *Instance) {
	if i.Owner() {
		if _, given := i.At["priority"]; given {
			b.advice(i.at("priority"), "give the first node e.g. 150 and the others less, unless the VIP is this node's own address",
				"(%s) priority 255 means that this node owns the VIP: trackers cannot lower it, and with a second node of priority 255 both claim the VIP", i.Name)
		} else if i.raw.state == StateMaster {
			b.advice(i.at("state"), "write the priority out, e.g. `priority 150` here and less on the other nodes",
				"(%s) state MASTER without a priority means priority 255: this node owns the VIP, trackers cannot lower it", i.Name)
		}
	}
}

func (b *builder) adviseTracking(i *Instance) {
	weighted := func(kind string, pos Pos, name string, weight int, reverse bool) {
		if weight == 0 {
			return
		}
		raises := weight > 0 != reverse
		switch {
		case !i.Preempt:
			b.advice(pos, "use weight 0, so that a failure is FAULT and the VIP moves, or remove nopreempt on every node",
				"(%s) %s %s with weight %d cannot move the VIP: with nopreempt a node of higher priority does not take over from a living master", i.Name, kind, name, weight)
		case raises && i.Priority >= 254:
			b.advice(pos, "choose a priority that leaves room: priority and weights together may not pass 254",
				"(%s) %s %s with weight %d changes nothing: priority %d is at its upper limit already", i.Name, kind, name, weight, i.Priority)
		case !raises && i.Priority <= 1:
			b.advice(pos, "choose a priority that leaves room: priority and weights together may not fall below 1",
				"(%s) %s %s with weight %d changes nothing: priority %d is at its lower limit already", i.Name, kind, name, weight, i.Priority)
		}
	}
	for _, t := range i.TrackScripts {
		weighted("track_script", t.Pos, t.Name, t.Weight, t.Reverse)
	}
	for _, t := range i.TrackProcesses {
		weighted("track_process", t.Pos, t.Name, t.Weight, t.Reverse)
	}
	for _, t := range i.TrackInterfaces {
		weighted("track_interface", t.Pos, t.Name, t.Weight, t.Reverse)
	}
	for _, t := range i.TrackFiles {
		if t.Weight != 0 && !i.Preempt {
			weighted("track_file", t.Pos, t.Name, t.Weight, t.Reverse)
		}
	}
}

// adviseReach is about VIPs that would not answer, and adverts that would not arrive.
func (b *builder) adviseReach(i *Instance) {
	if !i.Accept && !i.Owner() && i.Strict && or(i.raw.accept, true) && len(i.Addresses) > 0 {
		pos, found := b.cfg.Global.At["vrrp_strict"]
		if p, own := i.At["strict_mode"]; own || !found {
			pos = p
		}
		remedy := "remove vrrp_strict, or write `accept` in the instance"
		if i.Version == 2 {
			remedy = "remove vrrp_strict, or use version 3 and write `accept` in the instance"
		}
		b.advice(pos, remedy, "(%s) in strict mode packets to %s are dropped: the VIP answers neither HTTP nor ping", i.Name, i.VIP())
	}
	if !or(i.raw.accept, true) && !i.Owner() && len(i.Addresses) > 0 {
		b.advice(i.at("no_accept"), "remove no_accept, unless the machine only forwards what is for the VIP",
			"(%s) with no_accept packets to %s are dropped: the VIP answers neither HTTP nor ping", i.Name, i.VIP())
	}
	for _, p := range i.Peers {
		if p.Addr == i.SourceAddress {
			b.advice(p.Pos, "list only the other nodes", "(%s) unicast_peer %s is this node's own unicast_src_ip", i.Name, p.Addr)
		}
	}
	for _, a := range i.Addresses {
		if a.Addr() == i.SourceAddress {
			b.advice(a.Pos, "use an address of the interface that stays as the source of adverts",
				"(%s) the VIP %s is also the source of the adverts, and is there only while this node is master", i.Name, a.Addr())
		}
	}
}

// shellWords are what only a shell understands.
var shellWords = map[string]bool{"|": true, "||": true, "&&": true, "&": true, ">": true, ">>": true, "<": true, "2>": true, "2>&1": true, ">/dev/null": true, "2>/dev/null": true}

func (b *builder) adviseScripts() {
	shell := func(name string, c Command) {
		if !c.Set() || strings.HasSuffix(c.Args[0], "sh") {
			return
		}
		for _, word := range c.Args[1:] {
			if shellWords[word] || strings.HasSuffix(word, ";") {
				b.advice(c.Pos, "put the line in a file of its own, or write: sh -c '...'",
					"%s is run without a shell: %s gets the word '%s' as an argument", name, c.Args[0], word)
				return
			}
		}
	}
	for _, s := range b.cfg.Scripts {
		shell("vrrp_script "+s.Name, s.Command)
		if s.Timeout > s.Interval {
			b.advice(s.Pos, "make timeout at most as long as interval",
				"vrrp_script %s may take %v and is due every %v: while it hangs, the next runs are skipped", s.Name, s.Timeout, s.Interval)
		}
	}
	for _, i := range b.cfg.Instances {
		n := i.Notify
		for _, c := range []Command{n.Master, n.Backup, n.Fault, n.Stop, n.Deleted, n.MasterRxLower, n.Any} {
			shell("the notify script of "+i.Name, c)
		}
	}
}

// adviseTraps looks whether SNMP traps are sent at all.
func (b *builder) adviseTraps() {
	g := &b.cfg.Global
	if !g.SNMPTraps {
		return
	}
	pos := g.At["enable_traps"]
	if len(g.TrapReceivers) == 0 {
		b.advice(pos, "add \"@tandem snmp_trap_receiver HOST [COMMUNITY]\" to global_defs",
			"enable_traps: there is no SNMP agent that knows whom to send traps to, and none are sent")
	}
	if !g.SNMPVRRP && !g.SNMPRFCv2 && !g.SNMPRFCv3 {
		b.advice(pos, "add enable_snmp_vrrp, enable_snmp_rfcv2 or enable_snmp_rfcv3 to global_defs",
			"enable_traps: no MIB is enabled, so that there are no traps to be sent")
	}
}
