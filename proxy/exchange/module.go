package exchange

import (
	"slices"

	"tandem/web"
)

// Module reads upstream blocks and offers the $upstream variables. It stands
// before the protocols in the list of modules.
var Module = &web.Module{
	Name:      "upstream",
	Commands:  slices.Concat(blockCommands, balanceCommands, stickyCommands, queueCommands),
	Variables: variables,
	Init:      complete,
}
