package node

import (
	"errors"
	"fmt"
	"time"

	"tandem/internal/child"
	"tandem/internal/errorlog"
	"tandem/keepalivedconf"
	"tandem/node/configuration"
)

// runStartupScript runs startup_script before the node takes part in VRRP.
func runStartupScript(c *configuration.Configuration) {
	if k := c.Keepalived; k != nil {
		runToEnd(c, "startup_script", k.Global.StartupScript, k.Global.StartupScriptTimeout)
	}
}

// runShutdownScript runs shutdown_script when everything else has ended.
func runShutdownScript(c *configuration.Configuration) {
	if k := c.Keepalived; k != nil {
		runToEnd(c, "shutdown_script", k.Global.ShutdownScript, k.Global.ShutdownScriptTimeout)
	}
}

// runToEnd runs a script and waits for its end, for a time. Whatever comes of
// it, the process goes on as if it had succeeded.
func runToEnd(c *configuration.Configuration, keyword string, script keepalivedconf.Command, limit time.Duration) {
	command := c.Keepalived.Program(script)
	if command == nil {
		return
	}
	c.Log.Printf(errorlog.Info, "running %s %s", keyword, command)
	if err := waitFor(command, limit); err != nil {
		c.Log.Printf(errorlog.Error, "%s %s: %v", keyword, command, err)
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
		return fmt.Errorf("did not end within %v and was terminated", limit)
	}
	if r := p.Result(); !r.OK() {
		return errors.New(r.String())
	}
	return nil
}
