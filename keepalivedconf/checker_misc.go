package keepalivedconf

import (
	"math"
	"slices"
	"time"
)

// miscRows is what may stand in MISC_CHECK.
var miscRows = newRows(slices.Concat(runRows, []row[Checker]{
	{name: "misc_path", quoted: true, set: func(b *builder, c *Checker, s *Statement) {
		cmd, _ := b.command(s)
		old := &c.Misc.Command
		old.Pos, old.Args = cmd.Pos, cmd.Args
	}},
	{name: "misc_timeout", min: 1, set: func(b *builder, c *Checker, s *Statement) {
		if n, ok := b.number(s, s.Arg(1), 0, maxTimerSeconds); ok {
			c.Misc.Timeout = time.Duration(n) * time.Second
		} else {
			b.err(s, "Invalid misc_timeout value '%s'", s.Arg(1))
		}
	}},
	{name: "misc_dynamic", set: func(b *builder, c *Checker, s *Statement) { c.Misc.Dynamic = true }},
	{name: "user", set: func(b *builder, c *Checker, s *Statement) {
		if s.Args() == 0 {
			b.err(s, "No user specified for misc checker script %s", c.Misc.Command)
			return
		}
		if !b.owner(s, &c.Misc.Command, s.Words[1:]) {
			b.err(s, "Failed to set uid/gid for misc checker script %s - removing", c.Misc.Command)
			c.removed = true
			return
		}
		c.userSet = true
	}},
})...)

func newMisc(c *Checker) { c.Misc = &MiscCheck{} }

func endMisc(b *builder, c *Checker, s *Statement) {
	switch {
	case !c.Misc.Command.Set():
		b.sayAtClose(s, "No script path has been specified for MISC_CHECKER - skipping")
		c.removed = true
	case !c.userSet && !b.defaultOwner(s.Close):
		b.sayAtClose(s, "Unable to set default user for misc script %s - removing", c.Misc.Command)
		c.removed = true
	}
}

// fileRows is what may stand in FILE_CHECK.
var fileRows = newRows(
	row[Checker]{name: "track_file", min: 1, set: func(b *builder, c *Checker, s *Statement) {
		f := b.files[s.Arg(1)]
		if f == nil {
			b.err(s, "track_file %s not found", s.Arg(1))
			return
		}
		c.File.File = f
	}},
	row[Checker]{name: "weight", set: func(b *builder, c *Checker, s *Statement) {
		if !b.named(s, "track file weight missing") {
			return
		}
		n, ok := b.signedNumber(s, s.Arg(1), -maxWeight, maxWeight)
		if !ok {
			b.err(s, "weight for track file must be in [%d..%d] inclusive. Ignoring...", -maxWeight, maxWeight)
			return
		}
		reverse := false
		switch s.Arg(2) {
		case "reverse":
			reverse = true
		case "noreverse", "":
		default:
			b.err(s, "unknown track file weight option %s - ignoring", s.Arg(2))
			return
		}
		c.File.Weight, c.File.Reverse, c.File.weight = n, reverse, true
	}},
)

func newFile(c *Checker) { c.File = &FileCheck{} }

func endFile(b *builder, c *Checker, s *Statement) {
	f := c.File
	if f.File == nil {
		b.sayAtClose(s, "FILE_CHECK has no track_file specified - ignoring")
		c.removed = true
		return
	}
	if !f.weight {
		f.Weight, f.Reverse = f.File.Weight, f.File.Reverse
	}
	c.alpha = new(bool) // what the file says is known from the beginning
}

// bfdCheckRows is what may stand in BFD_CHECK.
var bfdCheckRows = newRows(
	row[Checker]{name: "name", set: func(b *builder, c *Checker, s *Statement) {
		name, real := s.Arg(1), c.real.Name()
		c.removed = true
		switch {
		case s.Args() != 1:
			b.err(s, "(%s) BFD_CHECK - No or too many names specified - skipping checker", real)
		case b.bfd[name] == nil || !b.bfd[name].Checkers:
			b.err(s, "(%s) BFD_CHECK - BFD %s not configured", real, name)
		case c.BFD != "":
			b.err(s, "(%s) BFD_CHECK - BFD %s already specified as %s", real, name, c.BFD)
		case len(name) >= maxBFDName:
			b.err(s, "(%s) BFD_CHECK - BFD name %s too long", real, name)
		case c.real.bfd[name]:
			b.err(s, "(%s) BFD_CHECK - RS already monitoring %s", real, name)
		default:
			c.BFD, c.removed = name, false
		}
	}},
	alphaRow,
)

func endBFD(b *builder, c *Checker, s *Statement) {
	if c.BFD == "" {
		b.sayAtClose(s, "(%s) No name has been specified for BFD_CHECKER - skipping", c.real.Name())
		c.removed = true
		return
	}
	c.real.bfd[c.BFD] = true
}

// complete fills in what the blocks around a checker say, or its kind.
func (c *Checker) complete(g *Global) {
	r := c.real
	c.Alpha = or(c.alpha, r.Alpha)
	c.LogAllFailures = c.LogAllFailures || g.LVS.LogAllFailures
	t := c.timing
	t.connect = c.Connect.Timeout
	t.inherit(r.timing)
	if t.retry == unset {
		switch t.retry = retryDefault; c.Kind {
		case CheckDNS:
			t.retry = dnsRetryDefault
		case CheckMisc:
			t.retry = 0
		}
	}
	if t.warmup == unset {
		t.warmup = t.loop
	}
	if t.beforeRetry == unset {
		switch t.beforeRetry = beforeRetryDefault; c.Kind {
		case CheckDNS:
			t.beforeRetry = t.loop
		case CheckHTTP, CheckSSL:
			t.beforeRetry = 3 * time.Second
		}
	}
	if c.Connect.To.Port() == 0 && c.Connect.To.Addr() == r.Address.Addr() {
		c.Connect.To = r.Address // its port may be the virtual server's, which it did not have yet
	}
	c.Connect.Timeout, c.DelayLoop, c.Warmup, c.DelayBeforeRetry = t.connect, t.loop, t.warmup, t.beforeRetry
	c.Retry = uint32(min(t.retry, math.MaxUint32))
	if c.Misc != nil && c.Misc.Timeout == 0 {
		c.Misc.Timeout = r.server.timing.loop
	}
	if h := c.HTTP; h != nil {
		for i := range h.URLs {
			u := &h.URLs[i]
			for _, outer := range []string{h.virtualHost, r.virtualHost, r.server.VirtualHost} {
				if u.VirtualHost == "" {
					u.VirtualHost = outer
				}
			}
			u.TLSCompliant = u.TLSCompliant || h.tlsCompliant
		}
	}
}
