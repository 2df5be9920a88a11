package keepalivedconf

import "tandem/keepalivedconf/text"

// idle are the keywords of the VRRP side that are read and checked and have no effect here, each with the reason. Its
// first use is told.
var idle = map[string]string{
	// At the top of the file.
	"linkbeat_use_polling":  idleLinkbeat,
	"linkbeat_interfaces":   idleLinkbeat,
	"net_namespace_ipvs":    "virtual servers are in the network namespace of the process",
	"namespace_with_ipsets": "filters are nftables, which belong to the namespace",
	"use_pid_dir":           idlePID,
	"instance":              "`@NAME` lines go by -i; " + idlePID,

	// global_defs.
	"process_name":                  idleNames,
	"process_names":                 idleNames,
	"vrrp_process_name":             idleNames,
	"checker_process_name":          idleNames,
	"lvs_process_name":              idleNames,
	"bfd_process_name":              idleNames,
	"disable_local_igmp":            "a VMAC's IGMP goes out through its base interface",
	"log_unknown_vrids":             "packets of other virtual routers do not reach the process: the kernel drops them",
	"vrrp_rx_bufs_policy":           idleBuffers,
	"vrrp_rx_bufs_multiplier":       idleBuffers,
	"use_symlink_paths":             "scripts are run by the path that their links lead to, and every part of it is checked",
	"snmp_socket":                   "there is no SNMP agent to be asked; traps go to snmp_trap_receiver",
	"snmp_vs_stats_update_interval": idleAgent,
	"snmp_rs_stats_update_interval": idleAgent,
	"enable_dbus":                   idleDBus,
	"dbus_service_name":             idleDBus,
	"dbus_no_interface_name":        idleDBus,
	"checker_priority":              idleOne,
	"bfd_priority":                  idleOne,
	"checker_no_swap":               idleOne,
	"bfd_no_swap":                   idleOne,
	"checker_rt_priority":           idleOne,
	"bfd_rt_priority":               idleOne,
	"checker_cpu_affinity":          idleOne,
	"bfd_cpu_affinity":              idleOne,
	"vrrp_rlimit_rttime":            idleLimit,
	"vrrp_rlimit_rtime":             idleLimit,
	"checker_rlimit_rttime":         idleLimit,
	"checker_rlimit_rtime":          idleLimit,
	"bfd_rlimit_rttime":             idleLimit,
	"bfd_rlimit_rtime":              idleLimit,
	"max_auto_priority":             idleAuto,
	"min_auto_priority_delay":       idleAuto,
	"umask":                         "the process keeps the umask that it was started with",
	"random_seed":                   "nothing is random that a seed could repeat",
	"nftables_ifindex":              "filters compare the names of interfaces",
	"nftables_ipvs":                 idleMarks,
	"nftables_ipvs_priority":        idleMarks,
	"nftables_ipvs_start_fwmark":    idleMarks,
	"vrrp_iptables":                 "filters are nftables, in a table of their own, which works beside iptables",
	"vrrp_ipsets":                   "filters are nftables, and use its sets",
	"reload_check_config":           "a reload that fails leaves the old configuration in force and says why",
	"reload_time_file":              idleReload,
	"reload_repeat":                 idleReload,
	"reload_file":                   idleReload,
	"state_dump_file":               idleDump,
	"stats_dump_file":               idleDump,
	"json_dump_file":                idleDump,
	"data_use_instance":             idleDump,
	"config_save_dir":               "the configuration in force is kept in memory; tandem -T prints it",
	"tmp_config_directory":          "the configuration is read once, by one process",
	"iproute_usr_dir":               "names are looked up in /etc/iproute2 and /usr/share/iproute2",
	"iproute_etc_dir":               "names are looked up in /etc/iproute2 and /usr/share/iproute2",

	"vrrp_netlink_cmd_rcv_bufs":           idleNetlink,
	"vrrp_netlink_cmd_rcv_bufs_force":     idleNetlink,
	"vrrp_netlink_monitor_rcv_bufs":       idleNetlink,
	"vrrp_netlink_monitor_rcv_bufs_force": idleNetlink,
	"process_monitor_rcv_bufs":            "processes are looked for in /proc",
	"process_monitor_rcv_bufs_force":      "processes are looked for in /proc",
	"lvs_netlink_cmd_rcv_bufs":            idleNetlink,
	"lvs_netlink_cmd_rcv_bufs_force":      idleNetlink,
	"lvs_netlink_monitor_rcv_bufs":        idleNetlink,
	"lvs_netlink_monitor_rcv_bufs_force":  idleNetlink,

	// vrrp_instance.
	"debug": "the log says every change of state and why; keepalived does nothing with it either",
}

// Reasons that several keywords share.
const (
	idleMarks    = "each address of a virtual_server_group is a virtual server of its own in the kernel, without firewall marks"
	idleAgent    = "there is no SNMP agent to be asked"
	idleLinkbeat = "the kernel says when an interface has lost its carrier, and that counts for all of them"
	idlePID      = "the pid file is that of nginx.conf or -p"
	idleNames    = "one process does everything, and is called tandem"
	idleOne      = "one process does everything: the setting of the same name with vrrp_ applies"
	idleBuffers  = "each instance has a receive buffer of 1 MB, more than any number of adverts needs; kernel_rx_buf_size changes it"
	idleDBus     = "there is no D-Bus service; `tandem status` and the notify scripts say what it would"
	idleLimit    = "a thread with real-time priority is not limited: it only decides and sends, and waits otherwise"
	idleAuto     = "the VRRP thread has real-time priority from the start where the kernel allows it"
	idleReload   = "SIGHUP or tandem -s reload asks for a reload"
	idleDump     = "the files are /tmp/keepalived.data, /tmp/keepalived.stats and /tmp/keepalived.json"
	idleNetlink  = "each of the kernel's answers is waited for, and what was lost is found by looking again"
)

// tellIdle reports the first use of a keyword that has no effect.
func (b *builder) tellIdle(s *Statement) {
	why, is := idle[s.Name()]
	if !is || b.once["idle "+s.Name()] {
		return
	}
	b.once["idle "+s.Name()] = true
	b.say(text.KindAdvice, s.Pos, "%s has no effect: %s", s.Name(), why)
}

// idles says whether the keywords of a block are among idle's.
func idles(into any) bool {
	switch into.(type) {
	case *Config, *Global, *Instance:
		return true
	}
	return false
}
