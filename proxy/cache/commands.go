package cache

import (
	"errors"
	"fmt"
	"slices"
	"time"

	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
)

// Commands returns the directives with a prefix, such as "proxy"; get returns the
// settings of the level being read.
func Commands(prefix string, get func(*nc.Scope) *Settings) []nc.Command {
	const in = nc.HTTP | nc.Server | nc.Location
	flag := func(name string, f func(*Settings) *nc.Value[bool]) nc.Command {
		return nc.Command{Name: prefix + "_cache_" + name, In: in, Arity: nc.Flag, Set: nc.SetFlag(of(get, f))}
	}
	msec := func(name string, f func(*Settings) *nc.Value[time.Duration]) nc.Command {
		return nc.Command{Name: prefix + "_cache_" + name, In: in, Arity: nc.Take1, Set: nc.SetMsec(of(get, f))}
	}
	conditions := func(name string, f func(*Settings) *nc.Value[[]*session.Template]) nc.Command {
		return nc.Command{Name: prefix + name, In: in, Arity: nc.OneMore, Set: readConditions(of(get, f))}
	}
	return []nc.Command{
		{Name: prefix + "_cache_path", In: nc.HTTP, Arity: nc.TwoMore, Set: readPath(prefix)},
		{Name: prefix + "_cache", In: in, Arity: nc.Take1, Set: readUse(prefix, get)},
		{Name: prefix + "_cache_key", In: in, Arity: nc.Take1, Set: readKey(get)},
		{Name: prefix + "_cache_valid", In: in, Arity: nc.OneMore, Set: readValid(get)},
		conditions("_cache_bypass", func(c *Settings) *nc.Value[[]*session.Template] { return &c.Bypass }),
		conditions("_cache_purge", func(c *Settings) *nc.Value[[]*session.Template] { return &c.Purge }),
		conditions("_no_cache", func(c *Settings) *nc.Value[[]*session.Template] { return &c.NoCache }),
		{Name: prefix + "_cache_min_uses", In: in, Arity: nc.Take1,
			Set: nc.SetNumber(of(get, func(c *Settings) *nc.Value[int] { return &c.MinUses }))},
		{Name: prefix + "_cache_max_range_offset", In: in, Arity: nc.Take1,
			Set: nc.SetOffset(of(get, func(c *Settings) *nc.Value[int64] { return &c.MaxRangeOffset }))},
		{Name: prefix + "_cache_methods", In: in, Arity: nc.OneMore,
			Set: nc.SetBitmask(of(get, func(c *Settings) *nc.Value[methods] { return &c.Methods }),
				nc.Name{Name: "GET", Value: int(web.GET)}, nc.Name{Name: "HEAD", Value: int(web.HEAD)}, nc.Name{Name: "POST", Value: int(web.POST)})},
		flag("lock", func(c *Settings) *nc.Value[bool] { return &c.Lock }),
		msec("lock_timeout", func(c *Settings) *nc.Value[time.Duration] { return &c.LockTimeout }),
		msec("lock_age", func(c *Settings) *nc.Value[time.Duration] { return &c.LockAge }),
		flag("revalidate", func(c *Settings) *nc.Value[bool] { return &c.Revalidate }),
		{Name: prefix + "_cache_rfc9111", In: in, Arity: nc.Take1,
			Set: nc.SetEnum(of(get, func(c *Settings) *nc.Value[Conformance] { return &c.Conformance }),
				nc.Name{Name: "off", Value: int(ConformNot)}, nc.Name{Name: "on", Value: int(ConformFully)},
				nc.Name{Name: "responses", Value: int(ConformResponses)})},
		{Name: prefix + "_cache_status", In: in, Arity: nc.Take1, Set: readStatusName(get)},
		flag("background_update", func(c *Settings) *nc.Value[bool] { return &c.BackgroundUpdate }),
	}
}

// ConvertHead is *_cache_convert_head, which some protocols have.
func ConvertHead(prefix string, get func(*nc.Scope) *Settings) nc.Command {
	return nc.Command{Name: prefix + "_cache_convert_head", In: nc.HTTP | nc.Server | nc.Location, Arity: nc.Flag,
		Set: nc.SetFlag(of(get, func(c *Settings) *nc.Value[bool] { return &c.ConvertHead }))}
}

func of[V any](get func(*nc.Scope) *Settings, field func(*Settings) *nc.Value[V]) func(*nc.Scope) *nc.Value[V] {
	return func(s *nc.Scope) *nc.Value[V] { return field(get(s)) }
}

// Use is what *_cache says.
type Use struct {
	cache    *Cache            // nil: template says which
	template *session.Template // its value is a name, "off" or empty
	name     string
	prefix   string
	caches   *caches
}

// readUse reads *_cache zone | off.
func readUse(prefix string, get func(*nc.Scope) *Settings) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		v := &get(s).Use
		if v.Set {
			return nc.ErrDuplicate
		}
		v.Set = true
		if d.Args[0] == "off" {
			return nil
		}
		h := web.BlockOf(s).HTTP
		u := &Use{name: d.Args[0], prefix: prefix, caches: cachesSlot.Of(&h.Realm)}
		v.V = u
		if session.HasVariables(u.name) {
			var err error
			u.template, err = h.Template(d, u.name)
			return err
		}
		if u.name == "" {
			return errors.New("invalid zone name \"\"")
		}
		return nil
	}
}

// resolve finds the cache, once all have been read.
func (u *Use) resolve() error {
	if u == nil || u.template != nil || u.cache != nil {
		return nil
	}
	if u.cache = u.caches.find(u.prefix, u.name); u.cache == nil {
		return fmt.Errorf("\"%s_cache\" zone \"%s\" is unknown", u.prefix, u.name)
	}
	return nil
}

// readKey reads *_cache_key string.
func readKey(get func(*nc.Scope) *Settings) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		v := &get(s).Key
		if v.Set {
			return nc.ErrDuplicate
		}
		t, err := web.BlockOf(s).HTTP.Template(d, d.Args[0])
		*v = nc.Value[*session.Template]{V: t, Set: true}
		return err
	}
}

// readConditions reads strings, one of which is to be neither empty nor "0".
func readConditions(get func(*nc.Scope) *nc.Value[[]*session.Template]) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		v := get(s)
		v.Set = true
		for _, arg := range d.Args {
			t, err := web.BlockOf(s).HTTP.Template(d, arg)
			if err != nil {
				return err
			}
			v.V = append(v.V, t)
		}
		return nil
	}
}

// withoutStatus are those that *_cache_valid means if it names none.
var withoutStatus = []int{200, 301, 302}

// readValid reads *_cache_valid [status ... | any] time.
func readValid(get func(*nc.Scope) *Settings) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		v := &get(s).Valid
		v.Set = true
		words, last := d.Args[:len(d.Args)-1], d.Args[len(d.Args)-1]
		t, err := nc.ParseSec(last)
		if err != nil {
			return fmt.Errorf("invalid time value \"%s\"", last)
		}
		var statuses []int
		for _, word := range words {
			status := 0
			if word != "any" {
				if status, err = nc.ParseNumber(word); err != nil || status < 100 || status > 599 {
					return fmt.Errorf("invalid status \"%s\"", word)
				}
			}
			statuses = append(statuses, status)
		}
		if len(words) == 0 {
			statuses = slices.Clone(withoutStatus)
		}
		for _, status := range statuses {
			v.V = append(v.V, validity{status, t})
		}
		return nil
	}
}
