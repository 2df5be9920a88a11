// Command tandem serves HTTP as nginx does and holds virtual addresses as
// keepalived does, in one process, from the configuration files of both.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"tandem/demo"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the whole program; it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		switch args[0] {
		case "demo":
			return demo.Run(context.Background(), args[1:], stdout, stderr)
		case "status":
			return showStatus(context.Background(), args[1:], stdout, stderr)
		case "--release":
			return releaseLeftovers(args[1:], stdout, stderr)
		}
	}
	o, err := parseOptions(args)
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
		return testConfiguration(o, stdout, stderr)
	case o.signal != "":
		return sendSignal(o, stderr)
	default:
		return serve(o, stderr)
	}
}
