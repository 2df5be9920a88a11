// Package block is the upstream {} language: which back ends stand for one
// another, how requests are spread over them and bound to them, where their
// addresses come from, and how it all is doing. A host that a directive names
// without there being a block stands for one.
package block

import (
	"slices"

	nc "tandem/nginxconf"
	"tandem/session"
)

// Commands returns the upstream directive, and those inside of it, for a server's
// language.
func Commands(in session.Contexts) []nc.Command {
	commands := slices.Concat(blockCommands(in), balanceCommands(in))
	if in.Upstream == nc.Upstream {
		return slices.Concat(commands, keepCommands, httpBalanceCommands, queueCommands)
	}
	return commands
}
