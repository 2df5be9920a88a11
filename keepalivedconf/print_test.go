package keepalivedconf

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// printer writes indented lines.
type printer struct {
	out    strings.Builder
	indent string
}

func (p *printer) line(format string, args ...any) {
	p.out.WriteString(p.indent)
	p.out.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " "))
	p.out.WriteByte('\n')
}

// block writes a line and, deeper, what body writes.
func (p *printer) block(head string, body func()) {
	p.line("%s", head)
	p.indent += "  "
	body()
	p.indent = p.indent[2:]
}

// flag writes name if it is on.
func (p *printer) flag(name string, on bool) {
	if on {
		p.line("%s", name)
	}
}

// text writes a setting unless it is empty.
func (p *printer) text(name, value string) {
	if value != "" {
		p.line("%s %s", name, value)
	}
}

func lifetime(d time.Duration) string {
	switch d {
	case Forever:
		return "forever"
	case 0:
		return "chosen"
	}
	return d.String()
}

// String is every effective value, one to a line, in the order of the configuration. It is for people and for tests, and no
// configuration itself.
func (c *Config) String() string {
	p := &printer{}
	p.block("global", func() { p.global(&c.Global) })
	for _, g := range c.StaticGroups {
		p.line("track group %s: %s", g.Name, strings.Join(g.Instances, " "))
	}
	for _, a := range c.StaticAddresses {
		p.line("static address %v", a)
	}
	for _, r := range c.StaticRoutes {
		p.line("static route %v", r)
	}
	for _, r := range c.StaticRules {
		p.line("static rule %v", r)
	}
	for _, g := range c.GARPGroups {
		p.line("garp group %s: garp %v na %v aggregate %v", strings.Join(g.Interfaces, " "), g.GARPInterval, g.NAInterval, g.Aggregate)
	}
	for _, d := range c.Debounces {
		p.line("interface %s: down delay %v, up delay %v", d.Interface, d.Down, d.Up)
	}
	for _, l := range c.Linkbeats {
		p.line("interface %s: linkbeat %s", l.Interface, l.Type)
	}
	for _, s := range c.Scripts {
		p.block("script "+s.Name, func() {
			p.command("run", s.Command)
			p.line("interval %v timeout %v rise %d fall %d weight %d%s", s.Interval, s.Timeout, s.Rise, s.Fall, s.Weight, reversed(s.Reverse))
			p.flag("init_fail", s.InitFail)
			p.text("unusable:", s.Unusable)
		})
	}
	for _, f := range c.TrackFiles {
		p.line("track file %s: %s weight %d%s init %v %d overwrite %v", f.Name, f.Path, f.Weight, reversed(f.Reverse), f.Init, f.InitValue, f.Overwrite)
	}
	for _, s := range c.Processes {
		p.line("track process %s: %q %q match %v full %v weight %d%s quorum %d to %d delay %v %v", s.Name, s.Path, s.Params, s.Match,
			s.FullCommand, s.Weight, reversed(s.Reverse), s.Quorum, s.QuorumMax, s.ForkDelay, s.TerminateDelay)
	}
	for _, i := range c.BFD {
		source := ""
		if i.Source.IsValid() {
			source = " from " + i.Source.String()
		}
		p.line("bfd %s: %v%s rx %v tx %v idle %v multiplier %d passive %v ttl %d hops %d multihop %v weight %d%s vrrp %v checkers %v", i.Name, i.Neighbor, source,
			i.MinRx, i.MinTx, i.IdleTx, i.Multiplier, i.Passive, i.TTL, i.MaxHops, i.Multihop, i.Weight, reversed(i.Reverse), i.VRRP, i.Checkers)
	}
	for _, g := range c.Groups {
		p.block("group "+g.Name, func() { p.group(g) })
	}
	for _, i := range c.Instances {
		p.block("instance "+i.Name, func() { p.instance(i) })
	}
	p.virtualServers(c)
	return p.out.String()
}

func reversed(on bool) string {
	if on {
		return " reverse"
	}
	return ""
}

func (p *printer) command(name string, c Command) {
	if c.Set() {
		line := name + " " + c.String()
		if c.User != "" {
			line += " as " + strings.TrimSpace(c.User+" "+c.Group)
		}
		p.line("%s", line)
	}
}

func (p *printer) garp(g GARP) {
	p.line("garp: %d at once, %d more after %v; every %v %d; after a lower advert %d and %d more after %v",
		g.Repeat, g.Repeat, g.Delay, g.Refresh, g.RefreshRepeat, g.LowerPrioRepeat, g.LowerPrioRepeat, g.LowerPrioDelay)
}

func (p *printer) global(g *Global) {
	p.text("router_id", g.RouterID)
	p.text("instance", g.Instance)
	p.text("net_namespace", g.NetNamespace)
	p.text("notification_email", strings.Join(g.Emails, " "))
	p.text("notification_email_from", g.EmailFrom)
	if g.SMTPServer != "" {
		p.line("smtp_server %s %s timeout %v", g.SMTPServer, g.SMTPPort, g.SMTPTimeout)
	}
	p.line("vrrp_version %d, %v %v", g.Version, g.MulticastGroup4, g.MulticastGroup6)
	p.garp(g.GARP)
	if g.GARPInterval != 0 || g.NAInterval != 0 {
		p.line("garp interval %v, na interval %v", g.GARPInterval, g.NAInterval)
	}
	p.flag("strict", g.Strict)
	p.flag("dynamic_interfaces", g.DynamicInterfaces)
	p.flag("enable_script_security", g.ScriptSecurity)
	p.text("script_user", strings.TrimSpace(g.ScriptUser+" "+g.ScriptGroup))
	if g.StartupDelay != 0 {
		p.line("startup delay %v", g.StartupDelay)
	}
	p.text("notify_fifo", g.NotifyFIFO.Name)
	p.text("vrrp_notify_fifo", g.VRRPNotifyFIFO.Name)
	p.lvs(g.LVS)
	p.command("startup_script", g.StartupScript)
	p.command("shutdown_script", g.ShutdownScript)
}

func (p *printer) notify(n Notify) {
	p.command("notify_master", n.Master)
	p.command("notify_backup", n.Backup)
	p.command("notify_fault", n.Fault)
	p.command("notify_stop", n.Stop)
	p.flag("notify_deleted", n.DeletedEvent)
	p.command("notify_deleted", n.Deleted)
	p.command("notify_master_rx_lower_pri", n.MasterRxLower)
	p.command("notify", n.Any)
}

func (p *printer) tracking(t *Tracking) {
	for _, block := range []struct {
		name string
		list []Track
	}{
		{"track_interface", t.TrackInterfaces},
		{"track_script", t.TrackScripts},
		{"track_file", t.TrackFiles},
		{"track_process", t.TrackProcesses},
		{"track_bfd", t.TrackBFD},
	} {
		for _, t := range block.list {
			p.line("%s %s weight %d%s", block.name, t.Name, t.Weight, reversed(t.Reverse))
		}
	}
}

func (p *printer) group(g *SyncGroup) {
	var names []string
	for _, i := range g.Members {
		names = append(names, i.Name)
	}
	p.line("members %s", strings.Join(names, " "))
	p.tracking(&g.Tracking)
	p.flag("sync_group_tracking_weight", g.TrackingWeight)
	p.flag("smtp_alert", g.SMTPAlert)
	p.notify(g.Notify)
}

func (p *printer) instance(i *Instance) {
	p.line("state %v interface %q vrid %d priority %d version %d %v", i.State, i.Interface, i.VRID, i.Priority, i.Version, i.Family)
	p.line("advert_int %v down_timer_adverts %d", i.AdvertInterval, i.DownTimerAdverts)
	p.text("vrf", i.VRF)
	if i.Auth != AuthNone {
		p.line("authentication %v", i.Auth)
	}
	if h := i.HMAC; h != nil {
		var ids []int
		for id := range h.Keys {
			ids = append(ids, int(id))
		}
		slices.Sort(ids)
		p.line("auth_hmac keys %v active %d monotonic %v window %v mode %v", ids, h.Active, h.Monotonic, h.TimeWindow, h.Mode)
	}
	if i.Unicast {
		p.line("unicast ttl %d check source %v", i.UnicastTTL, i.CheckUnicastSource)
		for _, peer := range i.Peers {
			p.line("peer %v ttl %d to %d", peer.Addr, peer.MinTTL, peer.MaxTTL)
		}
	} else {
		p.line("multicast %v", i.MulticastGroup)
	}
	if i.SourceAddress.IsValid() {
		p.line("source %v tracked %v", i.SourceAddress, i.TrackSourceAddress)
	}
	for _, a := range i.Addresses {
		p.line("address %v", a)
	}
	for _, a := range i.ExcludedAddresses {
		p.line("excluded %v", a)
	}
	for _, r := range i.Routes {
		p.line("route %v", r)
	}
	for _, r := range i.Rules {
		p.line("rule %v", r)
	}
	p.line("preempt %v delay %v accept %v strict %v", i.Preempt, i.PreemptDelay, i.Accept, i.Strict)
	p.line("lower_prio_no_advert %v higher_prio_send_advert %v skip_check_adv_addr %v", i.LowerPrioNoAdvert, i.HigherPrioSend, i.SkipCheckAdvAddr)
	p.garp(i.GARP)
	p.flag("promote_secondaries", i.PromoteSecondaries)
	p.flag("fault", i.Fault)
	if v := i.VMAC; v != nil {
		p.line("vmac %q %x xmit_base %v addresses %v", v.Name, v.MAC, i.VMACXmitBase, i.VMACAddresses)
	}
	if v := i.IPVLAN; v != nil {
		p.line("ipvlan %q %v %s", v.Name, v.Addr, v.Mode)
	}
	p.flag("dont_track_primary", !i.TrackPrimary)
	p.tracking(&i.Tracking)
	p.flag("smtp_alert", i.SMTPAlert)
	p.flag("notify_priority_changes", i.NotifyPriorityChanges)
	p.notify(i.Notify)
	p.tandem(i.Tandem)
}

func (p *printer) tandem(t Tandem) {
	s := t.Probe
	if s.Off {
		p.line("self_probe off")
	} else {
		action := "drop"
		if s.Release {
			action = "release"
		}
		p.line("self_probe %s host %q status %v every %v timeout %v fall %d rise %d on_failure %s", s.Path, s.Host, s.Status, s.Interval, s.Timeout, s.Fall, s.Rise, action)
	}
	for _, u := range s.Upstreams {
		p.line("self_probe_upstream %s", u.Name)
	}
	p.line("vip_lease %s peer_link %v %d drain_timeout %v", lifetime(t.Lease), t.PeerLink, t.PeerLinkPort, t.DrainTimeout)
	if t.BFDTakeover != "" {
		p.line("bfd_takeover %s", t.BFDTakeover)
	}
	if t.PeerKey != nil {
		p.line("peer_key %v", t.PeerKey)
	}
}
