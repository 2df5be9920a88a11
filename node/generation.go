package node

import (
	"context"
	"maps"
	"sync"

	"tandem/internal/listen"
	"tandem/node/configuration"
	"tandem/stream"
	"tandem/web"
)

// generation is the servers of one configuration at work: of http, and of stream.
type generation struct {
	web    *web.Generation
	stream *stream.Generation
}

func (n *node) newGeneration(c *configuration.Configuration) *generation {
	c.HTTP.Node = monitored{n}
	g := &generation{web: web.NewGeneration(c.HTTP, &n.stats), stream: stream.NewGeneration(c.Stream)}
	g.web.Own, g.web.Drain = &n.own, &n.drain
	g.stream.Find = n.set.Find
	return g
}

// servers returns who serves the sockets.
func (g *generation) servers() map[listen.Address]listen.Server {
	servers := g.web.Servers()
	maps.Copy(servers, g.stream.Servers())
	return servers
}

// retire has the servers end what they have begun; connections of http go on with
// next, if there is one.
func (g *generation) retire(next *generation) {
	if next == nil {
		g.web.Retire(nil)
	} else {
		g.web.Retire(next.web)
	}
	g.stream.Retire()
}

// wait waits until nothing is left of retired servers, or ctx ends, when what is
// left is cut.
func (g *generation) wait(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { _ = g.web.Wait(ctx) })
	both.Go(func() { _ = g.stream.Wait(ctx) })
	both.Wait()
}

// abort cuts everything.
func (g *generation) abort() {
	g.web.Abort()
	g.stream.Abort()
}
