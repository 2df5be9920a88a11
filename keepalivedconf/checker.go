package keepalivedconf

import (
	"net/netip"
	"slices"
	"time"

	"tandem/keepalivedconf/text"
)

// checkerBlocks are the checkers of a real server.
var checkerBlocks = []row[RealServer]{
	checkerBlock(CheckMisc, miscRows, newMisc, endMisc),
	checkerBlock(CheckSMTP, smtpRows, newSMTP, endSMTP),
	checkerBlock(CheckTCP, newRows(connectRows...), nil, endConnect),
	checkerBlock(CheckPing, newRows(connectRows...), nil, endConnect),
	checkerBlock(CheckUDP, udpRows, newUDP, endUDP),
	checkerBlock(CheckHTTP, httpRows, newHTTP, endHTTP),
	checkerBlock(CheckSSL, sslRows, newHTTP, endHTTP),
	checkerBlock(CheckDNS, dnsRows, newDNS, endDNS),
	checkerBlock(CheckFile, fileRows, newFile, endFile),
	checkerBlock(CheckBFD, bfdCheckRows, nil, endBFD),
}

// The defaults of checkers that neither their own block nor those around it say anything about.
const (
	retryDefault       = 1
	beforeRetryDefault = time.Second
)

// checkerBlock is a checker's keyword: begin fills in what the kind has by default, end looks at the whole block, and may
// mark it as removed.
func checkerBlock(kind CheckerKind, in *rows[Checker], begin func(*Checker), end func(*builder, *Checker, *Statement)) row[RealServer] {
	return row[RealServer]{name: kind.String(), block: text.Keywords, sub: in, set: func(b *builder, r *RealServer, s *Statement) {
		c := &Checker{Pos: s.Pos, Kind: kind, real: r, timing: newTiming(), Connect: Connect{To: r.Address, Timeout: unset}}
		if begin != nil {
			begin(c)
		}
		in.walk(b, c, s.Body, func(*row[Checker]) bool { return !c.removed })
		if c.removed {
			return
		}
		if end(b, c, s); !c.removed {
			r.Checkers = append(r.Checkers, c)
			r.addHosts(c)
		}
	}}
}

// sayAtClose reports what is found when a block ends.
func (b *builder) sayAtClose(s *Statement, format string, args ...any) {
	b.say(text.KindGeneral, s.Close, format, args...)
}

// runRows are the keywords that every checker has which runs now and then.
var runRows = []row[Checker]{
	{name: "retry", min: 1, set: func(b *builder, c *Checker, s *Statement) {
		b.retries(s, c, "Invalid retry connection value '%s'")
	}},
	{name: "delay_before_retry", min: 1, set: func(b *builder, c *Checker, s *Statement) {
		b.timer(s, 0, maxTimer, &c.timing.beforeRetry, "Invalid delay_before_retry connection value '%s'")
	}},
	{name: "warmup", min: 1, set: func(b *builder, c *Checker, s *Statement) {
		b.timer(s, 0, maxTimer, &c.timing.warmup, "Invalid warmup connection value '%s'")
	}},
	{name: "delay_loop", min: 1, set: func(b *builder, c *Checker, s *Statement) {
		b.timer(s, 1, maxTimer, &c.timing.loop, "delay_loop '%s' is invalid - ignoring")
	}},
	alphaRow,
	{name: "log_all_failures", set: func(b *builder, c *Checker, s *Statement) {
		if on, ok := b.toggle(s, "Invalid log_all_failures parameter %s"); ok {
			c.LogAllFailures = on
		}
	}},
}

var alphaRow = row[Checker]{name: "alpha", set: func(b *builder, c *Checker, s *Statement) {
	if on, ok := b.toggle(s, "Invalid alpha parameter %s"); ok {
		c.alpha = &on
	}
}}

func (b *builder) retries(s *Statement, c *Checker, format string) {
	if n, ok := b.number(s, s.Arg(1), 0, maxUint32); ok {
		c.timing.retry = int64(n)
	} else {
		b.err(s, format, s.Arg(1))
	}
}

// connectRows are those, and the keywords that say where to connect.
var connectRows = slices.Concat(endpointRows(func(c *Checker) *Connect { c.saidHow = true; return &c.Connect }), runRows)

// endpointRows are the keywords that say where to connect, and from where.
func endpointRows[T any](field func(*T) *Connect) []row[T] {
	return []row[T]{
		{name: "connect_ip", min: 1, set: func(b *builder, t *T, s *Statement) {
			c := field(t)
			a, ok := endpoint(s.Arg(1))
			switch {
			case !ok:
				b.err(s, "Invalid connect_ip address %s - ignoring", s.Arg(1))
			case c.From.IsValid() && c.From.Is4() != a.Is4():
				b.err(s, "connect_ip address %s does not match address family of bindto - skipping", s.Arg(1))
			default:
				c.To = netip.AddrPortFrom(a, c.To.Port())
			}
		}},
		{name: "connect_port", min: 1, set: func(b *builder, t *T, s *Statement) {
			if n, ok := b.number(s, s.Arg(1), 1, 65535); ok {
				c := field(t)
				c.To = netip.AddrPortFrom(c.To.Addr(), uint16(n))
			} else {
				b.err(s, "Invalid checker connect_port '%s'", s.Arg(1))
			}
		}},
		{name: "bindto", min: 1, set: func(b *builder, t *T, s *Statement) {
			c := field(t)
			a, ok := endpoint(s.Arg(1))
			switch {
			case !ok:
				b.err(s, "Invalid bindto address %s - ignoring", s.Arg(1))
			case c.To.Addr().IsValid() && c.To.Addr().Is4() != a.Is4():
				b.err(s, "bindto address %s does not match address family of connect_ip - skipping", s.Arg(1))
			default:
				c.From = a
			}
		}},
		{name: "bind_port", min: 1, set: func(b *builder, t *T, s *Statement) {
			if n, ok := b.number(s, s.Arg(1), 1, 65535); ok {
				field(t).FromPort = uint16(n)
			} else {
				b.err(s, "Invalid checker bind_port '%s'", s.Arg(1))
			}
		}},
		{name: "bind_if", min: 1, set: func(b *builder, t *T, s *Statement) {
			if len(s.Arg(1)) > maxInterfaceName {
				b.err(s, "Interface name %s is too long - ignoring", s.Arg(1))
				return
			}
			field(t).Interface = s.Arg(1)
		}},
		{name: "connect_timeout", min: 1, set: func(b *builder, t *T, s *Statement) {
			b.timer(s, 1, maxUint32, &field(t).Timeout, "connect_timeout %s invalid - ignoring")
		}},
		{name: "fwmark", min: 1, set: func(b *builder, t *T, s *Statement) {
			if n, ok := b.number(s, s.Arg(1), 0, maxUint32); ok {
				field(t).Mark = n
			} else {
				b.err(s, "Invalid fwmark connection value '%s'", s.Arg(1))
			}
		}},
	}
}

// endConnect removes a checker that would not know over which interface to ask.
func endConnect(b *builder, c *Checker, s *Statement) {
	c.removed = c.removed || !b.reachable(c.Connect, s)
}

func (b *builder) reachable(c Connect, s *Statement) bool {
	if a := c.To.Addr(); a.Is6() && a.IsLinkLocalUnicast() && c.Interface == "" {
		b.sayAtClose(s, "Checker link local address %s requires a bind_if", a)
		return false
	}
	return true
}
