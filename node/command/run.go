// Package command is the command line: nginx's flags, -k and -i, and the commands
// status, certificates, pair, demo and --release.
package command

import (
	"context"
	"fmt"
	"io"

	"tandem/demo"
	"tandem/node"
	"tandem/node/configuration"
)

// Run is the whole program, with the modules of its web server in their order; it
// returns the exit code.
func Run(args []string, modules configuration.Modules, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		switch args[0] {
		case "demo":
			return demo.Run(context.Background(), args[1:], stdout, stderr)
		case "status":
			return showStatus(context.Background(), args[1:], stdout, stderr)
		case "certificates":
			return certificates(args[1:], stdout, stderr)
		case "cache":
			return cacheCommand(args[1:], stdout, stderr)
		case "pair":
			return pair(args[1:], stdout, stderr)
		case "--release":
			return releaseLeftovers(args[1:], stdout, stderr)
		}
	}
	o, err := parseOptions(args, modules)
	if err != nil {
		fmt.Fprintf(stderr, "nginx: %v\n", err)
		return 1
	}
	if o.version {
		printVersion(stderr, o)
		if !o.test {
			return 0
		}
	}
	switch {
	case o.test:
		return test(o, stdout, stderr)
	case o.signal != "":
		return sendSignal(o, stderr)
	default:
		return node.Run(&o.Source, stderr)
	}
}
