package main

import (
	"errors"
	"fmt"
	"time"

	"tandem/internal/child"
	"tandem/internal/errorlog"
	"tandem/keepalivedconf"
)

// runStartupScript runs startup_script before the node takes part in VRRP.
func (c *configuration) runStartupScript() {
	if k := c.keepalived; k != nil {
		c.runToEnd("startup_script", k.Global.StartupScript, k.Global.StartupScriptTimeout)
	}
}

// runShutdownScript runs shutdown_script when everything else has ended.
func (c *configuration) runShutdownScript() {
	if k := c.keepalived; k != nil {
		c.runToEnd("shutdown_script", k.Global.ShutdownScript, k.Global.ShutdownScriptTimeout)
	}
}

// runToEnd runs a script and waits for its end, for a time. Whatever comes of
// it, the process goes on as if it had succeeded.
func (c *configuration) runToEnd(keyword string, script keepalivedconf.Command, limit time.Duration) {
	command := c.optionalCommand(script)
	if command == nil {
		return
	}
	c.log.Printf(errorlog.Info, "running %s %s", keyword, command)
	if err := waitFor(command, limit); err != nil {
		c.log.Printf(errorlog.Error, "%s %s: %v", keyword, command, err)
	}
}

// waitFor runs a program to its end. One that takes longer than it may is ended,
// with what it has started.
func waitFor(command *child.Command, limit time.Duration) error {
	p, err := child.Start(command)
	if err != nil {
		return errors.New(child.Result{Err: err}.String())
	}
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	select {
	case <-p.Done():
	case <-timeout.C:
		p.Terminate()
		return fmt.Errorf("has not ended within %v, and was ended", limit)
	}
	if r := p.Result(); !r.OK() {
		return errors.New(r.String())
	}
	return nil
}
