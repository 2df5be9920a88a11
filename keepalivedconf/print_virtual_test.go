package keepalivedconf

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"

	"tandem/vserver/table"
)

// lvs writes what global_defs says of IPVS and of checkers.
func (p *printer) lvs(l LVS) {
	if l.TimeoutTCP != 0 || l.TimeoutTCPFIN != 0 || l.TimeoutUDP != 0 {
		p.line("lvs_timeouts tcp %v tcpfin %v udp %v", l.TimeoutTCP, l.TimeoutTCPFIN, l.TimeoutUDP)
	}
	p.flag("lvs_flush", l.Flush)
	if l.FlushOnStop != FlushOwn {
		p.line("lvs_flush_on_stop %v", l.FlushOnStop)
	}
	if d := l.Sync; d != nil {
		p.line("sync daemon on %s instance %q id %d maxlen %d port %d ttl %d group %v", d.Interface, d.Instance, d.ID, d.MaxLen, d.Port, d.TTL, d.Group)
	}
	p.text("lvs_notify_fifo", l.NotifyFIFO.Name)
	p.command("lvs_notify_fifo_script", l.NotifyFIFO.Script)
	p.flag("checker_log_all_failures", l.LogAllFailures)
	p.flag("rs_init_notifies", l.InitNotifies)
	p.flag("no_checker_emails", l.NoEmails)
	if l.Engine != EngineAuto {
		p.line("virtual_server_engine %v", l.Engine)
	}
}

// method is how packets get to a real server.
func method(m table.Method, t table.Tunnel) string {
	if m != table.Tunneling {
		return m.String()
	}
	return fmt.Sprintf("TUN %v port %d %v", t.Type, t.Port, t.Checksum)
}

func (p *printer) virtualServers(c *Config) {
	if t := c.ClientTLS; t != nil {
		p.line("SSL: password %q ca %q certificate %q key %q", t.Password, t.CA, t.Certificate, t.Key)
	}
	for _, g := range c.VirtualServerGroups {
		p.block("virtual server group "+g.Name, func() {
			for _, r := range g.Ranges {
				p.line("%v", r)
			}
			for _, m := range g.Marks {
				p.line("fwmark %d family %v", m.Mark, m.Family)
			}
		})
	}
	for _, v := range c.VirtualServers {
		p.block("virtual server "+v.String(), func() { p.virtualServer(v) })
	}
}

func (p *printer) virtualServer(v *VirtualServer) {
	switch {
	case v.Group != nil:
		p.line("group %s", v.Group.Name)
	case v.Address.IsValid():
		p.line("address %v", v.Address)
	default:
		p.line("fwmark %d", v.Mark)
	}
	p.line("family %v protocol %v scheduler %s flags %#x", v.Family, v.Protocol, v.Scheduler, uint32(v.Flags))
	if v.PersistenceTimeout != 0 {
		p.line("persistence %v mask %#x engine %q", v.PersistenceTimeout, v.PersistenceMask, v.PersistenceEngine)
	}
	p.flag("alpha", v.Alpha)
	p.flag("omega", v.Omega)
	p.flag("ha_suspend", v.HASuspend)
	p.flag("smtp_alert", v.SMTPAlert)
	p.line("quorum %d hysteresis %d", v.Quorum, v.Hysteresis)
	p.command("quorum_up", v.QuorumUp)
	p.command("quorum_down", v.QuorumDown)
	p.text("snmp_name", v.SNMPName)
	if v.Engine != EngineAuto {
		p.line("engine %v", v.Engine)
	}
	if s := v.Sorry; s != nil {
		p.line("sorry server %v %s weight %d inhibit %v is a real server %v", s.Address, method(s.Method, s.Tunnel), s.Weight, s.Inhibit, v.SorryIsReal)
	}
	for _, r := range v.RealServers {
		p.block("real server "+r.Address.String(), func() { p.realServer(r) })
	}
}

func (p *printer) realServer(r *RealServer) {
	p.line("%s weight %d thresholds %d to %d", method(r.Method, r.Tunnel), r.Weight, r.Lower, r.Upper)
	p.flag("inhibit_on_failure", r.Inhibit)
	p.flag("alpha", r.Alpha)
	p.flag("smtp_alert", r.SMTPAlert)
	p.command("notify_up", r.Up)
	p.command("notify_down", r.Down)
	p.text("snmp_name", r.SNMPName)
	for _, c := range r.Checkers {
		p.block(c.Kind.String(), func() { p.checker(c) })
	}
}

func (p *printer) checker(c *Checker) {
	if o := c.Connect; c.Kind < CheckMisc || c.Kind == CheckPing || c.Kind == CheckUDP {
		from := ""
		if o.From.IsValid() || o.FromPort != 0 {
			from = " from " + netip.AddrPortFrom(o.From, o.FromPort).String()
		}
		p.line("to %v%s interface %q mark %d timeout %v", o.To, from, o.Interface, o.Mark, o.Timeout)
	}
	if c.Kind < CheckBFD {
		p.line("every %v after %v retry %d after %v", c.DelayLoop, c.Warmup, c.Retry, c.DelayBeforeRetry)
	}
	p.flag("alpha", c.Alpha)
	p.flag("log_all_failures", c.LogAllFailures)
	p.text("helo", c.Helo)
	p.text("bfd", c.BFD)
	if d := c.DNS; d != nil {
		p.line("%s %q", d.Type, d.Name)
	}
	if u := c.UDP; u != nil {
		p.line("payload %x reply %v %x mask %x length %d to %d", u.Payload, u.RequireReply, u.Reply, u.Mask, u.MinLength, u.MaxLength)
	}
	if m := c.Misc; m != nil {
		p.command("run", m.Command)
		p.line("timeout %v dynamic %v", m.Timeout, m.Dynamic)
		p.text("unusable:", m.Unusable)
	}
	if f := c.File; f != nil {
		p.line("file %s weight %d%s", f.File.Name, f.Weight, reversed(f.Reverse))
	}
	if h := c.HTTP; h != nil {
		p.line("HTTP/%s sni %v %q fast_recovery %v", h.Protocol, h.SNI, h.SNIName, h.FastRecovery)
		for _, u := range h.URLs {
			p.line("url %s host %q status %v digest %s tls_compliant %v", u.Path, u.VirtualHost, u.Status, hex.EncodeToString(u.Digest), u.TLSCompliant)
			if u.Regex != "" {
				p.line("regex %q no_match %v %s from %d to %d", u.Regex, u.RegexNoMatch, strings.Join(u.RegexOptions, " "), u.RegexMinOffset, u.RegexMaxOffset)
			}
		}
	}
}
