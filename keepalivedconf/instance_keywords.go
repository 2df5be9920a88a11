package keepalivedconf

import (
	"strings"
	"time"

	"tandem/keepalivedconf/text"
)

// instanceRows is what may stand in vrrp_instance.
var instanceRows = newRows(append(append(
	tandemRows(func(i *Instance) *Tandem { return &i.Tandem }),
	trackRows(func(i *Instance) (string, *Tracking) { return i.Name, &i.Tracking })...),
	row[Instance]{name: "state", min: 1, set: setState},
	row[Instance]{name: "interface", min: 1, set: setInterface},
	row[Instance]{name: "vrf", min: 1, set: setVRF},
	row[Instance]{name: "virtual_router_id", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		if v, ok := b.unsigned(s, s.Arg(1), 1, 255); ok {
			i.VRID = uint8(v)
		} else {
			b.err(s, "(%s): VRID '%s' not valid - must be between 1 & 255", i.Name, s.Arg(1))
		}
	}},
	row[Instance]{name: "priority", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		v, ok := b.unsigned(s, s.Arg(1), 1, PriorityOwner)
		if !ok {
			b.err(s, "(%s) Priority not valid! must be between 1 & %d. Using default %d", i.Name, PriorityOwner, PriorityDefault)
			v = PriorityDefault
		}
		i.Priority = uint8(v)
	}},
	row[Instance]{name: "version", min: 1, set: setVersion},
	row[Instance]{name: "advert_int", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		if d, ok := b.microseconds(s, s.Arg(1), 10_000, 255_000_000); ok {
			i.raw.advert = d
		} else {
			b.err(s, "(%s) Advert interval (%s) not valid! Must be > 0 - ignoring", i.Name, s.Arg(1))
		}
	}},
	row[Instance]{name: "down_timer_adverts", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		b.count(s, 1, 100, &i.DownTimerAdverts, "("+escape(i.Name)+"): Invalid down_timer_adverts [1:100] '%s'")
	}},
	row[Instance]{name: "debug", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		b.count(s, 0, 4, &i.DebugLevel, "("+escape(i.Name)+") Debug value '%s' not valid; must be between 0-4")
	}},
	row[Instance]{name: "native_ipv6", set: func(b *builder, i *Instance, s *Statement) {
		if i.Family == IPv4 {
			b.err(s, "(%s) Cannot specify native_ipv6 with IPv4 addresses", i.Name)
			return
		}
		i.Family, i.Version = IPv6, 3
	}},

	// Authentication.
	row[Instance]{name: "authentication", block: text.Keywords, sub: authRows, set: func(b *builder, i *Instance, s *Statement) {
		authRows.walk(b, i, s.Body, nil)
	}},
	row[Instance]{name: "auth_hmac", block: text.Keywords, sub: hmacRows, set: setHMAC},

	// Addresses.
	row[Instance]{name: "virtual_ipaddress", block: text.Values, set: eachValue(addVIP)},
	row[Instance]{name: "virtual_ipaddress_excluded", block: text.Values, set: eachValue(addExcludedVIP)},
	instanceFlag("no_virtual_ipaddress", func(i *Instance) *bool { return &i.NoAddresses }),
	row[Instance]{name: "virtual_routes", block: text.Values, set: eachValue(func(b *builder, i *Instance, s *Statement) {
		if r, ok := b.parseRoute(s, false); ok {
			i.Routes = append(i.Routes, r)
		}
	})},
	row[Instance]{name: "virtual_rules", block: text.Values, set: eachValue(func(b *builder, i *Instance, s *Statement) {
		if r, ok := b.parseRule(s, false); ok {
			i.Rules = append(i.Rules, r)
		}
	})},
	instanceFlag("promote_secondaries", func(i *Instance) *bool { return &i.PromoteSecondaries }),

	// Where adverts go and come from.
	row[Instance]{name: "unicast_peer", block: text.Values, set: func(b *builder, i *Instance, s *Statement) {
		i.raw.unicast = true
		for _, line := range s.Body {
			b.addPeer(i, line)
		}
	}},
	row[Instance]{name: "unicast_fault_no_peer", set: func(b *builder, i *Instance, s *Statement) {
		i.raw.unicast, i.UnicastFaultNoPeer = true, true
	}},
	row[Instance]{name: "check_unicast_src", set: func(b *builder, i *Instance, s *Statement) {
		i.raw.unicast, i.CheckUnicastSource = true, true
	}},
	row[Instance]{name: "unicast_ttl", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		if v, ok := b.unsigned(s, s.Arg(1), 0, 255); ok {
			i.UnicastTTL = int(v)
		} else {
			b.err(s, "(%s): TTL '%s' not valid - must be between 0 & 255", i.Name, s.Arg(1))
		}
	}},
	row[Instance]{name: "unicast_src_ip", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		i.raw.unicast = true
		setSourceAddress(b, i, s)
	}},
	row[Instance]{name: "mcast_src_ip", min: 1, set: setSourceAddress},
	row[Instance]{name: "mcast_dst_ip", min: 1, set: setMulticastGroup},
	instanceFlag("track_src_ip", func(i *Instance) *bool { return &i.TrackSourceAddress }),
	row[Instance]{name: "old_unicast_checksum", set: func(b *builder, i *Instance, s *Statement) {
		i.raw.unicast = true
		switch {
		case s.Args() == 0:
			i.OldUnicastChecksum = ChecksumOld
		case s.Arg(1) == "never":
			i.OldUnicastChecksum = ChecksumNever
		default:
			b.err(s, "(%s) Unknown old_unicast_chksum mode %s - ignoring", i.Name, s.Arg(1))
		}
	}},
	instanceToggle("v3_checksum_as_v2", func(i *Instance) *bool { return &i.V3ChecksumAsV2 }),
	row[Instance]{name: "kernel_rx_buf_size", set: func(b *builder, i *Instance, s *Statement) {
		if s.Args() == 1 {
			if v, ok := b.unsigned(s, s.Arg(1), 0, maxUint32); ok {
				i.KernelReceiveBuffer = v
				return
			}
		}
		b.err(s, "(%s) invalid kernel_rx_buf_size specified", i.Name)
	}},

	// Election.
	row[Instance]{name: "nopreempt", set: func(b *builder, i *Instance, s *Statement) { i.Preempt = false }},
	row[Instance]{name: "preempt", set: func(b *builder, i *Instance, s *Statement) { i.Preempt = true }},
	row[Instance]{name: "preempt_delay", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		d, ok := b.microseconds(s, s.Arg(1), 0, 1_000_000_000)
		if !ok {
			b.err(s, "(%s) Preempt_delay not valid! must be between 0-%d", i.Name, 1000)
		}
		i.PreemptDelay = d
	}},
	// keepalived sets the flag for "off" too; it is not asked for there, so it is not set here.
	instanceToggle("skip_check_adv_addr", func(i *Instance) *bool { return &i.SkipCheckAdvAddr }),
	instanceChoice("strict_mode", func(i *Instance) **bool { return &i.raw.strict }),
	instanceChoice("lower_prio_no_advert", func(i *Instance) **bool { return &i.raw.lowerPrioNoAdvert }),
	instanceChoice("higher_prio_send_advert", func(i *Instance) **bool { return &i.raw.higherPrioSend }),
	instanceChoice("owner_ignore_adverts", func(i *Instance) **bool { return &i.raw.ownerIgnore }),
	row[Instance]{name: "accept", set: func(b *builder, i *Instance, s *Statement) { i.raw.accept = new(true) }},
	row[Instance]{name: "no_accept", set: func(b *builder, i *Instance, s *Statement) { i.raw.accept = new(false) }},
	row[Instance]{name: "timer_expired_backup", set: setHighestOther},
	row[Instance]{name: "thread_timer_expired", set: func(b *builder, i *Instance, s *Statement) {
		b.err(s, "(%s) thread_timer_expired - please replace with keyword 'timer_expired_backup'", i.Name)
		setHighestOther(b, i, s)
	}},

	// Gratuitous ARP.
	row[Instance]{name: "garp_master_delay", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		b.wholeSeconds(s, maxTimerSeconds, &i.GARP.Delay, "("+escape(i.Name)+"): garp_master_delay '%s' invalid - ignoring")
	}},
	row[Instance]{name: "garp_master_repeat", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		b.repeats(s, &i.GARP.Repeat, "("+escape(i.Name)+"): garp_master_repeat ")
	}},
	row[Instance]{name: "garp_master_refresh", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		if !b.wholeSeconds(s, maxUint32, &i.GARP.Refresh, "("+escape(i.Name)+"): Invalid garp_master_refresh '%s' - ignoring") {
			i.GARP.Refresh = 0
		}
	}},
	row[Instance]{name: "garp_master_refresh_repeat", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		b.repeats(s, &i.GARP.RefreshRepeat, "("+escape(i.Name)+"): garp_master_refresh_repeat ")
	}},
	row[Instance]{name: "garp_lower_prio_delay", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		var d time.Duration
		if b.wholeSeconds(s, maxTimerSeconds, &d, "("+escape(i.Name)+"): garp_lower_prio_delay '%s' invalid - ignoring") {
			i.raw.garpLowerDelay = &d
		}
	}},
	row[Instance]{name: "garp_lower_prio_repeat", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		var n int
		if b.count(s, 0, maxInt32, &n, "("+escape(i.Name)+"): Invalid garp_lower_prio_repeat '%s'") {
			i.raw.garpLowerRepeat = &n
		}
	}},
	row[Instance]{name: "garp_extra_if", min: 1, set: setGARPExtraIf},
	row[Instance]{name: "vmac_garp_intvl", min: 1, set: setGARPExtraIf},

	// Interfaces of keepalived's making.
	row[Instance]{name: "use_vmac", set: setVMAC},
	instanceFlag("use_vmac_addr", func(i *Instance) *bool { return &i.VMACAddresses }),
	instanceFlag("vmac_xmit_base", func(i *Instance) *bool { return &i.VMACXmitBase }),
	row[Instance]{name: "use_ipvlan", set: setIPVLAN},
	row[Instance]{name: "linkbeat_use_polling", set: func(b *builder, i *Instance, s *Statement) {
		i.LinkbeatPoll = true
		b.err(s, "(%s) 'linkbeat_use_polling' in vrrp instance deprecated - use linkbeat_interfaces block", i.Name)
	}},
	row[Instance]{name: "lvs_sync_daemon_interface", min: 1, set: func(b *builder, i *Instance, s *Statement) {
		b.err(s, "(%s) Specifying lvs_sync_daemon_interface against a vrrp is deprecated.", i.Name)
		b.err(s, "      %sPlease use global lvs_sync_daemon", strings.Repeat(" ", max(len(i.Name)-2, 2-len(i.Name))))
		lvs := &b.cfg.Global.LVS
		if lvs.Sync != nil {
			b.err(s, "(%s) lvs_sync_daemon_interface has already been specified as %s - ignoring", i.Name, lvs.Sync.Interface)
		} else {
			lvs.Sync = &SyncDaemon{Pos: s.Pos, Interface: s.Arg(1), Instance: i.Name, ID: unset}
		}
	}},

	// Tracking.
	row[Instance]{name: "dont_track_primary", set: func(b *builder, i *Instance, s *Statement) { i.TrackPrimary = false }},

	// Events.
	instanceNotify("notify_master", func(n *Notify) *Command { return &n.Master }),
	instanceNotify("notify_backup", func(n *Notify) *Command { return &n.Backup }),
	instanceNotify("notify_fault", func(n *Notify) *Command { return &n.Fault }),
	instanceNotify("notify_stop", func(n *Notify) *Command { return &n.Stop }),
	instanceNotify("notify_master_rx_lower_pri", func(n *Notify) *Command { return &n.MasterRxLower }),
	instanceNotify("notify", func(n *Notify) *Command { return &n.Any }),
	row[Instance]{name: "notify_deleted", quoted: true, set: func(b *builder, i *Instance, s *Statement) {
		if i.Notify.DeletedEvent {
			b.err(s, "(%s) notify_deleted already specified - ignoring %s", i.Name, s.Arg(1))
			return
		}
		i.Notify.DeletedEvent = true
		if s.Args() > 0 {
			i.Notify.Deleted = b.notifyCommand(s)
		}
	}},
	row[Instance]{name: "smtp_alert", set: func(b *builder, i *Instance, s *Statement) {
		if on, ok := b.toggle(s, "Invalid vrrp_instance smtp_alert parameter %s"); ok {
			i.raw.smtpAlert = &on
		}
	}},
	row[Instance]{name: "notify_priority_changes", set: func(b *builder, i *Instance, s *Statement) {
		if on, ok := b.toggle(s, "("+escape(i.Name)+") Invalid value '%s' for notify_priority_changes specified"); ok {
			i.raw.priorityChanges = &on
		}
	}},
)...)
