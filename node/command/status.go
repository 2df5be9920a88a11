package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/process"
	nc "tandem/nginxconf"
	"tandem/node/configuration"
	"tandem/status"
)

const statusUsage = `Usage: tandem status [--json | --metrics] [--watch[=seconds]] [-p prefix]
                     [-c filename] [-g directives]

Shows how the running tandem stands: which node is master and why, what the
self-probe says, what is known of the peers, and the web side.

  --json    : as JSON, for programs
  --metrics : as metrics, for Prometheus
  --watch   : again every second, or as often as said, until Ctrl-C
  -p -c -g  : which tandem, as for -s: the one whose pid file they name

Exit code: 0 healthy, 1 not healthy (a fault, resigned, nobody known to hold an
address, stopping ...), 2 no tandem running, 3 it could not be asked.
`

const topUsage = `Usage: tandem top [--watch[=seconds]] [-p prefix] [-c filename] [-g directives]

Shows what the running tandem is busy with: requests, errors and back ends, a
second, in the time since the page before; on the first page since the start.

  --watch   : every two seconds, or as often as said, until Ctrl-C; without a
              terminal two pages are shown
  -p -c -g  : which tandem, as for -s: the one whose pid file they name

Exit code: as that of status.
`

// showStatus is the status command.
func showStatus(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return show(ctx, &status.Viewer{}, statusUsage, args, stdout, stderr)
}

// top is the top command.
func top(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return show(ctx, &status.Viewer{Top: true, Watch: 2 * time.Second, Pages: 2}, topUsage, args, stdout, stderr)
}

// show has v show what the words say.
func show(ctx context.Context, v *status.Viewer, usage string, args []string, stdout, stderr io.Writer) int {
	v.Out, v.Err = stdout, stderr
	var rest []string
	for _, a := range args {
		word, value, given := strings.Cut(a, "=")
		switch word {
		case "--json":
			v.JSON = !v.Top
		case "--metrics":
			v.Metrics = !v.Top
		case "--watch":
			if v.Watch == 0 {
				v.Watch = time.Second
			}
			if given {
				seconds, err := time.ParseDuration(value + "s")
				if err != nil || seconds < 100*time.Millisecond {
					fmt.Fprintf(stderr, "tandem: --watch takes a number of seconds from 0.1, not %q\n", value)
					return status.ExitUnknown
				}
				v.Watch = seconds
			}
		case "--help", "-h", "-?":
			fmt.Fprint(stdout, usage)
			return status.ExitHealthy
		default:
			rest = append(rest, a)
		}
	}
	o, err := parseOptions(rest, configuration.Modules{})
	if err == nil && (o.signal != "" || o.test || o.version) {
		err = fmt.Errorf("only -p, -c and -g of nginx's options have a meaning here")
	}
	if err != nil {
		fmt.Fprintf(stderr, "tandem: %v\n%s", err, usage)
		return status.ExitUnknown
	}
	pid := o.runningPIDFile()
	v.Socket = status.Name(pid)
	v.Running = func() bool { return process.PIDFileHeld(pid) }
	if f, ok := stdout.(*os.File); ok && isTerminal(f) {
		v.Style.Colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		if os.Getenv("TERM") != "dumb" {
			v.Screen = func() status.Screen { return screenOf(f) }
			if v.Top {
				v.Pages = 0
			}
		}
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	return v.Run(ctx)
}

// runningPIDFile returns the name of the pid file that nginx.conf gives. A
// configuration that is being edited must not hide the running process, so
// nothing but that directive is looked at.
func (o *options) runningPIDFile() string {
	tree, _ := nc.Read(o.Nginx, nc.Options{Prefix: o.Prefix, Globals: o.Globals})
	for _, d := range tree.Main {
		if d.Name == "pid" && len(d.Args) == 1 {
			return o.Path(d.Args[0])
		}
	}
	// One that was started as keepalived has no nginx.conf.
	if name := o.PIDFile(); process.PIDFileHeld(name) || o.Prefix != configuration.DefaultPrefix || !process.PIDFileHeld(configuration.KeepalivedPID) {
		return name
	}
	return configuration.KeepalivedPID
}

// screenOf returns how large a terminal is.
func screenOf(f *os.File) status.Screen {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return status.Screen{}
	}
	return status.Screen{Rows: int(size.Row), Columns: int(size.Col)}
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
