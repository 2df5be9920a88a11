package configuration

import (
	"slices"

	nc "tandem/nginxconf"
	"tandem/stream"
	"tandem/web"
)

// Group is the directives of a module, as documentation has them.
type Group struct {
	Module   string // "core" for what is no module's
	Stream   bool   // of stream {}
	Commands []nc.Command
}

// Catalogue returns every directive that is read with these modules.
func Catalogue(modules Modules) []Group {
	c := &Configuration{HTTP: new(web.HTTP), Stream: new(stream.Stream)}
	groups := []Group{{Module: "core", Commands: c.mainCommands()}}
	ofModules := len(modules.HTTP)
	http := c.HTTP.Commands(modules.HTTP)
	groups = append(groups, Group{Module: "http core", Commands: slices.Concat(http[:len(http)-ofModules]...)})
	for i, m := range modules.HTTP {
		groups = append(groups, Group{Module: m.Name, Commands: http[len(http)-ofModules+i]})
	}
	ofModules = len(modules.Stream)
	streams := c.Stream.Commands(modules.Stream)
	groups = append(groups, Group{Module: "stream core", Stream: true, Commands: slices.Concat(streams[:len(streams)-ofModules]...)})
	for i, m := range modules.Stream {
		groups = append(groups, Group{Module: m.Name, Stream: true, Commands: streams[len(streams)-ofModules+i]})
	}
	return groups
}
