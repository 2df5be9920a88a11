package main

import (
	"tandem/web"
	"tandem/web/accesslog"
	"tandem/web/rewrite"
)

// modules is the ordered list of the HTTP server's features. Handlers of one
// phase and header filters run in this order, which is nginx's.
func modules() []*web.Module {
	return []*web.Module{
		rewrite.Module,
		accesslog.Module,
	}
}
