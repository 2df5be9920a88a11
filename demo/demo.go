// Package demo shows what the program is for: two nodes and a client in
// network namespaces of their own, and what the client sees while the nodes are
// stopped, broken and killed.
package demo

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"

	"tandem/internal/lab"
)

const usage = `Usage: tandem demo [--json]

Runs two nodes and a client in network namespaces of their own, and tells who
holds the virtual address and what the client is served while the nodes are
stopped, broken and killed. It needs no configuration and no root, touches
nothing of this machine's network, and takes about half a minute.

  --json   one JSON object per event, for machines
`

// Exit codes of Run.
const (
	exitFine        = 0
	exitFailed      = 1   // a step did not hold, or no demonstration is possible here
	exitInterrupted = 130 // as a shell reports Ctrl-C
)

// limit bounds the whole demonstration.
const limit = 3 * time.Minute

// Run runs the demonstration with the command line behind "demo", and returns
// the exit code: 0 if every step held. The calling program is started again in
// namespaces of its own, and must call Run there in the same way.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("tandem demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	asJSON := flags.Bool("json", false, "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitFine
	case err != nil:
		return exitFailed
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "unexpected argument %q\n%s", flags.Arg(0), usage)
		return exitFailed
	}
	code, done, err := lab.Enter()
	if err != nil {
		fmt.Fprintf(stderr, `tandem demo: %v

The demonstration runs in network namespaces of its own. Where an ordinary user
may not make them, run it as root:

    sudo tandem demo

In a container that refuses them to root as well, run it outside of the container.
`, err)
		return exitFailed
	}
	if done {
		return code
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	n := newNarrator(stdout, *asJSON)
	err = perform(ctx, n)
	switch {
	case err == nil:
		n.closing()
		return exitFine
	case errors.Is(err, context.Canceled):
		n.interrupted()
		return exitInterrupted
	default:
		n.failed(err)
		return exitFailed
	}
}

// perform sets the stage, tells the story, and clears up.
func perform(ctx context.Context, n *narrator) (err error) {
	l, err := lab.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	p, err := newStage(l, n)
	if err != nil {
		return err
	}
	defer p.Close()
	defer n.theEnd()
	return tell(ctx, p, n)
}
