// Command tandem serves HTTP as nginx does and holds virtual addresses as
// keepalived does, in one process, from the configuration files of both.
package main

import (
	"os"

	"tandem/node/command"
)

func main() { os.Exit(command.Run(os.Args, modules, os.Stdout, os.Stderr)) }
