package keepalivedconf

import (
	"time"

	"tandem/keepalivedconf/text"
)

// globalRows is what may stand in global_defs.
var globalRows = newRows(append(tandemRows(func(g *Global) *Tandem { return &g.Tandem }),
	// Who this is.
	row[Global]{name: "router_id", set: func(b *builder, g *Global, s *Statement) {
		if b.named(s, "routerid name missing - ignoring") {
			g.RouterID = s.Arg(1)
		}
	}},
	row[Global]{name: "process_name", min: 1, set: func(b *builder, g *Global, s *Statement) {
		g.ProcessName = b.processName(s)
	}},
	row[Global]{name: "process_names"},
	row[Global]{name: "vrrp_process_name", min: 1, set: checkProcessName},
	row[Global]{name: "checker_process_name", min: 1, set: checkProcessName},
	row[Global]{name: "lvs_process_name", min: 1, set: checkProcessName},
	row[Global]{name: "bfd_process_name", min: 1, set: checkProcessName},

	// Mail.
	row[Global]{name: "notification_email", block: text.Values, set: setEmails},
	row[Global]{name: "notification_email_from", set: setEmailFrom},
	row[Global]{name: "smtp_server", min: 1, set: func(b *builder, g *Global, s *Statement) {
		g.SMTPServer = s.Arg(1)
		if s.Args() > 1 {
			g.SMTPPort = s.Arg(2)
		}
	}},
	row[Global]{name: "smtp_helo_name", set: func(b *builder, g *Global, s *Statement) { g.SMTPHelo = s.Arg(1) }},
	row[Global]{name: "smtp_connect_timeout", min: 1, set: setSMTPTimeout},
	globalChoice("smtp_alert", func(g *Global) **bool { return &g.smtpAlert }),
	globalChoice("smtp_alert_vrrp", func(g *Global) **bool { return &g.smtpAlertVRRP }),
	globalChoice("smtp_alert_checker", func(g *Global) **bool { return &g.LVS.smtpAlert }),
	globalFlag("no_email_faults", func(g *Global) *bool { return &g.NoEmailFaults }),

	// The protocol.
	row[Global]{name: "vrrp_version", min: 1, set: func(b *builder, g *Global, s *Statement) {
		if v, ok := b.signedNumber(s, s.Arg(1), 2, 3); ok {
			g.Version = v
		} else {
			b.err(s, "VRRP Error: Version must be either 2 or 3")
		}
	}},
	row[Global]{name: "vrrp_mcast_group4", min: 1, set: func(b *builder, g *Global, s *Statement) {
		b.multicast(s, "IPv4", &g.MulticastGroup4)
	}},
	row[Global]{name: "vrrp_mcast_group6", min: 1, set: func(b *builder, g *Global, s *Statement) {
		b.multicast(s, "IPv6", &g.MulticastGroup6)
	}},
	row[Global]{name: "vrrp_garp_master_delay", min: 1, set: func(b *builder, g *Global, s *Statement) {
		b.wholeSeconds(s, maxTimerSeconds, &g.GARP.Delay, "vrrp_garp_master_delay '%s' invalid - ignoring")
	}},
	row[Global]{name: "vrrp_garp_master_repeat", min: 1, set: func(b *builder, g *Global, s *Statement) {
		b.repeats(s, &g.GARP.Repeat, "vrrp_garp_master_repeat ")
	}},
	row[Global]{name: "vrrp_garp_master_refresh", min: 1, set: func(b *builder, g *Global, s *Statement) {
		if !b.wholeSeconds(s, maxUint32, &g.GARP.Refresh, "Invalid vrrp_garp_master_refresh '%s' - ignoring") {
			g.GARP.Refresh = 0
		}
	}},
	row[Global]{name: "vrrp_garp_master_refresh_repeat", min: 1, set: func(b *builder, g *Global, s *Statement) {
		b.repeats(s, &g.GARP.RefreshRepeat, "vrrp_garp_master_refresh_repeat ")
	}},
	row[Global]{name: "vrrp_garp_lower_prio_delay", min: 1, set: func(b *builder, g *Global, s *Statement) {
		b.wholeSeconds(s, maxTimerSeconds, &g.GARP.LowerPrioDelay, "vrrp_garp_lower_prio_delay '%s' invalid - ignoring")
	}},
	row[Global]{name: "vrrp_garp_lower_prio_repeat", min: 1, set: func(b *builder, g *Global, s *Statement) {
		b.count(s, 0, maxInt32, &g.GARP.LowerPrioRepeat, "Invalid vrrp_garp_lower_prio_repeat '%s'")
	}},
	row[Global]{name: "vrrp_garp_interval", min: 1, set: func(b *builder, g *Global, s *Statement) {
		b.pace(s, &g.GARPInterval)
	}},
	row[Global]{name: "vrrp_gna_interval", min: 1, set: func(b *builder, g *Global, s *Statement) {
		b.pace(s, &g.NAInterval)
	}},
	row[Global]{name: "vrrp_min_garp", set: setMinGARP},
	row[Global]{name: "vrrp_garp_extra_if", min: 1, set: setGlobalGARPExtraIf},
	row[Global]{name: "vrrp_vmac_garp_intvl", min: 1, set: setGlobalGARPExtraIf},
	row[Global]{name: "vrrp_down_timer_adverts", min: 1, set: func(b *builder, g *Global, s *Statement) {
		b.count(s, 1, 100, &g.DownTimerAdverts, "Invalid vrrp_down_timer_adverts [1:100] '%s'")
	}},
	globalToggle("vrrp_lower_prio_no_advert", func(g *Global) *bool { return &g.LowerPrioNoAdvert },
		"Invalid value for vrrp_lower_prio_no_advert specified%.0s"),
	globalToggle("vrrp_higher_prio_send_advert", func(g *Global) *bool { return &g.HigherPrioSend },
		"Invalid value for vrrp_higher_prio_send_advert specified%.0s"),
	globalToggle("vrrp_owner_ignore_adverts", func(g *Global) *bool { return &g.OwnerIgnoreAdverts },
		"Invalid value 'vrrp_owner_ignore_adverts' for global %s specified"),
	globalFlag("vrrp_check_unicast_src", func(g *Global) *bool { return &g.CheckUnicastSource }),
	globalToggle("vrrp_skip_check_adv_addr", func(g *Global) *bool { return &g.SkipCheckAdvAddr },
		"Invalid value '%s' for global vrrp_check_adv_addr specified"),
	globalToggle("vrrp_strict", func(g *Global) *bool { return &g.Strict },
		"Invalid value '%s' for global vrrp_strict specified"),
	globalFlag("v3_checksum_as_v2", func(g *Global) *bool { return &g.V3ChecksumAsV2 }),
	globalFlag("log_unknown_vrids", func(g *Global) *bool { return &g.LogUnknownVRIDs }),

	// Interfaces.
	row[Global]{name: "dynamic_interfaces", set: func(b *builder, g *Global, s *Statement) {
		g.DynamicInterfaces = true
		if s.Arg(1) == "allow_if_changes" {
			g.AllowIfChanges = true
		} else if s.Args() > 0 {
			b.err(s, "Unknown dynamic_interfaces option '%s'", s.Arg(1))
		}
	}},
	row[Global]{name: "default_interface", set: func(b *builder, g *Global, s *Statement) {
		if b.named(s, "default_interface requires interface name") {
			g.DefaultInterface = s.Arg(1)
		}
	}},
	globalFlag("disable_local_igmp", func(g *Global) *bool { return &g.DisableLocalIGMP }),
	globalOnce("vmac_prefix", func(g *Global) *string { return &g.VMACPrefix },
		"vmac prefix has already been specified - ignoring %s"),
	globalOnce("vmac_addr_prefix", func(g *Global) *string { return &g.VMACAddrPrefix },
		"vmac_addr prefix has already been specified - ignoring %s"),
	row[Global]{name: "vrrp_startup_delay", min: 1, set: func(b *builder, g *Global, s *Statement) {
		b.delay(s, &g.StartupDelay)
	}},
	row[Global]{name: "vrrp_delay_after_boot", min: 1, set: func(b *builder, g *Global, s *Statement) {
		b.delay(s, &g.DelayAfterBoot)
	}},
	row[Global]{name: "vrrp_rx_bufs_policy", set: setReceivePolicy},
	row[Global]{name: "vrrp_rx_bufs_multiplier", set: func(b *builder, g *Global, s *Statement) {
		if s.Args() != 1 {
			b.err(s, "Invalid vrrp_rx_bufs_multiplier")
		} else if v, ok := b.unsigned(s, s.Arg(1), 1, maxUint32); ok {
			g.ReceiveBuffers.Multiplier = v
		} else {
			b.err(s, "Invalid vrrp_rx_bufs_multiplier %s", s.Arg(1))
		}
	}},

	// Scripts.
	row[Global]{name: "script_user", set: setScriptUser},
	globalFlag("enable_script_security", func(g *Global) *bool { return &g.ScriptSecurity }),
	globalToggle("use_symlink_paths", func(g *Global) *bool { return &g.UseSymlinkPaths },
		"Invalid value '%s' for global use_symlink_path specified"),
	globalToggle("set_supplementary_groups", func(g *Global) *bool { return &g.SupplementaryGroups },
		"Invalid set_supplementary_groups parameter %s"),
	row[Global]{name: "startup_script", quoted: true, set: func(b *builder, g *Global, s *Statement) {
		b.lifecycleScript(s, &g.StartupScript, "startup")
	}},
	row[Global]{name: "startup_script_timeout", set: func(b *builder, g *Global, s *Statement) {
		b.lifecycleTimeout(s, &g.StartupScriptTimeout, "startup")
	}},
	row[Global]{name: "shutdown_script", quoted: true, set: func(b *builder, g *Global, s *Statement) {
		b.lifecycleScript(s, &g.ShutdownScript, "shutdown")
	}},
	row[Global]{name: "shutdown_script_timeout", set: func(b *builder, g *Global, s *Statement) {
		b.lifecycleTimeout(s, &g.ShutdownScriptTimeout, "shutdown")
	}},

	// Events.
	row[Global]{name: "notify_fifo", set: func(b *builder, g *Global, s *Statement) { b.fifo(s, &g.NotifyFIFO, "") }},
	row[Global]{name: "notify_fifo_script", quoted: true, set: func(b *builder, g *Global, s *Statement) {
		b.fifoScript(s, &g.NotifyFIFO, "")
	}},
	row[Global]{name: "vrrp_notify_fifo", set: func(b *builder, g *Global, s *Statement) { b.fifo(s, &g.VRRPNotifyFIFO, "vrrp_") }},
	row[Global]{name: "vrrp_notify_fifo_script", quoted: true, set: func(b *builder, g *Global, s *Statement) {
		b.fifoScript(s, &g.VRRPNotifyFIFO, "vrrp_")
	}},
	globalToggle("vrrp_notify_priority_changes", func(g *Global) *bool { return &g.NotifyPriorityChanges },
		"Invalid value '%s' for global vrrp_notify_priority_changes specified"),
	globalFlag("fifo_write_vrrp_states_on_reload", func(g *Global) *bool { return &g.FIFOStatesOnReload }),

	// SNMP and D-Bus.
	row[Global]{name: "snmp_socket", set: setSNMPSocket},
	row[Global]{name: "snmp_trap_receiver", help: "snmp_trap_receiver HOST[:PORT] [COMMUNITY]: who gets the traps. Default port 162, default community public.", min: 1, set: addTrapReceiver},
	globalFlag("enable_traps", func(g *Global) *bool { return &g.SNMPTraps }),
	globalFlag("enable_snmp_vrrp", func(g *Global) *bool { return &g.SNMPVRRP }),
	globalFlag("enable_snmp_keepalived", func(g *Global) *bool { return &g.SNMPVRRP }),
	globalFlag("enable_snmp_checker", func(g *Global) *bool { return &g.SNMPChecker }),
	globalFlag("enable_snmp_rfcv2", func(g *Global) *bool { return &g.SNMPRFCv2 }),
	globalFlag("enable_snmp_rfcv3", func(g *Global) *bool { return &g.SNMPRFCv3 }),
	row[Global]{name: "enable_snmp_rfc", set: func(b *builder, g *Global, s *Statement) { g.SNMPRFCv2, g.SNMPRFCv3 = true, true }},
	row[Global]{name: "snmp_vs_stats_update_interval", min: 1, set: checkSNMPInterval},
	row[Global]{name: "snmp_rs_stats_update_interval", min: 1, set: checkSNMPInterval},
	globalFlag("enable_dbus", func(g *Global) *bool { return &g.DBus }),
	row[Global]{name: "dbus_service_name", set: func(b *builder, g *Global, s *Statement) {
		if b.named(s, "dbus_service_name missing - ignoring") {
			g.DBusService = s.Arg(1)
		}
	}},
	row[Global]{name: "dbus_no_interface_name", set: func(b *builder, g *Global, s *Statement) {
		if b.named(s, "dbus_no_interface_name missing - ignoring") {
			g.DBusNoIfName = s.Arg(1)
		}
	}},

	// The process.
	row[Global]{name: "vrrp_priority", set: func(b *builder, g *Global, s *Statement) { b.niceness(s, "vrrp", &g.Niceness) }},
	row[Global]{name: "checker_priority", set: func(b *builder, g *Global, s *Statement) { b.niceness(s, "checker", new(int)) }},
	row[Global]{name: "bfd_priority", set: func(b *builder, g *Global, s *Statement) { b.niceness(s, "bfd", new(int)) }},
	globalFlag("vrrp_no_swap", func(g *Global) *bool { return &g.NoSwap }),
	row[Global]{name: "checker_no_swap"},
	row[Global]{name: "bfd_no_swap"},
	row[Global]{name: "vrrp_rt_priority", set: func(b *builder, g *Global, s *Statement) { b.realtime(s, "vrrp", &g.RealtimePriority) }},
	row[Global]{name: "checker_rt_priority", set: func(b *builder, g *Global, s *Statement) { b.realtime(s, "checker", new(int)) }},
	row[Global]{name: "bfd_rt_priority", set: func(b *builder, g *Global, s *Statement) { b.realtime(s, "bfd", new(int)) }},
	row[Global]{name: "vrrp_cpu_affinity", set: func(b *builder, g *Global, s *Statement) { g.CPUAffinity = b.affinity(s, "vrrp") }},
	row[Global]{name: "checker_cpu_affinity", set: func(b *builder, g *Global, s *Statement) { b.affinity(s, "checker") }},
	row[Global]{name: "bfd_cpu_affinity", set: func(b *builder, g *Global, s *Statement) { b.affinity(s, "bfd") }},
	row[Global]{name: "vrrp_rlimit_rttime", min: 1, set: func(b *builder, g *Global, s *Statement) { b.realtimeLimit(s, "vrrp", &g.RealtimeLimit) }},
	row[Global]{name: "vrrp_rlimit_rtime", min: 1, set: func(b *builder, g *Global, s *Statement) { b.realtimeLimit(s, "vrrp", &g.RealtimeLimit) }},
	row[Global]{name: "checker_rlimit_rttime", min: 1, set: func(b *builder, g *Global, s *Statement) { b.realtimeLimit(s, "checker", new(time.Duration)) }},
	row[Global]{name: "checker_rlimit_rtime", min: 1, set: func(b *builder, g *Global, s *Statement) { b.realtimeLimit(s, "checker", new(time.Duration)) }},
	row[Global]{name: "bfd_rlimit_rttime", min: 1, set: func(b *builder, g *Global, s *Statement) { b.realtimeLimit(s, "bfd", new(time.Duration)) }},
	row[Global]{name: "bfd_rlimit_rtime", min: 1, set: func(b *builder, g *Global, s *Statement) { b.realtimeLimit(s, "bfd", new(time.Duration)) }},
	row[Global]{name: "max_auto_priority", set: func(b *builder, g *Global, s *Statement) {
		g.MaxAutoPriority = maxRealtime
		if s.Args() > 0 {
			g.MaxAutoPriority = 0
			b.signed(s, -1, maxRealtime, &g.MaxAutoPriority,
				"max_auto_priority '%s' must be in [0, 99] (or -1 to disable) - ignoring")
		}
	}},
	row[Global]{name: "min_auto_priority_delay", set: func(b *builder, g *Global, s *Statement) {
		if !b.named(s, "min_auto_priority_delay requires delay time") {
			return
		}
		var usec int
		if b.count(s, 1, 10_000_000, &usec, "min_auto_priority_delay '%s' must be in [1, 10000000] - ignoring") {
			g.MinAutoPriority = time.Duration(usec) * time.Microsecond
		}
	}},
	row[Global]{name: "umask", min: 1, set: setUmask},
	row[Global]{name: "random_seed", min: 1, set: func(b *builder, g *Global, s *Statement) {
		if v, ok := b.unsigned(s, s.Arg(1), 0, maxUint32); ok {
			g.RandomSeed = &v
		} else {
			b.err(s, "random_seed %s invalid", s.Arg(1))
		}
	}},

	// The firewall.
	row[Global]{name: "nftables", set: func(b *builder, g *Global, s *Statement) {
		if g.NFTables != "" {
			b.err(s, "nftables already specified - ignoring")
			return
		}
		g.NFTables = "keepalived"
		if s.Args() > 0 {
			g.NFTables = s.Arg(1)
		}
	}},
	row[Global]{name: "nftables_priority", min: 1, set: func(b *builder, g *Global, s *Statement) {
		if v, ok := b.integer(s, s.Arg(1), -1<<31, maxInt32); ok {
			g.NFTablesPriority = v
		} else {
			b.say(text.KindNumber, s.Pos, "invalid nftables chain priority '%s'", s.Arg(1))
		}
	}},
	globalFlag("nftables_counters", func(g *Global) *bool { return &g.NFTablesCounters }),
	globalFlag("nftables_ifindex", func(g *Global) *bool { return &g.NFTablesIfIndex }),
	row[Global]{name: "nftables_ipvs"},
	row[Global]{name: "nftables_ipvs_priority", min: 1, set: func(b *builder, g *Global, s *Statement) {
		if _, ok := b.integer(s, s.Arg(1), -1<<31, maxInt32); !ok {
			b.say(text.KindNumber, s.Pos, "invalid ipvs nftables chain priority '%s'", s.Arg(1))
		}
	}},
	row[Global]{name: "nftables_ipvs_start_fwmark", min: 1, set: func(b *builder, g *Global, s *Statement) {
		if _, ok := b.unsigned(s, s.Arg(1), 1, maxUint32); !ok {
			b.say(text.KindNumber, s.Pos, "invalid ipvs nftables start_fwmark priority '%s'", s.Arg(1))
		}
	}},
	row[Global]{name: "vrrp_iptables", set: func(b *builder, g *Global, s *Statement) {
		if g.IPTablesIn != "" {
			b.err(s, "iptables already specified - ignoring")
			return
		}
		g.IPTablesIn, g.IPTablesOut = "INPUT", "OUTPUT"
		if s.Args() > 0 {
			g.IPTablesIn, g.IPTablesOut = s.Arg(1), s.Arg(2)
		}
	}},
	row[Global]{name: "vrrp_ipsets"},

	// Reading and reloading.
	row[Global]{name: "include_check"}, // takes effect while the lines are read
	row[Global]{name: "reload_check_config", set: func(b *builder, g *Global, s *Statement) {
		g.ReloadCheckConfig = "/dev/null"
		if s.Args() > 0 {
			g.ReloadCheckConfig = s.Arg(1)
		}
	}},
	row[Global]{name: "reload_time_file", set: func(b *builder, g *Global, s *Statement) {
		if s.Args() != 1 {
			b.err(s, "reload_time_file invalid")
			return
		}
		g.ReloadTimeFile = s.Arg(1)
	}},
	globalFlag("reload_repeat", func(g *Global) *bool { return &g.ReloadRepeat }),
	row[Global]{name: "reload_file", set: func(b *builder, g *Global, s *Statement) { g.ReloadFile = s.Arg(1) }},
	row[Global]{name: "json_version", set: func(b *builder, g *Global, s *Statement) {
		if !b.named(s, "json_version requires version") {
			return
		}
		b.count(s, 1, 2, &g.JSONVersion, "Invalid JSON version%.0s")
	}},
	row[Global]{name: "config_save_dir", min: 1},
	row[Global]{name: "tmp_config_directory"},
	row[Global]{name: "data_use_instance", set: checkToggle("Invalid value '%s' for global date_use_instance specified")},
	row[Global]{name: "iproute_usr_dir"},
	row[Global]{name: "iproute_etc_dir"},
	row[Global]{name: "state_dump_file"},
	row[Global]{name: "stats_dump_file"},
	row[Global]{name: "json_dump_file"},

	// Netlink buffers: the library that tandem uses sizes its own.
	bufferSize("vrrp_netlink_cmd"),
	row[Global]{name: "vrrp_netlink_cmd_rcv_bufs_force", set: checkToggle("Invalid value '%s' for global vrrp_netlink_cmd_rcv_bufs_force specified")},
	bufferSize("vrrp_netlink_monitor"),
	row[Global]{name: "vrrp_netlink_monitor_rcv_bufs_force", set: checkToggle("Invalid value '%s' for global vrrp_netlink_monitor_rcv_bufs_force specified")},
	bufferSize("process_monitor"),
	row[Global]{name: "process_monitor_rcv_bufs_force", set: checkToggle("Invalid value '%s' for global process_monitor_rcv_bufs_force specified")},
	bufferSize("lvs_netlink_cmd"),
	row[Global]{name: "lvs_netlink_cmd_rcv_bufs_force", set: checkToggle("Invalid value '%s' for global lvs_netlink_cmd_rcv_bufs_force specified")},
	bufferSize("lvs_netlink_monitor"),
	row[Global]{name: "lvs_netlink_monitor_rcv_bufs_force", set: checkToggle("Invalid value '%s' for global lvs_netlink_monitor_rcv_bufs_force specified")},

	// IPVS and checkers.
	engineRow(func(g *Global) *Engine { return &g.LVS.Engine }),
	globalToggle("checker_log_all_failures", func(g *Global) *bool { return &g.LVS.LogAllFailures },
		"Invalid value for checker_log_all_failures specified%.0s"),
	row[Global]{name: "lvs_timeouts", set: setLVSTimeouts},
	globalFlag("lvs_flush", func(g *Global) *bool { return &g.LVS.Flush }),
	row[Global]{name: "lvs_flush_on_stop", set: setFlushOnStop},
	row[Global]{name: "lvs_flush_onstop", set: setFlushOnStop},
	row[Global]{name: "lvs_sync_daemon", set: setSyncDaemon},
	row[Global]{name: "lvs_notify_fifo", set: func(b *builder, g *Global, s *Statement) { b.fifo(s, &g.LVS.NotifyFIFO, "lvs_") }},
	row[Global]{name: "lvs_notify_fifo_script", quoted: true, set: func(b *builder, g *Global, s *Statement) {
		b.fifoScript(s, &g.LVS.NotifyFIFO, "lvs_")
	}},
	globalToggle("rs_init_notifies", func(g *Global) *bool { return &g.LVS.InitNotifies },
		"Invalid value '%s' for global rs_init_notifies specified"),
	globalToggle("no_checker_emails", func(g *Global) *bool { return &g.LVS.NoEmails },
		"Invalid value '%s' for global no_checker_emails specified"),
)...)
