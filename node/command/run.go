// Package command is the command line: nginx's, with -k and -i and the commands
// of tandem's own, or keepalived's where the program is started as that.
package command

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"tandem/demo"
	"tandem/node"
	"tandem/node/configuration"
)

// subcommand is a first word of the command line that is no option.
type subcommand struct {
	name, args string // what may follow it, as help has it
	help       string
	run        func(args []string, modules configuration.Modules, stdout, stderr io.Writer) int
}

// withoutModules is a run that has no use for modules.
func withoutModules(run func([]string, io.Writer, io.Writer) int) func([]string, configuration.Modules, io.Writer, io.Writer) int {
	return func(args []string, _ configuration.Modules, stdout, stderr io.Writer) int {
		return run(args, stdout, stderr)
	}
}

// withContext is such a run that may be ended.
func withContext(run func(context.Context, []string, io.Writer, io.Writer) int) func([]string, configuration.Modules, io.Writer, io.Writer) int {
	return func(args []string, _ configuration.Modules, stdout, stderr io.Writer) int {
		return run(context.Background(), args, stdout, stderr)
	}
}

// subcommands returns the commands, in the order of help.
func subcommands() []subcommand {
	list := []subcommand{
		{"status", "[--json] [--watch] [-p prefix] [-c filename]", "how the running tandem stands: which node is master and why\n(tandem status --help)", withContext(showStatus)},
		{"top", "[--watch] [-p prefix] [-c filename]", "requests, errors and back ends, a second (tandem top --help)", withContext(top)},
		{"dashboard", "[--port=number] [-p prefix] [-c filename]", "the same as a page for a browser on this host\n(tandem dashboard --help)", withContext(dashboard)},
		{"test", "[-q] [-p prefix] [-c filename] [-k filename]", "test both configuration files, as -t", withOptions("-t")},
	}
	for _, s := range signals {
		list = append(list, subcommand{s.name, "[-p prefix] [-c filename]", s.help + ", as -s " + s.name, withOptions("-s" + s.name)})
	}
	return append(list,
		subcommand{"certificates", "[--json] [--renew name] [-p prefix] [-c filename]", "which certificates there are, until when, and when they are\nrenewed (tandem certificates --help)", withoutModules(certificates)},
		subcommand{"cache", "purge KEY... | --all [-p prefix] [-c filename]", "remove entries of the response cache", withoutModules(cacheCommand)},
		subcommand{"pair", "", "print a secret for the two nodes of a pair", withoutModules(pair)},
		subcommand{"demo", "[--json]", "watch two nodes and a client in networks of their own, no\nconfiguration needed", withContext(demo.Run)},
		subcommand{"--release", "[-p prefix] [-c filename] [-k filename]", "remove the virtual addresses that a tandem which died has\nleft, and tell the backups; for ExecStopPost of a service", withoutModules(releaseLeftovers)},
		subcommand{"help", "", "this help", withOptions("--help")},
		subcommand{"version", "", "show version and exit", withOptions("--version")},
	)
}

// withOptions is the run of a word that stands for an option.
func withOptions(option string) func([]string, configuration.Modules, io.Writer, io.Writer) int {
	return func(args []string, modules configuration.Modules, stdout, stderr io.Writer) int {
		return serve(append([]string{option}, args...), modules, stdout, stderr)
	}
}

// Run is the whole program, with the modules of its web server in their order; it
// returns the exit code. The first of args is the name that it was started by.
func Run(args []string, modules configuration.Modules, stdout, stderr io.Writer) int {
	name, args := filepath.Base(args[0]), args[1:]
	if name == "keepalived" {
		return runKeepalived(args, modules, stdout, stderr)
	}
	if len(args) > 0 {
		for _, c := range subcommands() {
			if args[0] == c.name {
				return c.run(args[1:], modules, stdout, stderr)
			}
		}
	}
	return serve(args, modules, stdout, stderr)
}

// serve does what nginx's command line says.
func serve(args []string, modules configuration.Modules, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, modules)
	if err != nil {
		fmt.Fprintf(stderr, "nginx: %v\n", err)
		if len(args) > 0 && len(args[0]) > 0 && args[0][0] != '-' {
			fmt.Fprintln(stderr, "tandem: there is no such command: \"tandem help\" lists what there is")
		}
		return 1
	}
	if o.version {
		to := stderr
		if o.aloud {
			to = stdout
		}
		printVersion(to, o)
		if !o.test {
			return 0
		}
	}
	switch {
	case o.test:
		return testFiles(o, stdout, stderr)
	case o.signal != "":
		return sendSignal(o, stderr)
	default:
		return node.Run(&o.Source, stderr)
	}
}
