package node

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"tandem/internal/listen"
	"tandem/internal/procfs"
	"tandem/node/configuration"
)

// bindTries and bindPause: like nginx, wait a little for a predecessor to give
// up the address.
const (
	bindTries = 5
	bindPause = 500 * time.Millisecond
)

// openSockets opens what is to be listened on. What stands in the way is told
// once, with who it is, not at each try.
func (n *node) openSockets(c *configuration.Configuration) (*listen.Opened, error) {
	told := ""
	for try := 1; ; try++ {
		opened, err := n.set.Open(c.Listening(), c.IsVirtual)
		if err == nil || !isAddressInUse(err) {
			return opened, err
		}
		if text := err.Error(); text != told {
			told = text
			configuration.PrintFailure(n.stderr, err)
			printHolders(n.stderr, err)
		}
		if try == bindTries {
			return nil, errors.New("still could not bind()")
		}
		time.Sleep(bindPause)
	}
}

func isAddressInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

// printHolders says which processes have the addresses that are in use.
func printHolders(w io.Writer, err error) {
	told := map[int]bool{}
	for _, e := range parts(err) {
		var bind *listen.BindError
		if !errors.As(e, &bind) || bind.Addr.Unix != "" || !isAddressInUse(e) {
			continue
		}
		p, ok := procfs.Listener(bind.Addr.IP)
		if !ok || told[p.PID] {
			continue
		}
		told[p.PID] = true
		advice := ""
		if p.Name == "nginx" {
			advice = "; tandem takes its place: stop it first, as with \"systemctl disable --now nginx\""
		}
		fmt.Fprintf(w, "tandem: [notice] %s is in use by %s (process %d)%s\n", bind.Addr, p.Name, p.PID, advice)
	}
}

// parts returns the errors that were joined to err, or err alone.
func parts(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}
