package keepalivedconf

import (
	"net/netip"
	"slices"
	"strings"

	"tandem/keepalivedconf/text"
)

// heloDefault is what SMTP_CHECK calls itself.
const heloDefault = "smtpchecker.keepalived.org"

// smtpRows is what may stand in SMTP_CHECK. Its host block is an older way to say where to connect: each makes a checker.
var smtpRows = newRows(slices.Concat(connectRows, []row[Checker]{
	{name: "helo_name", set: func(b *builder, c *Checker, s *Statement) {
		if !b.named(s, "SMTP_CHECK helo name missing") {
			return
		}
		if c.Helo != "" {
			b.err(s, "SMTP_CHECK helo name already specified")
		}
		c.Helo = s.Arg(1)
	}},
	{name: "host", block: text.Keywords, sub: hostRows, set: func(b *builder, c *Checker, s *Statement) {
		host := Connect{To: c.real.Address, Timeout: unset}
		hostRows.walk(b, &host, s.Body, nil)
		if b.reachable(host, s) {
			c.hosts = append(c.hosts, host)
		}
	}},
})...)

var hostRows = newRows(endpointRows(func(c *Connect) *Connect { return c })...)

// newSMTP leaves open where to connect, so that it can be seen whether anything says so.
func newSMTP(c *Checker) { c.Connect.To = netip.AddrPort{} }

func endSMTP(b *builder, c *Checker, s *Statement) {
	if c.Helo == "" {
		c.Helo = heloDefault
	}
	if len(c.hosts) > 0 {
		b.say(text.KindNote, s.Close, "The SMTP_CHECK host block is deprecated. Please define additional checkers.")
	}
	if len(c.hosts) > 0 && !c.saidHow {
		c.Connect, c.hosts = c.hosts[0], c.hosts[1:]
		return
	}
	to, real := c.Connect.To, c.real.Address
	if !to.Addr().IsValid() {
		to = netip.AddrPortFrom(real.Addr(), to.Port())
	}
	if to.Port() == 0 {
		to = netip.AddrPortFrom(to.Addr(), real.Port())
	}
	c.Connect.To = to
	endConnect(b, c, s)
}

// addHosts adds the further checkers that host blocks ask for.
func (r *RealServer) addHosts(c *Checker) {
	for _, host := range c.hosts {
		more := *c
		more.Connect, more.hosts = host, nil
		r.Checkers = append(r.Checkers, &more)
	}
	c.hosts = nil
}

// dnsTypes are the types of records that DNS_CHECK asks for.
var dnsTypes = []string{"A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", "RRSIG", "DNSKEY"}

const dnsRetryDefault = 3

// dnsRows is what may stand in DNS_CHECK.
var dnsRows = newRows(slices.Concat(connectRows, []row[Checker]{
	{name: "type", min: 1, set: func(b *builder, c *Checker, s *Statement) {
		t := strings.ToUpper(s.Arg(1))
		if !slices.Contains(dnsTypes, t) {
			b.err(s, "Unknown DNS check type %s - ignoring", s.Arg(1))
			return
		}
		c.DNS.Type = t
	}},
	{name: "name", min: 1, set: func(b *builder, c *Checker, s *Statement) {
		name := s.Arg(1)
		switch {
		case c.DNS.set:
			b.err(s, "DNS_CHECK name already specified - ignoring")
		case strings.HasPrefix(name, ".") && name != ".", strings.Contains(name, ".."):
			b.err(s, "DNS_CHECK name '%s' has empty label - ignoring", name)
		default:
			c.DNS.Name, c.DNS.set = name, true
		}
	}},
})...)

func newDNS(c *Checker) { c.DNS = &DNSCheck{Type: "SOA"} }

func endDNS(b *builder, c *Checker, s *Statement) { endConnect(b, c, s) }
