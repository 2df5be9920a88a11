package datafiles

import (
	"fmt"
	"io"

	"tandem/keepalivedconf"
	"tandem/status"
	"tandem/vserver/table"
)

// Checks is what keepalived_check.data tells of: what keepalived's process for
// checkers knows.
type Checks struct {
	Config  *keepalivedconf.Config
	Servers []status.VirtualServer
}

// Data writes keepalived_check.data: virtual servers, and how they stand.
func (s *Checks) Data(w io.Writer) {
	line := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	line("\n------< Global definitions >------")
	(&Snapshot{Config: s.Config}).globals(line)
	line("------< LVS Topology >------")
	for _, v := range s.Config.VirtualServers {
		for i := range s.Servers {
			if st := &s.Servers[i]; st.Name == v.String() {
				s.server(line, v, st)
				break
			}
		}
	}
	line("------< Health checkers >------")
	for i := range s.Servers {
		for _, r := range s.Servers[i].RealServers {
			for _, c := range r.Checks {
				line(" %s -> %s", s.Servers[i].Name, r.Name)
				line("   Enabled = yes")
				line("   Up = %s", yes(c.Up))
				line("   Has run = %s", yes(c.Known))
				line("   Current weight = %d", c.Weight)
				line("   Keepalive method = %s", c.Kind)
			}
		}
	}
}

func (s *Checks) server(line printer, v *keepalivedconf.VirtualServer, st *status.VirtualServer) {
	line(" ------< Virtual server >------")
	switch {
	case v.Group != nil:
		line(" VS GROUP = %s", v)
	case v.Mark != 0:
		line(" VS FWMARK = %d", v.Mark)
	default:
		line(" VS VIP = %s, VPORT = %d", v.Address.Addr(), v.Address.Port())
	}
	if v.VirtualHost != "" {
		line("   VirtualHost = %s", v.VirtualHost)
	}
	line("   Address family = %s", map[keepalivedconf.Family]string{keepalivedconf.IPv4: "inet", keepalivedconf.IPv6: "inet6", keepalivedconf.FamilyUnset: "unknown"}[v.Family])
	line("   lvs_sched = %s", v.Scheduler)
	flags := [3]string{"flag-1", "flag-2", "flag-3"}
	if v.Scheduler == "sh" || v.Scheduler == "mh" {
		flags = [3]string{v.Scheduler + "-fallback", v.Scheduler + "-port"}
	}
	for i, bit := range []table.Flags{table.Sched1, table.Sched2, table.Sched3} {
		if flags[i] != "" {
			line("   %s = %s", flags[i], enabled(v.Flags&bit != 0))
		}
	}
	line("   One packet scheduling = %s", enabled(v.Flags&table.OnePacket != 0))
	if v.PersistenceTimeout > 0 {
		line("   persistence timeout = %d", int(v.PersistenceTimeout.Seconds()))
	}
	line("   protocol = %s", v.Protocol)
	line("   alpha is %s", on(v.Alpha))
	line("   omega is %s", on(v.Omega))
	line("   quorum = %d, hysteresis = %d", v.Quorum, v.Hysteresis)
	if v.HASuspend {
		line("   Using HA suspend")
	}
	line("   Using smtp notification = %s", yes(v.SMTPAlert))
	if v.Sorry != nil {
		duplicates := ""
		if v.SorryIsReal {
			duplicates = "(duplicates rs) "
		}
		line("   sorry server %s= %s", duplicates, v.Sorry.Name())
		line("     Inhibit on failure is %s", on(v.Sorry.Inhibit))
		line("     alive = %d", number(st.SorryServer))
	}
	line("   VS alive = 1")
	line("   quorum_state_up = %d", number(st.Quorum))
	for i, r := range v.RealServers {
		if i < len(st.RealServers) {
			realServer(line, r, &st.RealServers[i])
		}
	}
}

func realServer(line printer, r *keepalivedconf.RealServer, st *status.RealServer) {
	line("   ------< Real server >------")
	line("   RIP = %s, RPORT = %d, WEIGHT = %d EFF WEIGHT = %d", r.Address.Addr(), r.Address.Port(), st.Weight, st.Weight)
	line("   forwarding method = %s", st.Method)
	line("   Alpha is %s", on(r.Alpha))
	line("   connection limit range = %d -> %d", r.Lower, r.Upper)
	line("   Inhibit on failure is %s", on(r.Inhibit))
	line("   Using smtp notification = %s", yes(r.SMTPAlert))
	line("   initial weight = %d", r.Weight)
	line("   effective weight = %d", st.Weight)
	failed := 0
	for _, c := range st.Checks {
		failed += number(!c.Up)
	}
	line("   alive = %d", number(st.Up))
	line("   num failed checkers = %d", failed)
	line("   RS set = %d", number(st.In))
}

func on(b bool) string {
	if b {
		return "ON"
	}
	return "OFF"
}
