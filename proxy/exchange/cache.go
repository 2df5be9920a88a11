package exchange

import (
	"fmt"

	nc "tandem/nginxconf"
	"tandem/web"
)

// cacheCommands are the directives of caching that say nothing as long as
// there is no cache.
func cacheCommands(prefix string) []nc.Command {
	const in = nc.HTTP | nc.Server | nc.Location
	return []nc.Command{
		{Name: prefix + "_cache", In: in, Arity: nc.Take1, Set: readCache},
		{Name: prefix + "_cache_bypass", In: in, Arity: nc.OneMore, Set: readCacheConditions},
		{Name: prefix + "_no_cache", In: in, Arity: nc.OneMore, Set: readCacheConditions},
	}
}

func readCache(_ *nc.Scope, d *nc.Directive) error {
	if d.Args[0] == "off" {
		return nil
	}
	return fmt.Errorf("\"%s\" is a directive of nginx that tandem does not support yet, but for \"off\"", d.Name)
}

// readCacheConditions reads the conditions for their mistakes.
func readCacheConditions(s *nc.Scope, d *nc.Directive) error {
	for _, arg := range d.Args {
		if _, err := web.BlockOf(s).HTTP.Template(d, arg); err != nil {
			return err
		}
	}
	return nil
}
