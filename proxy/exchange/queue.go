package exchange

import "tandem/proxy/upstream"

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
