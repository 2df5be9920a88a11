package keepalivedconf

import (
	"time"

	"tandem/keepalivedconf/text"
)

// rootRows is what may stand at the top of the file.
var rootRows = newRows(
	row[Config]{name: "global_defs", block: text.Keywords, sub: globalRows, global: true, set: func(b *builder, c *Config, s *Statement) {
		for _, line := range s.Body {
			if _, seen := c.Global.At[line.Name()]; !seen {
				c.Global.At[line.Name()] = line.Pos
			}
		}
		globalRows.walk(b, &c.Global, s.Body, nil)
	}},
	row[Config]{name: "linkbeat_use_polling", global: true, set: func(b *builder, c *Config, s *Statement) {
		c.Global.LinkbeatPolling = true
	}},
	row[Config]{name: "net_namespace", global: true, set: func(b *builder, c *Config, s *Statement) {
		switch {
		case s.Args() == 0:
			b.err(s, "net_namespace name missing - ignoring")
		case c.Global.NetNamespace != "":
			b.err(s, "Duplicate net_namespace definition %s - ignoring", s.Arg(1))
		default:
			c.Global.NetNamespace, c.Global.NetNamespacePos, c.Global.UsePIDDir = s.Arg(1), s.Pos, true
		}
	}},
	row[Config]{name: "net_namespace_ipvs", global: true},
	row[Config]{name: "namespace_with_ipsets", global: true},
	row[Config]{name: "use_pid_dir", global: true, set: func(b *builder, c *Config, s *Statement) { c.Global.UsePIDDir = true }},
	row[Config]{name: "instance", global: true, set: func(b *builder, c *Config, s *Statement) {
		switch {
		case s.Args() == 0:
			b.err(s, "instance name missing - ignoring")
		case c.Global.Instance != "":
			b.err(s, "Duplicate instance definition %s - ignoring", s.Arg(1))
		default:
			c.Global.Instance, c.Global.UsePIDDir = s.Arg(1), true
		}
	}},
	row[Config]{name: "child_wait_time", global: true, min: 1, set: func(b *builder, c *Config, s *Statement) {
		if v, ok := b.unsigned(s, s.Arg(1), 0, maxUint32); ok {
			c.Global.ChildWaitTime = time.Duration(v) * time.Second
		} else {
			b.err(s, "Invalid child_wait_time %s", s.Arg(1))
		}
	}},

	row[Config]{name: "vrrp_instance", block: text.Keywords, sub: instanceRows, set: addInstance},
	row[Config]{name: "vrrp_sync_group", block: text.Keywords, sub: groupRows, set: addGroup},
	row[Config]{name: "vrrp_script", block: text.Keywords, sub: scriptRows, min: 1, set: addScript},
	row[Config]{name: "vrrp_track_process", block: text.Keywords, sub: processRows, min: 1, set: addProcess},
	row[Config]{name: "track_file", block: text.Keywords, sub: trackFileRows, min: 1, set: addFile},
	row[Config]{name: "vrrp_track_file", block: text.Keywords, sub: trackFileRows, min: 1, set: func(b *builder, c *Config, s *Statement) {
		b.note(s, `"vrrp_track_file" is deprecated, please use "track_file"`)
		addFile(b, c, s)
	}},
	row[Config]{name: "garp_group", block: text.Keywords, sub: garpGroupRows, set: addGARPGroup},
	row[Config]{name: "track_group", block: text.Keywords, sub: staticGroupRows, set: addStaticGroup},
	row[Config]{name: "static_ipaddress", block: text.Values, set: eachValue(func(b *builder, c *Config, s *Statement) {
		if a, ok := b.parseAddress(s, true); ok {
			if a.Device == "" {
				a.Device = c.Global.DefaultInterface
			}
			c.StaticAddresses = append(c.StaticAddresses, a)
		}
	})},
	row[Config]{name: "static_routes", block: text.Values, set: eachValue(func(b *builder, c *Config, s *Statement) {
		if r, ok := b.parseRoute(s, true); ok {
			c.StaticRoutes = append(c.StaticRoutes, r)
		}
	})},
	row[Config]{name: "static_rules", block: text.Values, set: eachValue(func(b *builder, c *Config, s *Statement) {
		if r, ok := b.parseRule(s, true); ok {
			c.StaticRules = append(c.StaticRules, r)
		}
	})},
	row[Config]{name: "linkbeat_interfaces", block: text.Values, set: eachValue(addLinkbeat)},
	row[Config]{name: "interface_up_down_delays", block: text.Values, set: eachValue(addDebounce)},

	row[Config]{name: "virtual_server", min: 1, block: text.Keywords, sub: virtualServerRows, set: addVirtualServer},
	row[Config]{name: "virtual_server_group", min: 1, block: text.Values, set: addVirtualGroup},
	row[Config]{name: "SSL", block: text.Keywords, sub: clientTLSRows, set: addClientTLS},
	row[Config]{name: "bfd_instance", block: text.Keywords, sub: bfdRows, set: addBFD},
)

func addLinkbeat(b *builder, c *Config, s *Statement) {
	l := Linkbeat{Pos: s.Pos, Interface: s.Words[0]}
	if s.Args() > 0 {
		switch s.Arg(1) {
		case "MII", "ETHTOOL", "IOCTL":
			l.Type = s.Arg(1)
		}
		if l.Type == "" || s.Args() > 1 {
			b.err(s, "extra characters %s in linkbeat interface", s.Arg(1))
		}
	}
	if !b.interfaceExists(l.Interface) {
		b.say(text.KindFatal, s.Pos, "unknown interface %s specified for linkbeat interface", l.Interface)
		return
	}
	c.Linkbeats = append(c.Linkbeats, l)
}

func addDebounce(b *builder, c *Config, s *Statement) {
	d := Debounce{Pos: s.Pos, Interface: s.Words[0]}
	if !b.interfaceExists(d.Interface) {
		b.say(text.KindFatal, s.Pos, "unknown interface %s specified for up/down delay", d.Interface)
		return
	}
	if s.Args() == 0 {
		b.note(s, "No timeouts specified for %s up/down delays", d.Interface)
		return
	}
	if s.Args() > 2 {
		b.note(s, "Too many parameters for %s up/down delays", d.Interface)
	}
	var ok bool
	if d.Down, ok = b.microseconds(s, s.Arg(1), 0, 255_000_000); !ok {
		b.note(s, "Invalid down delay %s for %s", s.Arg(1), d.Interface)
		return
	}
	// keepalived(5): "If up_delay is omitted, it is set to be the same as the down delay."
	d.Up = d.Down
	if s.Args() > 1 {
		if d.Up, ok = b.microseconds(s, s.Arg(2), 0, 255_000_000); !ok {
			b.note(s, "Invalid up delay %s for %s", s.Arg(2), d.Interface)
			return
		}
	}
	c.Debounces = append(c.Debounces, d)
}
