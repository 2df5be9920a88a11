package node

import (
	"tandem/internal/errorlog"
	"tandem/internal/privilege"
	"tandem/internal/process"
	"tandem/node/configuration"
	"tandem/status"
)

// contact is how others reach the process: the pid file and, beside it, the
// control socket.
type contact struct {
	pid     *process.PIDFile
	control *status.Socket // nil if it could not be made: signals reach the process still
}

// close takes the files away.
func (c contact) close() {
	privilege.Raise(func() {
		if c.control != nil {
			c.control.Close()
		}
		if c.pid != nil {
			c.pid.Remove()
		}
	})
}

// lockPart locks the pid file, if it is another than before, and leaves in it what
// it says until writePart: who is running already says so better than its sockets
// do.
func (n *node) lockPart(c *configuration.Configuration) (change, error) {
	n.next = n.contact
	if pid := n.contact.pid; pid != nil && pid.Name() == c.PIDFile() {
		return change{}, nil
	}
	pid, err := process.OpenPIDFile(c.PIDFile(), !c.Process.PID.Set)
	if err != nil {
		return change{}, err
	}
	n.next = contact{pid: pid}
	return change{discard: pid.GiveUp}, nil
}

// writePart has others find the process through the file that lockPart locked.
func (n *node) writePart(c *configuration.Configuration) (change, error) {
	next := n.next
	if next == n.contact {
		return change{}, nil
	}
	if err := next.pid.Write(); err != nil {
		return change{}, err
	}
	var err error
	if next.control, err = status.Listen(status.Name(next.pid.Name()), n.starter, n.order); err != nil {
		c.Log.Printf(errorlog.Warn, "%v", err)
	}
	return change{
		commit: func() {
			n.contact.close()
			n.contact = next
		},
		discard: func() {
			if next.control != nil {
				next.control.Close()
			}
		},
	}, nil
}
