package keepalivedconf

import "tandem/keepalivedconf/text"

// groupRows is what may stand in vrrp_sync_group.
var groupRows = newRows(append(trackRows(func(g *SyncGroup) (string, *Tracking) { return g.Name, &g.Tracking }),
	row[SyncGroup]{name: "group", block: text.Values, set: func(b *builder, g *SyncGroup, s *Statement) {
		if g.hasGroup {
			b.err(s, "Group list already specified for sync group %s", g.Name)
			return
		}
		g.Names = blockWords(s)
		g.hasGroup = len(g.Names) > 0
		if !g.hasGroup {
			b.err(s, "Warning - sync group %s has empty group block", g.Name)
		}
	}},
	groupNotify("notify_master", func(n *Notify) *Command { return &n.Master }),
	groupNotify("notify_backup", func(n *Notify) *Command { return &n.Backup }),
	groupNotify("notify_fault", func(n *Notify) *Command { return &n.Fault }),
	groupNotify("notify_stop", func(n *Notify) *Command { return &n.Stop }),
	groupNotify("notify", func(n *Notify) *Command { return &n.Any }),
	row[SyncGroup]{name: "smtp_alert", set: func(b *builder, g *SyncGroup, s *Statement) {
		if on, ok := b.toggle(s, "Invalid vrrp_group smtp_alert parameter %s"); ok {
			g.smtpAlert = &on
		}
	}},
	row[SyncGroup]{name: "global_tracking", set: func(b *builder, g *SyncGroup, s *Statement) {
		b.err(s, "(%s) global_tracking is deprecated. Use track_interface/script/file on the sync group", g.Name)
		g.TrackingWeight = true
	}},
	row[SyncGroup]{name: "sync_group_tracking_weight", set: func(b *builder, g *SyncGroup, s *Statement) { g.TrackingWeight = true }},
	row[SyncGroup]{name: "notify_priority_changes", set: func(b *builder, g *SyncGroup, s *Statement) {
		if on, ok := b.toggle(s, "("+escape(g.Name)+") Invalid value '%s' for sync group notify_priority_changes specified"); ok {
			g.priorityChanges = &on
		}
	}},
)...)

func groupNotify(name string, field func(*Notify) *Command) row[SyncGroup] {
	return row[SyncGroup]{name: name, quoted: true, min: 1, set: func(b *builder, g *SyncGroup, s *Statement) {
		if c := field(&g.Notify); c.Set() {
			b.err(s, "vrrp group %s: %s script already specified - ignoring %s", g.Name, name, s.Arg(1))
		} else {
			*c = b.notifyCommand(s)
		}
	}}
}

// blockWords is every word of a block of values.
func blockWords(s *Statement) []string {
	var words []string
	for _, line := range s.Body {
		words = append(words, line.Words...)
	}
	return words
}

// addGroup reads a vrrp_sync_group block.
func addGroup(b *builder, c *Config, s *Statement) {
	if s.Args() != 1 {
		b.err(s, "vrrp_sync_group must have a name - skipping")
		return
	}
	for _, g := range c.Groups {
		if g.Name == s.Arg(1) {
			b.err(s, "vrrp sync group %s already defined", s.Arg(1))
			return
		}
	}
	g := &SyncGroup{Name: s.Arg(1), Pos: s.Pos}
	groupRows.walk(b, g, s.Body, nil)
	if !g.hasGroup {
		b.say(text.KindGeneral, s.Close, "Sync group %s has no members - removing", g.Name)
		return
	}
	c.Groups = append(c.Groups, g)
}

// garpGroupRows is what may stand in garp_group.
var garpGroupRows = newRows(
	row[GARPGroup]{name: "garp_interval", min: 1, set: func(b *builder, g *GARPGroup, s *Statement) {
		d, ok := b.microseconds(s, s.Arg(1), 0, maxUint32)
		if !ok {
			b.err(s, "garp_group garp_interval '%s' invalid", s.Arg(1))
			return
		}
		g.GARPInterval, g.hasGARP = d, true
	}},
	row[GARPGroup]{name: "gna_interval", min: 1, set: func(b *builder, g *GARPGroup, s *Statement) {
		d, ok := b.microseconds(s, s.Arg(1), 0, maxUint32)
		if !ok {
			b.err(s, "garp_group gna_interval '%s' invalid", s.Arg(1))
			return
		}
		g.NAInterval, g.hasNA = d, true
	}},
	row[GARPGroup]{name: "interface", min: 1, set: func(b *builder, g *GARPGroup, s *Statement) {
		b.garpInterface(g, s, s.Arg(1))
	}},
	row[GARPGroup]{name: "interfaces", block: text.Values, set: func(b *builder, g *GARPGroup, s *Statement) {
		words := blockWords(s)
		if len(words) == 0 {
			b.err(s, "Warning - empty garp_group interfaces block")
			return
		}
		g.Aggregate = true
		for _, name := range words {
			b.garpInterface(g, s, name)
		}
	}},
)

func (b *builder) garpInterface(g *GARPGroup, s *Statement, name string) {
	if !b.interfaceExists(name) {
		b.err(s, "WARNING - interface %s specified for garp_group doesn't exist", name)
	}
	for _, other := range append(b.cfg.GARPGroups, g) {
		for _, taken := range other.Interfaces {
			if taken == name {
				b.err(s, "garp_group already specified for %s - ignoring", name)
				return
			}
		}
	}
	g.Interfaces = append(g.Interfaces, name)
}

// addGARPGroup reads a garp_group block.
func addGARPGroup(b *builder, c *Config, s *Statement) {
	g := &GARPGroup{Pos: s.Pos}
	garpGroupRows.walk(b, g, s.Body, nil)
	if !g.hasGARP && !g.hasNA {
		b.say(text.KindGeneral, s.Close, "garp group %d does not have any delay set - removing", len(c.GARPGroups))
		return
	}
	c.GARPGroups = append(c.GARPGroups, g)
}

// staticGroupRows is what may stand in track_group.
var staticGroupRows = newRows(
	row[StaticGroup]{name: "group", block: text.Values, set: func(b *builder, g *StaticGroup, s *Statement) {
		if g.hasGroup {
			b.err(s, "Group list already specified for sync group %s", g.Name)
			return
		}
		g.Instances = blockWords(s)
		g.hasGroup = len(g.Instances) > 0
		if !g.hasGroup {
			b.err(s, "Warning - track group %s has empty group block", g.Name)
		}
	}},
)

// addStaticGroup reads a track_group block.
func addStaticGroup(b *builder, c *Config, s *Statement) {
	if s.Args() != 1 {
		b.err(s, "track_group must have a name - skipping")
		return
	}
	if c.staticGroup(s.Arg(1)) != nil {
		b.err(s, "track_group %s already defined", s.Arg(1))
		return
	}
	g := &StaticGroup{Name: s.Arg(1), Pos: s.Pos}
	staticGroupRows.walk(b, g, s.Body, nil)
	if !g.hasGroup {
		b.say(text.KindGeneral, s.Close, "Static track group %s has no members - removing", g.Name)
		return
	}
	c.StaticGroups = append(c.StaticGroups, g)
}
