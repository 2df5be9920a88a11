package command

import (
	"fmt"
	"slices"
	"strings"

	"tandem/node/configuration"
)

// Check reports whether a command line, its first word the program's name, would
// be taken, without doing what it says. Options that are a command's own are not
// looked at.
func Check(args []string) error {
	name, args := args[0], args[1:]
	if name == "keepalived" {
		o := &options{keepalived: keepalivedOptions{umask: -1}}
		return keepalivedLine.read(args, o)
	}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		if !slices.ContainsFunc(subcommands(), func(c subcommand) bool { return c.name == args[0] }) {
			return fmt.Errorf("there is no command %q", args[0])
		}
		return nil
	}
	_, err := parseOptions(args, configuration.Modules{})
	return err
}
