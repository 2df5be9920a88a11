package exchange

import (
	"tandem/proxy/block"
	"tandem/web"
)

// Module reads upstream blocks and offers the $upstream variables. It stands
// before the protocols in the list of modules.
var Module = &web.Module{
	Name:      "upstream",
	Commands:  block.Commands(),
	Variables: variables,
	Init:      block.Complete,
}
