package datafiles

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"tandem/internal/privilege"
	"tandem/keepalivedconf"
	"tandem/vrrp"
	"tandem/vrrp/fsm"
	"tandem/vrrp/packet"
)

// Data writes keepalived.data: what is configured, and how it stands.
func (s *Snapshot) Data(w io.Writer) {
	line := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	line("\n------< Global definitions >------")
	s.globals(line)
	line("------< VRRP Topology >------")
	s.instances(func(c *keepalivedconf.Instance, st *vrrp.InstanceStatus) { s.instance(line, c, st) })
	if len(s.Status.Groups) > 0 {
		line("------< VRRP Sync groups >------")
		for _, g := range s.Status.Groups {
			s.group(line, g)
		}
	}
	if len(s.Config.Scripts) > 0 {
		line("------< VRRP Scripts >------")
		for _, script := range s.Config.Scripts {
			s.script(line, script)
		}
	}
	if len(s.Config.TrackFiles) > 0 {
		line("------< VRRP Track files >------")
		for _, f := range s.Config.TrackFiles {
			line(" VRRP Track file = %s", f.Name)
			line("   File = %s", f.Path)
			line("   Weight = %d%s", f.Weight, reverse(f.Reverse))
			line("   Tracking VRRP instances :")
			s.users(line, f.Name, func(t *keepalivedconf.Tracking) []keepalivedconf.Track { return t.TrackFiles })
		}
	}
	if len(s.Config.Processes) > 0 {
		line("------< VRRP Track processes >------")
		for _, p := range s.Config.Processes {
			line(" VRRP Track process = %s", p.Name)
			line("   Process = %s", p.Path)
			line("   Min processes = %d", p.Quorum)
			line("   Weight = %d%s", p.Weight, reverse(p.Reverse))
			s.users(line, p.Name, func(t *keepalivedconf.Tracking) []keepalivedconf.Track { return t.TrackProcesses })
		}
	}
	line("------< Interfaces >------")
	interfaces(line)
}

type printer func(format string, args ...any)

func (s *Snapshot) globals(line printer) {
	g := &s.Config.Global
	or := func(text, otherwise string) string {
		if text == "" {
			return otherwise
		}
		return text
	}
	line(" Network namespace = %s", or(g.NetNamespace, "(default)"))
	line(" Router ID = %s", g.RouterID)
	if g.SMTPServer != "" {
		line(" Smtp server = %s", g.SMTPServer)
		line(" Smtp server port = %s", g.SMTPPort)
	}
	if g.SMTPHelo != "" {
		line(" Smtp HELO name = %s", g.SMTPHelo)
	}
	if g.EmailFrom != "" {
		line(" Email notification from = %s", g.EmailFrom)
	}
	if len(g.Emails) > 0 {
		line(" Email notification = %s", strings.Join(g.Emails, ", "))
	}
	line(" Dynamic interfaces = %t", g.DynamicInterfaces)
	line(" Default interface = %s", g.DefaultInterface)
	line(" FIFO write vrrp states on reload = %t", g.FIFOStatesOnReload)
	line(" VRRP notify priority changes = %t", g.NotifyPriorityChanges)
	line(" VRRP IPv4 mcast group = %v", g.MulticastGroup4)
	line(" VRRP IPv6 mcast group = %v", g.MulticastGroup6)
	line(" Gratuitous ARP delay = %d", seconds(g.GARP.Delay))
	line(" Gratuitous ARP repeat = %d", g.GARP.Repeat)
	line(" Gratuitous ARP refresh timer = %d", seconds(g.GARP.Refresh))
	line(" Gratuitous ARP refresh repeat = %d", g.GARP.RefreshRepeat)
	line(" Gratuitous ARP lower priority delay = %d", seconds(g.GARP.LowerPrioDelay))
	line(" Gratuitous ARP lower priority repeat = %d", g.GARP.LowerPrioRepeat)
	line(" Num adverts before down = %d", g.DownTimerAdverts)
	line(" Send advert after receive lower priority advert = %t", !g.LowerPrioNoAdvert)
	line(" Send advert after receive higher priority advert = %t", g.HigherPrioSend)
	line(" Gratuitous ARP interval = %f", g.GARPInterval.Seconds())
	line(" Gratuitous NA interval = %f", g.NAInterval.Seconds())
	line(" VRRP default protocol version = %d", g.Version)
	line(" VRRP check unicast_src = %t", g.CheckUnicastSource)
	line(" VRRP skip check advert addresses = %t", g.SkipCheckAdvAddr)
	line(" VRRP strict mode = %t", g.Strict)
	line(" VRRP process priority = %d", g.Niceness)
	line(" VRRP don't swap = %t", g.NoSwap)
	line(" VRRP realtime priority = %d", g.RealtimePriority)
	security := "disabled"
	if g.ScriptSecurity {
		security = "enabled"
	}
	line(" Script security %s", security)
	if g.ScriptUser != "" {
		line(" Default script uid:gid %s", ids(g.ScriptUser, g.ScriptGroup))
	}
}

func (s *Snapshot) instance(line printer, c *keepalivedconf.Instance, st *vrrp.InstanceStatus) {
	line(" VRRP Instance = %s", c.Name)
	line("   VRRP Version = %d", st.Version)
	if c.Group != nil {
		line("   Sync group = %s", c.Group.Name)
	}
	if c.Family == keepalivedconf.IPv6 {
		line("   Using Native IPv6")
	}
	line("   State = %s", st.Role)
	if st.Role == fsm.Backup {
		if st.Master.IsValid() {
			line("   Master router = %v", st.Master)
		} else {
			line("   Master router = 0.0.0.0")
		}
		line("   Master priority = %d", st.MasterPriority)
		if st.Version == packet.V3 {
			line("   Master advert interval = %d milli-sec", masterInterval(c, st).Milliseconds())
		}
	}
	if c.Unicast {
		line("   Flags:")
		line("     Using unicast")
	} else {
		line("   Flags: none")
	}
	line("   Wantstate = %s", []string{"INIT", "BACKUP", "MASTER", "FAULT"}[min(wantState(c, st), 3)])
	line("   Number of config faults = %d", number(c.Fault))
	line("   Number of tracker faults = %d", len(st.Faults))
	line("   Last transition = %s", clock(st.Since))
	if st.NextAt.IsZero() {
		line("   Read timeout = DISABLED")
	} else {
		line("   Read timeout = %s", clock(st.NextAt))
	}
	line("   Master down timer = %d usecs", st.MasterDown.Microseconds())
	line("   Interface = %s", st.Interface)
	if !c.TrackPrimary {
		line("   VRRP interface tracking disabled")
	}
	if c.SkipCheckAdvAddr {
		line("   Skip checking advert IP addresses")
	}
	if c.Strict {
		line("   Enforcing strict VRRP compliance")
	}
	from := ""
	if c.SourceAddress.IsValid() {
		from = " (from configuration)"
	}
	line("   Using src_ip = %v%s", st.Source, from)
	if !c.Unicast {
		line("   Multicast address %v", c.MulticastGroup)
	}
	line("   Gratuitous ARP delay = %d", seconds(c.GARP.Delay))
	line("   Gratuitous ARP repeat = %d", c.GARP.Repeat)
	line("   Gratuitous ARP refresh = %d", seconds(c.GARP.Refresh))
	line("   Gratuitous ARP refresh repeat = %d", c.GARP.RefreshRepeat)
	line("   Gratuitous ARP lower priority delay = %d", seconds(c.GARP.LowerPrioDelay))
	line("   Gratuitous ARP lower priority repeat = %d", c.GARP.LowerPrioRepeat)
	line("   Down timer adverts = %d", c.DownTimerAdverts)
	line("   Send advert after receive lower priority advert = %t", !c.LowerPrioNoAdvert)
	line("   Send advert after receive higher priority advert = %t", c.HigherPrioSend)
	line("   Virtual Router ID = %d", c.VRID)
	line("   Priority = %d", st.Base)
	line("   Effective priority = %d", st.Priority)
	line("   Total priority = %d", st.Priority)
	if st.Version == packet.V2 {
		line("   Advert interval = %d sec", c.AdvertInterval/time.Second)
	} else {
		line("   Advert interval = %d milli-sec", c.AdvertInterval.Milliseconds())
	}
	line("   Accept = %s", enabled(c.Accept))
	line("   Preempt = %s", enabled(c.Preempt))
	if c.PreemptDelay > 0 {
		line("   Preempt delay = %g secs", c.PreemptDelay.Seconds())
	}
	line("   Promote_secondaries = %s", enabled(c.PromoteSecondaries))
	switch c.Auth {
	case keepalivedconf.AuthAH:
		line("   Authentication type = IPSEC_AH")
	case keepalivedconf.AuthPass:
		line("   Authentication type = SIMPLE_PASSWORD")
		line("   Password = %s", hidden)
	default:
		if st.Version == packet.V2 {
			line("   Authentication type = none")
		}
	}
	if len(c.Addresses) > 0 {
		line("   Virtual IP (%d):", len(c.Addresses))
		block(line, addresses(c, st, c.Addresses))
	}
	if len(c.ExcludedAddresses) > 0 {
		line("   Virtual IP Excluded :")
		block(line, addresses(c, st, c.ExcludedAddresses))
	}
	if c.Unicast {
		line("   Unicast TTL = %d", c.UnicastTTL)
		line("   Check unicast src : %s", yes(c.CheckUnicastSource))
		line("   Unicast Peer :")
		for _, p := range c.Peers {
			line("     %v min_ttl %d max_ttl %d", p.Addr, p.MinTTL, p.MaxTTL)
		}
	}
	if len(c.Routes) > 0 {
		line("   Virtual Routes :")
		block(line, routes(c.Routes))
	}
	if len(c.Rules) > 0 {
		line("   Virtual Rules :")
		block(line, rules(c.Rules))
	}
	tracked(line, "interfaces", c.TrackInterfaces)
	tracked(line, "scripts", c.TrackScripts)
	tracked(line, "files", c.TrackFiles)
	tracked(line, "processes", c.TrackProcesses)
	s.notify(line, &c.Notify, c.SMTPAlert)
	line("   Notify priority changes = %t", c.NotifyPriorityChanges)
}

// notify are the lines that instances and sync groups have of notify scripts.
func (s *Snapshot) notify(line printer, n *keepalivedconf.Notify, mail bool) {
	line("   Using smtp notification = %s", yes(mail))
	deleted := "Fault"
	if n.DeletedEvent {
		deleted = "Deleted"
	}
	line("   Notify deleted = %s", deleted)
	for _, one := range []struct {
		at      string
		command keepalivedconf.Command
	}{{"Backup", n.Backup}, {"Master", n.Master}, {"Fault", n.Fault}, {"Stop", n.Stop}, {"Deleted", n.Deleted}, {"Generic", n.Any}, {"Master rx lower pri", n.MasterRxLower}} {
		if one.command.Set() {
			line("   %s state transition script = %s, uid:gid %s", one.at, one.command, s.runsAs(one.command))
		}
	}
}

func (s *Snapshot) group(line printer, g vrrp.GroupStatus) {
	line(" VRRP Sync Group = %s, %s", g.Name, g.Role)
	line("   VRRP member instances :")
	block(line, g.Members)
	i := slices.IndexFunc(s.Config.Groups, func(c *keepalivedconf.SyncGroup) bool { return c.Name == g.Name })
	if i < 0 {
		return
	}
	c := s.Config.Groups[i]
	line("   Using smtp notification = %s", yes(c.SMTPAlert))
	tracked(line, "interfaces", c.TrackInterfaces)
	tracked(line, "scripts", c.TrackScripts)
	tracked(line, "files", c.TrackFiles)
	tracked(line, "processes", c.TrackProcesses)
}

func (s *Snapshot) script(line printer, c *keepalivedconf.Script) {
	v, known := s.Scripts[c.Name]
	status, result := "BAD", 0
	if known && v.Good {
		status, result = "GOOD", c.Rise+c.Fall-1
	}
	line(" VRRP Script = %s", c.Name)
	line("   Command = %s", c.Command)
	line("   Interval = %s", period(c.Interval))
	line("   Timeout = %s", period(c.Timeout))
	line("   Weight = %d%s", c.Weight, reverse(c.Reverse))
	line("   Rise = %d", c.Rise)
	line("   Fall = %d", c.Fall)
	line("   Result = %d", result)
	line("   Insecure = %s", yes(c.Unusable != ""))
	first := "unknown"
	if !known || v.Since.IsZero() {
		first = "INIT"
	}
	line("   Init state = %s", first)
	line("   Status = %s", status)
	line("   Script uid:gid = %s", s.runsAs(c.Command))
	line("   VRRP instances :")
	line("   Tracking instances :")
	s.users(line, c.Name, func(t *keepalivedconf.Tracking) []keepalivedconf.Track { return t.TrackScripts })
	line("   State = idle")
}

// users are the instances that track something.
func (s *Snapshot) users(line printer, name string, of func(*keepalivedconf.Tracking) []keepalivedconf.Track) {
	for _, i := range s.Config.Instances {
		for _, t := range of(&i.Tracking) {
			if t.Name == name {
				line("     %s, weight %d%s", i.Name, t.Weight, reverse(t.Reverse))
			}
		}
	}
}

// runsAs is the user and group of a script by their numbers.
func (s *Snapshot) runsAs(c keepalivedconf.Command) string {
	g := &s.Config.Global
	if c.User == "" {
		return ids(g.ScriptUser, g.ScriptGroup)
	}
	return ids(c.User, c.Group)
}

func ids(user, group string) string {
	uid, gid, _ := privilege.LookupUser(user)
	if id, ok := privilege.LookupGroup(group); ok && group != "" {
		gid = id
	}
	return fmt.Sprintf("%d:%d", uid, gid)
}

func tracked(line printer, what string, list []keepalivedconf.Track) {
	if len(list) == 0 {
		return
	}
	line("   Tracked %s :", what)
	for _, t := range list {
		line("     %s weight %d%s", t.Name, t.Weight, reverse(t.Reverse))
	}
}

func block(line printer, list []string) {
	for _, one := range list {
		line("     %s", one)
	}
}

func interfaces(line printer) {
	list, err := net.Interfaces()
	if err != nil {
		return
	}
	for _, i := range list {
		line(" Name = %s", i.Name)
		line("   index = %d", i.Index)
		found, _ := i.Addrs()
		for _, family := range []string{"IPv4", "IPv6"} {
			text := "(none)"
			for _, a := range found {
				if p, ok := a.(*net.IPNet); ok && (p.IP.To4() != nil) == (family == "IPv4") {
					text = p.IP.String()
					break
				}
			}
			line("   %s address = %s", family, text)
		}
		if len(i.HardwareAddr) > 0 {
			line("   MAC = %s", i.HardwareAddr)
		}
		state := "DOWN"
		if i.Flags&net.FlagUp != 0 {
			state = "UP"
		}
		if i.Flags&net.FlagRunning != 0 {
			state += ", RUNNING"
		}
		line("   State = %s", state)
		line("   MTU = %d", i.MTU)
	}
}

func enabled(b bool) string {
	if b {
		return "enabled"
	}
	return "disabled"
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func reverse(b bool) string {
	if b {
		return " reverse"
	}
	return ""
}
