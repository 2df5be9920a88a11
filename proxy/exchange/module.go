package exchange

import (
	"errors"
	"slices"

	"tandem/proxy/block"
	"tandem/proxy/sticky"
	"tandem/proxy/upstream"
	"tandem/web"
)

// Module reads upstream blocks and offers the $upstream variables. It stands
// before the protocols in the list of modules.
var Module = &web.Module{
	Name:      "upstream",
	Commands:  slices.Concat(block.Commands(web.Contexts), sticky.Commands),
	Variables: variables,
	Init:      func(h *web.HTTP) error { return block.Complete(&h.Realm) },
}

// FindTarget is block.FindTarget for a request, whose client's leaving ends it. The
// code is what to answer unless it is OK.
func FindTarget(r *web.Request, l upstream.Location) (block.Target, web.Code) {
	t, err := block.FindTarget(&r.Session, l, func(leave func()) func() {
		r.WatchClient(leave)
		return func() {
			r.StopWatch()
			r.Waited()
		}
	})
	switch {
	case err == nil:
		return t, web.OK
	case errors.Is(err, block.ErrNoPort):
		return t, 500
	}
	return t, 502
}
