package command

import (
	"fmt"
	"io"
	"strings"

	"tandem/node/configuration"
	"tandem/status"
)

const cacheUsage = `Usage: tandem cache purge KEY... | --all [--both] [-p prefix] [-c filename] [-g directives]

Removes entries from the response caches of the running tandem.

  KEY       : the entry of that key, as proxy_cache_key or the like has it; of
              http://backend/path without one. With * at its end: of all keys
              that begin so
  --all     : all entries
  --both    : on the other node of the pair as well, which takes a peer_key in
              keepalived.conf
  -p -c -g  : which tandem, as for -s: the one whose pid file they name

Exit code: 0 removed, 1 there was nothing to remove, 2 no tandem running, or
with --both the other node was not reached, 3 it could not be asked. With --both
it is 0 also if there was nothing to remove.
`

// cacheCommand is the cache command.
func cacheCommand(args []string, stdout, stderr io.Writer) int {
	var keys, rest []string
	purge := status.Purge
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case a == "--help", a == "-h", a == "-?":
			fmt.Fprint(stdout, cacheUsage)
			return 0
		case a == "--all":
			keys = append(keys, "*")
		case a == "--both":
			purge = status.PurgeBoth
		case i == 0 && a == "purge":
		case (a == "-p" || a == "-c" || a == "-g") && i+1 < len(args):
			rest = append(rest, a, args[i+1])
			i++
		case strings.HasPrefix(a, "-"):
			rest = append(rest, a)
		default:
			keys = append(keys, a)
		}
	}
	o, err := parseOptions(rest, configuration.Modules{})
	switch {
	case err != nil:
	case o.signal != "" || o.test || o.version:
		err = fmt.Errorf("cache takes only -p, -c and -g of nginx's options")
	case len(args) == 0 || args[0] != "purge" || len(keys) == 0:
		err = fmt.Errorf("cache purge wants a key")
	}
	for _, key := range keys {
		if strings.ContainsAny(key, "\r\n") {
			err = fmt.Errorf("a key is one line")
		}
	}
	if err != nil {
		fmt.Fprintf(stderr, "tandem: %v\n%s", err, cacheUsage)
		return status.ExitUnknown
	}
	worst := 0
	for _, key := range keys {
		code, err := status.Ask(status.Name(o.runningPIDFile()), purge+key, stdout)
		if err != nil {
			fmt.Fprintf(stderr, "tandem: no tandem is running here (%v)\n", err)
			return status.ExitNotRunning
		}
		worst = max(worst, code)
	}
	return worst
}
