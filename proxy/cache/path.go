package cache

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/proxy/cache/entry"
	"tandem/proxy/cache/volume"
	"tandem/session"
	"tandem/web"
)

// Cache is what one *_cache_path says.
type Cache struct {
	volume.Config
	// TempBeside: answers are written to files in the cache's own folder.
	TempBeside bool

	prefix string // of the directive: "proxy"
	zone   *session.Zone
}

// Volume returns the cache at work.
func (c *Cache) Volume() *volume.Volume { return c.zone.Data().(*volume.Volume) }

// caches are those of an http block.
type caches []*Cache

var cachesSlot = session.NewRealmSlot[caches]()

// find returns the cache with that name of a keys_zone.
func (cs *caches) find(prefix, name string) *Cache {
	for _, c := range *cs {
		if c.prefix == prefix && c.Zone == name {
			return c
		}
	}
	return nil
}

// pathReader reads the words of *_cache_path.
type pathReader struct {
	Cache
	size int64 // of keys_zone in bytes
}

// readPath reads
//
//	*_cache_path path [levels=N:N:N] [use_temp_path=on|off] keys_zone=name:size
//	    [inactive=time] [max_size=size] [min_free=size]
//	    [manager_files=n] [manager_sleep=time] [manager_threshold=time]
//	    [loader_files=n] [loader_sleep=time] [loader_threshold=time]
//	    [purger=on|off] [purger_files=n] [purger_sleep=time] [purger_threshold=time]
//
// A purge is complete when it is answered, so that there is nothing for a purger
// to do.
func readPath(prefix string) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		pace := volume.Pace{Files: 100, Sleep: 50 * time.Millisecond, Threshold: 200 * time.Millisecond}
		r := pathReader{Cache: Cache{prefix: prefix, Config: volume.Config{
			Folder: s.Path(strings.TrimSuffix(d.Args[0], "/"), false), Inactive: 10 * time.Minute, MaxSize: math.MaxInt64,
			Loader: pace, Manager: pace,
		}}}
		for _, word := range d.Args[1:] {
			if err := r.read(word); err != nil {
				return err
			}
		}
		if r.Zone == "" || r.size == 0 {
			return fmt.Errorf("\"%s\" must have \"keys_zone\" parameter", d.Name)
		}
		return r.declare(s, d)
	}
}

// read reads one word after the path.
func (r *pathReader) read(word string) (err error) {
	name, value, _ := strings.Cut(word, "=")
	switch name {
	case "levels":
		if r.Levels, err = entry.ParseLevels(value); err != nil {
			return fmt.Errorf("invalid \"levels\" \"%s\"", word)
		}
	case "use_temp_path":
		if value != "on" && value != "off" {
			return fmt.Errorf("invalid use_temp_path value \"%s\", it must be \"on\" or \"off\"", word)
		}
		r.TempBeside = value == "off"
	case "keys_zone":
		return r.readZone(word, value)
	case "inactive":
		r.Inactive, err = nc.ParseSec(value)
	case "max_size":
		r.MaxSize, err = nc.ParseOffset(value)
	case "min_free":
		r.MinFree, err = nc.ParseOffset(value)
	case "loader_files":
		r.Loader.Files, err = nc.ParseNumber(value)
	case "loader_sleep":
		r.Loader.Sleep, err = nc.ParseMsec(value)
	case "loader_threshold":
		r.Loader.Threshold, err = nc.ParseMsec(value)
	case "manager_files":
		r.Manager.Files, err = nc.ParseNumber(value)
	case "manager_sleep":
		r.Manager.Sleep, err = nc.ParseMsec(value)
	case "manager_threshold":
		r.Manager.Threshold, err = nc.ParseMsec(value)
	case "purger":
		if value != "on" && value != "off" {
			return fmt.Errorf("invalid purger value \"%s\", it must be \"on\" or \"off\"", word)
		}
	case "purger_files":
		_, err = nc.ParseNumber(value)
	case "purger_sleep", "purger_threshold":
		_, err = nc.ParseMsec(value)
	default:
		return fmt.Errorf("invalid parameter \"%s\"", word)
	}
	if err != nil {
		return fmt.Errorf("invalid %s value \"%s\"", name, word)
	}
	return nil
}

// smallestZone is the least size of a keys_zone in bytes: two pages.
const smallestZone = 2 * 4096

func (r *pathReader) readZone(word, value string) (err error) {
	name, size, ok := strings.Cut(value, ":")
	if ok {
		r.size, err = nc.ParseSize(size)
	}
	switch {
	case !ok || err != nil:
		return fmt.Errorf("invalid keys zone size \"%s\"", word)
	case r.size < smallestZone:
		return fmt.Errorf("keys zone \"%s\" is too small", word)
	}
	r.Zone = name
	return nil
}

// declare makes the cache known, and has it managed while it is at work.
func (r *pathReader) declare(s *nc.Scope, d *nc.Directive) error {
	h := web.BlockOf(s).HTTP
	known := cachesSlot.Of(&h.Realm)
	for _, c := range *known {
		if c.Folder == r.Folder {
			return fmt.Errorf("the same path name \"%s\" is used by the cache \"%s\"", c.Folder, c.Zone)
		}
	}
	zone, err := h.Zone(d, r.prefix+"_cache", r.Zone)
	if err != nil {
		return err
	}
	if zone.Declared() {
		return fmt.Errorf("duplicate zone \"%s\"", r.Zone)
	}
	c := r.Cache
	c.zone = zone
	*known = append(*known, &c)
	h.AddNamedFolder(c.Folder)
	h.Background(func(ctx context.Context) { c.Volume().Load(ctx) })
	h.Background(func(ctx context.Context) { c.Volume().Manage(ctx) })
	h.Background(func(ctx context.Context) { c.Volume().RemoveOutdated(ctx) })
	return zone.Declare(r.size, "", func(old any) (any, error) {
		return c.open(old, r.size, func() *errorlog.Log { return h.Log })
	})
}

// open makes the volume, which goes on with what an earlier one remembers.
func (c *Cache) open(old any, size int64, log func() *errorlog.Log) (any, error) {
	before, ok := old.(*volume.Volume)
	switch {
	case !ok:
		return volume.New(c.Config, volume.NewMemory(size), log), nil
	case before.Folder != c.Folder:
		return nil, fmt.Errorf("cache \"%s\" uses the \"%s\" cache path while previously it used the \"%s\" cache path", c.Zone, c.Folder, before.Folder)
	case before.Levels != c.Levels:
		return nil, fmt.Errorf("cache \"%s\" had previously different levels", c.Zone)
	}
	return volume.New(c.Config, before.Memory, log), nil
}
