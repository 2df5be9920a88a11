package main

import (
	"fmt"
	"io"

	"tandem/internal/errorlog"
	"tandem/internal/privilege"
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

// listenForOrders opens the control socket beside the pid file. Without one the
// process is still reached by signals.
func (n *node) listenForOrders(c *configuration) {
	s, err := status.Listen(status.Name(n.pid.name), n.starter, n.order)
	if err != nil {
		c.log.Printf(errorlog.Warn, "%v", err)
		return
	}
	n.control = s
}

// order has a command done and returns the client's exit code. Questions are
// answered at once, whatever else goes on.
func (n *node) order(command string, out io.Writer) int {
	switch command {
	case status.Question:
		return n.report().Answer(out)
	case "demote":
		return n.demote(out)
	case "promote":
		return n.promote(out)
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
		for _, m := range n.conf.logs.memory {
			if _, err := m.WriteTo(o.out); err != nil {
				o.code = 1
			}
		}
	default:
		fmt.Fprintf(o.out, "nginx: [error] unknown command %q\n", o.command)
	}
}

// removeFiles takes away what tells others of the process: the control socket
// and the pid file.
func (n *node) removeFiles() {
	privilege.Raise(func() {
		if n.control != nil {
			n.control.Close()
			n.control = nil
		}
		n.pid.remove()
	})
}
