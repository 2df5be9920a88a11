package answer

import nc "tandem/nginxconf"

// Settings are what the directives say of answers, for one location. They are
// complete once Inherit has run.
type Settings struct {
	HideHeader      nc.Value[[]string]
	PassHeader      nc.Value[[]string]
	IgnoreHeaders   nc.Value[Ignored]
	ForceRanges     nc.Value[bool]
	InterceptErrors nc.Value[bool]
	PassTrailers    nc.Value[bool]
	// Intercept404: a 404 is never passed on as it is.
	Intercept404 bool

	hidden    hiddenFields
	ownServer bool
}

// Defaults are what differs between protocols.
type Defaults struct {
	// Hidden are the response headers that clients do not get to see unless
	// *_pass_header names them, beside those that concern this server. They
	// are among those that something is done with.
	Hidden []string
	// OwnServer: a response that says nothing of Server or Date, while these
	// are passed on, goes to the client without.
	OwnServer bool
}

// Inherit completes the settings from those of the outer level.
func (c *Settings) Inherit(p *Settings, d *Defaults) {
	c.HideHeader.Inherit(p.HideHeader, nil)
	c.PassHeader.Inherit(p.PassHeader, nil)
	c.IgnoreHeaders.Inherit(p.IgnoreHeaders, 0)
	c.ForceRanges.Inherit(p.ForceRanges, false)
	c.InterceptErrors.Inherit(p.InterceptErrors, false)
	c.PassTrailers.Inherit(p.PassTrailers, false)
	c.hidden, c.ownServer = hideFields(d.Hidden, c.HideHeader.V, c.PassHeader.V), d.OwnServer
}

// Commands returns the directives with a prefix, such as "proxy"; get returns the
// settings of the level being read.
func Commands(prefix string, get func(*nc.Scope) *Settings) []nc.Command {
	const in = nc.HTTP | nc.Server | nc.Location
	flag := func(name string, f func(*Settings) *nc.Value[bool]) nc.Command {
		return nc.Command{Name: prefix + name, In: in, Arity: nc.Flag,
			Set: nc.SetFlag(func(s *nc.Scope) *nc.Value[bool] { return f(get(s)) })}
	}
	return []nc.Command{
		{Name: prefix + "_hide_header", In: in, Arity: nc.Take1,
			Set: nc.SetStrings(func(s *nc.Scope) *nc.Value[[]string] { return &get(s).HideHeader })},
		{Name: prefix + "_pass_header", In: in, Arity: nc.Take1,
			Set: nc.SetStrings(func(s *nc.Scope) *nc.Value[[]string] { return &get(s).PassHeader })},
		{Name: prefix + "_ignore_headers", In: in, Arity: nc.OneMore,
			Set: nc.SetBitmask(func(s *nc.Scope) *nc.Value[Ignored] { return &get(s).IgnoreHeaders }, ignoredNames...)},
		flag("_force_ranges", func(c *Settings) *nc.Value[bool] { return &c.ForceRanges }),
		flag("_intercept_errors", func(c *Settings) *nc.Value[bool] { return &c.InterceptErrors }),
	}
}

// Ignored is a set of headers of a response that are not acted on.
type Ignored int

// The headers.
const (
	IgnoreRedirect Ignored = 1 << iota
	IgnoreAccelExpires
	IgnoreLimitRate
	IgnoreBuffering
	IgnoreCharset
	// What only a cache acts on.
	IgnoreExpires
	IgnoreCacheControl
	IgnoreSetCookie
	IgnoreVary
)

var ignoredNames = []nc.Name{
	{Name: "X-Accel-Redirect", Value: int(IgnoreRedirect)},
	{Name: "X-Accel-Expires", Value: int(IgnoreAccelExpires)},
	{Name: "X-Accel-Limit-Rate", Value: int(IgnoreLimitRate)},
	{Name: "X-Accel-Buffering", Value: int(IgnoreBuffering)},
	{Name: "X-Accel-Charset", Value: int(IgnoreCharset)},
	{Name: "Expires", Value: int(IgnoreExpires)},
	{Name: "Cache-Control", Value: int(IgnoreCacheControl)},
	{Name: "Set-Cookie", Value: int(IgnoreSetCookie)},
	{Name: "Vary", Value: int(IgnoreVary)},
}
