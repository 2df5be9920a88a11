package exchange

import (
	"fmt"
	"strings"
	"time"

	nc "tandem/nginxconf"
	"tandem/proxy/upstream"
)

// queue is what the queue directive says, which nginx Plus has: requests that
// find no peer wait for one.
type queue struct {
	length  int // how many may wait, 0: none
	timeout time.Duration
}

const defaultQueueTimeout = time.Minute

var queueCommands = []nc.Command{
	{Name: "queue", In: nc.Upstream, Arity: nc.Take12, Set: readQueue},
}

// readQueue reads queue number [timeout=time].
func readQueue(s *nc.Scope, d *nc.Directive) error {
	b := blockOf(s)
	if b.queue.length > 0 {
		return nc.ErrDuplicate
	}
	n, err := nc.ParseNumber(d.Args[0])
	if err != nil || n == 0 {
		return fmt.Errorf("invalid value \"%s\" in \"%s\" directive", d.Args[0], d.Name)
	}
	b.queue = queue{length: n, timeout: defaultQueueTimeout}
	if len(d.Args) == 2 {
		value, ok := strings.CutPrefix(d.Args[1], "timeout=")
		if b.queue.timeout, err = nc.ParseMsec(value); !ok || err != nil {
			return fmt.Errorf("invalid parameter \"%s\"", d.Args[1])
		}
	}
	return nil
}

// awaitPeer waits in the queue of the upstream, if it has one and that helps;
// otherwise, and when the time is up, the try ends as told. The wait is none of
// the try's own times.
func (x *Exchange) awaitPeer() (*upstream.Peer, outcome) {
	s := x.state()
	why := "no live upstreams"
	switch {
	case x.selection.TurnedAway():
		why = "upstream queue is full"
	case x.selection.Queued():
		why = "upstream queue timed out"
		peer := x.selection.Await(x.left)
		x.Request.Waited()
		now := x.Request.Now()
		s.queue, x.tryBegan = now.Sub(x.tryBegan), now
		if x.clientGone.Load() {
			return nil, x.abandoned()
		}
		if peer != nil {
			return peer, outcome{}
		}
	}
	s.peer = x.Target.Group.Name
	x.log(logError, connecting, "%s", why)
	return nil, x.next(onNoLive)
}
