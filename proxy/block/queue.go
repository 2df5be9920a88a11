package block

import (
	"fmt"
	"strings"
	"time"

	nc "tandem/nginxconf"
)

// queue is what the queue directive says, which nginx Plus has: requests that
// find no peer wait for one.
type queue struct {
	length  int // how many may wait, 0: none
	timeout time.Duration
}

const defaultQueueTimeout = time.Minute

var queueCommands = []nc.Command{
	{Name: "queue", In: nc.Upstream, Arity: nc.Take12, Set: readQueue},
}

// readQueue reads queue number [timeout=time].
func readQueue(s *nc.Scope, d *nc.Directive) error {
	b := blockOf(s)
	if b.queue.length > 0 {
		return nc.ErrDuplicate
	}
	n, err := nc.ParseNumber(d.Args[0])
	if err != nil || n == 0 {
		return fmt.Errorf("invalid value \"%s\" in \"%s\" directive", d.Args[0], d.Name)
	}
	b.queue = queue{length: n, timeout: defaultQueueTimeout}
	if len(d.Args) == 2 {
		value, ok := strings.CutPrefix(d.Args[1], "timeout=")
		if b.queue.timeout, err = nc.ParseMsec(value); !ok || err != nil {
			return fmt.Errorf("invalid parameter \"%s\"", d.Args[1])
		}
	}
	return nil
}
