package node

import (
	"context"
	"fmt"
	"io"
	"strings"

	"tandem/internal/openmetrics"
	"tandem/node/failover"
	"tandem/proxy/cache"
	"tandem/status"
)

// order is a command that came through the control socket. The goroutine that
// obeys signals does it, so that commands and signals never meet.
type order struct {
	command string
	out     io.Writer // what the client will print
	code    int       // its exit code
	done    chan struct{}
}

// order has a command done and returns the client's exit code. Questions are
// answered at once, whatever else goes on.
func (n *node) order(command string, out io.Writer) int {
	switch command {
	case status.Question:
		return n.report().Answer(out)
	case status.Metrics:
		_, _ = out.Write(n.report().WriteMetrics(openmetrics.Plain))
		return 0
	case "demote":
		return n.move(out, "demote", (*failover.Failover).Demote)
	case "promote":
		return n.move(out, "promote", (*failover.Failover).Promote)
	}
	if key, ok := strings.CutPrefix(command, status.Purge); ok {
		return n.purge(out, key)
	}
	if key, ok := strings.CutPrefix(command, status.PurgeBoth); ok {
		return n.purgeBoth(out, key)
	}
	if words, ok := strings.CutPrefix(command, status.ChangeUpstream); ok {
		return n.changeUpstream(out, strings.Fields(words))
	}
	if name, ok := strings.CutPrefix(command, status.Renew); ok {
		return n.renew(out, name)
	}
	o := &order{command: command, out: out, code: 1, done: make(chan struct{})}
	select {
	case n.orders <- o:
		<-o.done
	case <-n.ended:
		fmt.Fprintln(out, "nginx: [error] the process is shutting down")
	}
	return o.code
}

// purge removes entries from the caches.
func (n *node) purge(out io.Writer, key string) int {
	force := n.inForce.Load()
	if force == nil {
		fmt.Fprintln(out, "tandem: [error] nothing is served yet")
		return 1
	}
	removed := cache.Purge(context.Background(), force.configuration.HTTP, key)
	fmt.Fprintf(out, "removed %d for %q\n", removed, key)
	if removed == 0 {
		return 1
	}
	return 0
}

// purgeBoth removes entries from the caches of this node and of the other one. That
// nothing was there is no failure then: it is gone from both.
func (n *node) purgeBoth(out io.Writer, key string) int {
	if n.inForce.Load() == nil {
		return n.purge(out, key)
	}
	// The other one first: what it has must not come back from there.
	err := n.purgeOther(key)
	n.purge(out, key)
	if err != nil {
		fmt.Fprintf(out, "tandem: [error] the other node was not told of %q: %v\n", key, err)
		return 2
	}
	fmt.Fprintf(out, "the other node has purged %q\n", key)
	return 0
}

// move has the VRRP side demote or promote this node.
func (n *node) move(out io.Writer, command string, f func(*failover.Failover, io.Writer) int) int {
	force := n.inForce.Load()
	if force == nil || force.failover == nil {
		fmt.Fprintf(out, "tandem: [error] there is no VRRP instance to %s\n", command)
		return 1
	}
	return f(force.failover, out)
}

// obey does one command.
func (n *node) obey(o *order) {
	defer close(o.done)
	switch o.command {
	case "reload":
		n.notice("reload ordered, reconfiguring")
		if n.reload(o.out) {
			o.code = 0
		}
	case "memory-log":
		o.code = 0
		for _, m := range n.inForce.Load().configuration.LogsInMemory() {
			if _, err := m.WriteTo(o.out); err != nil {
				o.code = 1
			}
		}
	default:
		fmt.Fprintf(o.out, "nginx: [error] unknown command %q\n", o.command)
	}
}
