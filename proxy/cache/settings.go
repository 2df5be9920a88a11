package cache

import (
	"math"
	"time"

	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

// Settings are what the directives say of the cache, for one location. They are
// complete once Inherit has run.
type Settings struct {
	Use              nc.Value[*Use] // nil: off
	Key              nc.Value[*session.Template]
	Valid            nc.Value[[]validity]
	MinUses          nc.Value[int]
	Bypass           nc.Value[[]*session.Template]
	NoCache          nc.Value[[]*session.Template]
	Purge            nc.Value[[]*session.Template] // when a request removes what it asks for
	Methods          nc.Value[methods]
	Lock             nc.Value[bool]
	LockTimeout      nc.Value[time.Duration]
	LockAge          nc.Value[time.Duration]
	Revalidate       nc.Value[bool]
	ConvertHead      nc.Value[bool]
	BackgroundUpdate nc.Value[bool]
	MaxRangeOffset   nc.Value[int64]
	Conformance      nc.Value[Conformance]
	StatusName       nc.Value[string] // of this cache in Cache-Status; "": the field is not sent

	// WhileUpdating: a stale entry is used while it is updated. *_cache_use_stale
	// says so, which is package exchange's.
	WhileUpdating bool
}

// Inherit completes the settings from those of the outer level.
func (c *Settings) Inherit(p *Settings) error {
	c.Use.Inherit(p.Use, nil)
	c.Key.Inherit(p.Key, nil)
	c.Valid.Inherit(p.Valid, nil)
	c.MinUses.Inherit(p.MinUses, 1)
	c.Bypass.Inherit(p.Bypass, nil)
	c.NoCache.Inherit(p.NoCache, nil)
	c.Purge.Inherit(p.Purge, nil)
	c.Methods.Inherit(p.Methods, 0)
	c.Methods.V |= methods(web.GET | web.HEAD)
	c.Lock.Inherit(p.Lock, false)
	c.LockTimeout.Inherit(p.LockTimeout, 5*time.Second)
	c.LockAge.Inherit(p.LockAge, 5*time.Second)
	c.Revalidate.Inherit(p.Revalidate, false)
	c.ConvertHead.Inherit(p.ConvertHead, true)
	c.BackgroundUpdate.Inherit(p.BackgroundUpdate, false)
	c.MaxRangeOffset.Inherit(p.MaxRangeOffset, math.MaxInt64)
	c.Conformance.Inherit(p.Conformance, ConformNot)
	c.StatusName.Inherit(p.StatusName, "")
	return c.Use.V.resolve()
}

// methods is a set of web.Method.
type methods int

// validity is how long responses with a status are kept that do not say so
// themselves.
type validity struct {
	status int // 0: any
	time   time.Duration
}

// validFor returns how long a response with that status is kept, 0: not at all.
func (c *Settings) validFor(status int) time.Duration {
	for _, v := range c.Valid.V {
		if v.status == 0 || v.status == status {
			return v.time
		}
	}
	return 0
}
