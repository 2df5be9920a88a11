package keepalivedconf

import (
	"slices"

	"tandem/keepalivedconf/text"
)

// tracking drops the weights that cannot apply to an instance: those of an address owner, whose priority never
// changes, and those of a member of a sync group, unless the group asks for them.
func (c completion) tracking() {
	i := c.i
	i.TrackInterfaces = slices.DeleteFunc(i.TrackInterfaces, func(t Track) bool {
		own := t.Name == i.Interface
		if own {
			c.say(text.KindGeneral, t.Pos, "(%s) Ignoring track_interface %s since own interface", i.Name, t.Name)
		}
		return own
	})
	inGroup := i.Group != nil && !i.Group.TrackingWeight
	if !inGroup && !i.Owner() {
		return
	}
	why := "address_owner"
	if inGroup {
		why = "SYNC group"
	}
	interfaces := i.TrackInterfaces[:0]
	for _, t := range i.TrackInterfaces {
		if t.Weight != 0 && inGroup {
			c.say(text.KindGeneral, t.Pos, "(%s) ignoring %s tracked interface weight due to SYNC group", i.Name, t.Name)
			t.Weight = 0
		} else if t.Weight != 0 {
			c.say(text.KindGeneral, t.Pos, "(%s) ignoring %s tracked interface due to address owner", i.Name, t.Name)
			continue
		}
		interfaces = append(interfaces, t)
	}
	i.TrackInterfaces = interfaces
	scripts := i.TrackScripts[:0]
	for _, t := range i.TrackScripts {
		if t.Weight != 0 {
			c.say(text.KindGeneral, t.Pos, "(%s) ignoring tracked script %s with weights due to %s", i.Name, t.Name, why)
			continue
		}
		scripts = append(scripts, t)
	}
	i.TrackScripts = scripts
	files := i.TrackFiles[:0]
	for _, t := range i.TrackFiles {
		if t.Weight == 1 { // the default
			c.say(text.KindGeneral, t.Pos, "(%s) ignoring weight from tracked file %s due to %s. specify weight 0", i.Name, t.Name, why)
			t.Weight = 0
		} else if t.Weight != 0 {
			c.say(text.KindGeneral, t.Pos, "(%s) ignoring tracked file %s with weight %d due to %s", i.Name, t.Name, t.Weight, why)
			continue
		}
		files = append(files, t)
	}
	i.TrackFiles = files
	i.TrackBFD = slices.DeleteFunc(i.TrackBFD, func(t Track) bool {
		if t.Weight != 0 {
			c.say(text.KindGeneral, t.Pos, "(%s) ignoring tracked bfd %s with weight %d due to %s", i.Name, t.Name, t.Weight, why)
		}
		return t.Weight != 0
	})
}

// completeGroupTracking checks the trackers of sync groups: no weights with an address owner among the members.
func (b *builder) completeGroupTracking() {
	for _, g := range b.cfg.Groups {
		owner := false
		for _, m := range g.Members {
			owner = owner || m.Owner()
		}
		clear := func(what, end string, pos Pos, name string, weight *int) {
			if owner && *weight != 0 {
				b.say(text.KindGeneral, pos, "(%s) Cannot have weighted track %s '%s' with member having priority %d - %s", g.Name, what, name, PriorityOwner, end)
				*weight = 0
			}
		}
		for n := range g.TrackScripts {
			t := &g.TrackScripts[n]
			clear("script", "clearing weight", t.Pos, t.Name, &t.Weight)
		}
		for n := range g.TrackFiles {
			t := &g.TrackFiles[n]
			clear("file", "setting weight 0", t.Pos, t.Name, &t.Weight)
		}
		for n := range g.TrackProcesses {
			t := &g.TrackProcesses[n]
			clear("process", "setting weight 0", t.Pos, t.Name, &t.Weight)
		}
		for n := range g.TrackBFD {
			t := &g.TrackBFD[n]
			clear("bfd", "setting weight 0", t.Pos, t.Name, &t.Weight)
		}
		for n := range g.TrackInterfaces {
			t := &g.TrackInterfaces[n]
			clear("interface", "clearing weight", t.Pos, t.Name, &t.Weight)
		}
		global := &b.cfg.Global
		g.SMTPAlert = or(g.smtpAlert, or(global.smtpAlertVRRP, or(global.smtpAlert, false)))
	}
}
