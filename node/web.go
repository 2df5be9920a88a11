package node

import (
	"context"
	"time"

	"tandem/internal/listen"
	"tandem/internal/privilege"
	"tandem/node/configuration"
)

// webPart has the web side serve a configuration. The sockets that it needs are
// opened before; connections that come meanwhile wait in them.
func (n *node) webPart(c *configuration.Configuration) (change, error) {
	open := n.openSockets
	if n.inForce.Load() != nil {
		// Who reloads waits for nobody to give up an address.
		open = func(c *configuration.Configuration) (*listen.Opened, error) {
			return n.set.Open(c.Listening(), c.IsVirtual)
		}
	}
	opened, err := open(c)
	if err != nil {
		return change{}, err
	}
	return change{
		commit: func() {
			c.UseLogs()
			n.pairUp(c)
			n.generation = n.newGeneration(c)
			opened.Use(n.generation.servers())
		},
		discard: opened.Close,
	}, nil
}

// abortLimit is how long it may take until aborted connections are forgotten.
const abortLimit = time.Second

// abortWeb ends the web side at once.
func (n *node) abortWeb() {
	privilege.Raise(n.set.Close)
	n.generation.retire(nil)
	n.generation.abort()
	ctx, cancel := context.WithTimeout(context.Background(), abortLimit)
	defer cancel()
	n.generation.wait(ctx)
}
