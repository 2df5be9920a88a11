package vserver

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"strings"

	"tandem/health"
	"tandem/health/check"
	"tandem/internal/child"
	"tandem/internal/pki"
	"tandem/internal/regex"
	"tandem/keepalivedconf"
	"tandem/vserver/table"
)

// FromKeepalived returns the virtual servers of keepalived.conf.
func FromKeepalived(k *keepalivedconf.Config) Config {
	g := &k.Global.LVS
	c := Config{Options: Options{InitNotifies: g.InitNotifies, NoEmails: g.NoEmails}, Files: map[string]health.File{}}
	c.loadCertificate(k.ClientTLS)
	for _, v := range k.VirtualServers {
		s := &Server{
			Name: v.String(), Services: servicesOf(v),
			Quorum: int(v.Quorum), Hysteresis: int(v.Hysteresis), Omega: v.Omega, HASuspend: v.HASuspend,
			QuorumUp: k.Program(v.QuorumUp), QuorumDown: k.Program(v.QuorumDown), SMTPAlert: v.SMTPAlert,
		}
		if v.Group != nil {
			s.Group = v.Group.Name
		}
		for _, r := range v.RealServers {
			one := realOf(k, r)
			for _, check := range r.Checkers {
				one.Checks = append(one.Checks, c.checkOf(k, v, r, check))
			}
			s.Real = append(s.Real, one)
		}
		if v.Sorry != nil {
			s.Sorry = realOf(k, v.Sorry)
		}
		s.Engine = v.Engine
		c.Servers = append(c.Servers, s)
	}
	return c
}

// loadCertificate loads what SSL_GET shows to who asks for a certificate.
func (c *Config) loadCertificate(t *keepalivedconf.ClientTLS) {
	if t == nil || t.Certificate == "" {
		return
	}
	var passwords [][]byte
	if t.Password != "" {
		passwords = [][]byte{[]byte(t.Password)}
	}
	key := t.Key
	if key == "" {
		key = t.Certificate
	}
	pair, err := pki.LoadPair(t.Certificate, key, passwords)
	if err != nil {
		c.Problems = append(c.Problems, fmt.Sprintf("%s: SSL: %v", t.Pos, err))
		return
	}
	c.certificates = []tls.Certificate{pair}
}

// servicesOf returns what clients come to: the address, the firewall mark, or those
// of the group.
func servicesOf(v *keepalivedconf.VirtualServer) (list []table.Service) {
	add := func(k table.Key) {
		list = append(list, table.Service{
			Key: k, Scheduler: v.Scheduler, Flags: v.Flags, Persistence: v.PersistenceTimeout, Mask: v.PersistenceMask, PersistenceEngine: v.PersistenceEngine,
		})
	}
	switch {
	case v.Group != nil:
		for _, r := range v.Group.Ranges {
			for a := r.First; ; a = a.Next() {
				add(table.Key{Protocol: v.Protocol, Address: netip.AddrPortFrom(a, r.Port)})
				if a == r.Last || !a.IsValid() {
					break
				}
			}
		}
		for _, m := range v.Group.Marks {
			family := m.Family
			if family == keepalivedconf.FamilyUnset {
				family = v.Family
			}
			add(table.Key{Mark: m.Mark, IPv6: family == keepalivedconf.IPv6})
		}
	case v.Address.IsValid():
		add(table.Key{Protocol: v.Protocol, Address: v.Address})
	default:
		add(table.Key{Mark: v.Mark, IPv6: v.Family == keepalivedconf.IPv6})
	}
	return list
}

func realOf(k *keepalivedconf.Config, r *keepalivedconf.RealServer) *Real {
	return &Real{
		Name: r.Name(), Weight: int(r.Weight), Inhibit: r.Inhibit, SMTPAlert: r.SMTPAlert,
		Destination: table.Destination{Address: r.Address, Method: r.Method, Tunnel: r.Tunnel, Upper: r.Upper, Lower: r.Lower},
		Up:          k.Program(r.Up), Down: k.Program(r.Down),
	}
}

// checkOf returns a check, and notes the file that it follows.
func (c *Config) checkOf(k *keepalivedconf.Config, v *keepalivedconf.VirtualServer, r *keepalivedconf.RealServer, of *keepalivedconf.Checker) *Check {
	one := &Check{Spec: check.Spec{
		Name: r.Name(), Service: v.String(), Alpha: of.Alpha, DelayLoop: of.DelayLoop, DelayBeforeRetry: of.DelayBeforeRetry,
		Retry: int(of.Retry), Warmup: of.Warmup, LogAllFailures: of.LogAllFailures,
	}}
	target := targetOf(&of.Connect)
	one.Key = fmt.Sprint(of.Kind, target.Addr, target.Bind, target.Device, target.Mark)
	var m check.Method
	switch of.Kind {
	case keepalivedconf.CheckTCP:
		m = &check.TCP{Target: target}
	case keepalivedconf.CheckHTTP, keepalivedconf.CheckSSL:
		web := c.webOf(of, target)
		one.Key += fmt.Sprintf(" %v %q %v %q", web.TLS, web.Host, web.Version, urlsOf(of.HTTP))
		m = web
	case keepalivedconf.CheckSMTP:
		m = &check.SMTP{Target: target, Hello: of.Helo}
		one.Key += " " + of.Helo
	case keepalivedconf.CheckDNS:
		m = &check.DNS{Target: target, Name: of.DNS.Name, Type: check.DNSTypes[strings.ToUpper(of.DNS.Type)]}
		one.Key += fmt.Sprintf(" %q %s", of.DNS.Name, of.DNS.Type)
	case keepalivedconf.CheckUDP:
		u := of.UDP
		m = &check.UDP{
			Target: target, Payload: u.Payload, RequireReply: u.RequireReply, Reply: u.Reply, Ignore: u.Mask, MinReply: u.MinLength, MaxReply: u.MaxLength,
		}
	case keepalivedconf.CheckPing:
		m = &check.Ping{Target: target}
	case keepalivedconf.CheckMisc:
		command := k.Program(of.Misc.Command)
		if command == nil {
			command = &child.Command{}
		}
		// A check is nothing without somebody who looks at its result.
		command.Bound = true
		m = &check.Misc{Command: command, Timeout: of.Misc.Timeout, Dynamic: of.Misc.Dynamic, Weight: int(r.Weight), Unusable: of.Misc.Unusable}
		one.Key = fmt.Sprintf("%v %v", of.Kind, of.Misc.Command)
	case keepalivedconf.CheckFile:
		m = &check.File{Weight: of.File.Weight, Reverse: of.File.Reverse}
		one.File, one.Spec.Alpha = of.File.File.Name, false
		one.Key = fmt.Sprint(of.Kind, one.File, of.File.Weight, of.File.Reverse)
		c.Files[one.File] = health.File{Path: of.File.File.Path}
	case keepalivedconf.CheckBFD:
		m = &check.BFD{Session: of.BFD}
		one.Key = fmt.Sprint(of.Kind, of.BFD)
	default:
		panic("vserver: impossible checker")
	}
	one.Spec.Method = m
	return one
}

func targetOf(c *keepalivedconf.Connect) check.Target {
	t := check.Target{Addr: c.To, Device: c.Interface, Mark: c.Mark, Timeout: c.Timeout}
	switch {
	case c.From.IsValid():
		t.Bind = netip.AddrPortFrom(c.From, c.FromPort)
	case c.FromPort != 0 && c.To.Addr().Is4():
		t.Bind = netip.AddrPortFrom(netip.IPv4Unspecified(), c.FromPort)
	case c.FromPort != 0:
		t.Bind = netip.AddrPortFrom(netip.IPv6Unspecified(), c.FromPort)
	}
	return t
}

func (c *Config) webOf(of *keepalivedconf.Checker, target check.Target) *check.Web {
	h := of.HTTP
	w := &check.Web{Target: target, TLS: of.Kind == keepalivedconf.CheckSSL, FastRecovery: h.FastRecovery, Certificates: c.certificates}
	switch h.Protocol {
	case "1.0C":
		w.Version = check.HTTP10Close
	case "1.1":
		w.Version = check.HTTP11
	}
	for _, u := range h.URLs {
		one := check.URL{Path: u.Path, Host: u.VirtualHost, Digest: u.Digest, NoMatch: u.RegexNoMatch, Min: u.RegexMinOffset}
		// keepalived's is one beyond the last offset.
		one.Max = max(0, u.RegexMaxOffset-1)
		for _, s := range u.Status {
			one.Status = append(one.Status, check.Status{First: s.Low, Last: s.High})
		}
		if u.Regex != "" {
			re, err := regex.Compile(withOptions(u.Regex, u.RegexOptions), false)
			if err != nil {
				c.Problems = append(c.Problems, fmt.Sprintf("%s: Invalid regex: '%s': %v", u.Pos, u.Regex, err))
			}
			one.Regex = re
		}
		w.CloseNotify = w.CloseNotify || u.TLSCompliant
		w.URLs = append(w.URLs, one)
	}
	if h.SNI {
		if w.ServerName = h.SNIName; w.ServerName == "" && len(h.URLs) > 0 {
			w.ServerName = h.URLs[0].VirtualHost
		}
	}
	return w
}

// urlsOf is what of the URLs makes another check of it.
func urlsOf(h *keepalivedconf.HTTPCheck) (list []string) {
	for _, u := range h.URLs {
		list = append(list, fmt.Sprintf("%s %s %x %v %s %v %v", u.Path, u.VirtualHost, u.Digest, u.Status, u.Regex, u.RegexNoMatch, u.RegexOptions))
	}
	return list
}

// withOptions writes PCRE2's options into an expression. Those that only make it
// faster or that forbid something say nothing of what matches.
func withOptions(expression string, options []string) string {
	verbs, letters := "", ""
	anchored := false
	for _, o := range options {
		switch o {
		case "caseless":
			letters += "i"
		case "multiline":
			letters += "m"
		case "dotall":
			letters += "s"
		case "extended":
			letters += "x"
		case "ungreedy":
			letters += "U"
		case "dupnames":
			letters += "J"
		case "no_auto_capture":
			letters += "n"
		case "utf":
			verbs += "(*UTF)"
		case "ucp":
			verbs += "(*UCP)"
		case "anchored":
			anchored = true
		}
	}
	if letters != "" {
		letters = "(?" + letters + ")"
	}
	if anchored {
		// The newline ends a comment that the expression may end with.
		expression = `\A(?:` + letters + expression + "\n"[:min(1, strings.Count(letters, "x"))] + ")"
		letters = ""
	}
	return verbs + letters + expression
}
