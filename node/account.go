package node

import (
	"errors"
	"os"

	"tandem/internal/errorlog"
	"tandem/internal/privilege"
	"tandem/node/configuration"
)

var (
	// serving are the rights that serving takes, at a reload for instance:
	// ports below 1024, logs and folders of the user's, limits, addresses of
	// clients to connect from (proxy_bind transparent), and the way back to the
	// user from there.
	serving = privilege.Of(privilege.NetBindService, privilege.DACOverride, privilege.Chown, privilege.FOwner,
		privilege.SysResource, privilege.NetRaw, privilege.SetUID, privilege.SetGID)
	// failingOver are those that a keepalived.conf takes beside them: addresses
	// and routes, scripts of other users to end, a thread that is scheduled
	// before others, memory that is not swapped out.
	failingOver = privilege.Of(privilege.NetAdmin, privilege.Kill, privilege.SysNice, privilege.IPCLock)
)

// confine puts the process's rights to sleep, has files opened as the user of
// the user directive, and gives up what the process will have no use for. It
// comes after everything that only the start may do.
func (n *node) confine(c *configuration.Configuration) error {
	to := privilege.Confinement{Keep: serving}
	if n.source.Keepalived != "" {
		to.Keep |= failingOver
		to.Programs = c.Keepalived != nil && c.Keepalived.RunsPrograms()
	}
	if a, ok := c.RunsAs(); ok && os.Geteuid() == 0 {
		to.Account = &a
	}
	err := privilege.Confine(to)
	if errors.Is(err, privilege.ErrCgo) && to.Account == nil {
		// Nobody has asked for other rights than those that there are.
		c.Log.Printf(errorlog.Notice, "%v", err)
		return nil
	}
	n.confinedPrograms = !to.Programs
	return err
}

// warnOfPrograms says when a reload brings in the first program to run: what a
// process has given up at its start it cannot give to others.
func (n *node) warnOfPrograms(c *configuration.Configuration) {
	if n.confinedPrograms && c.Keepalived != nil && c.Keepalived.RunsPrograms() {
		c.Log.Printf(errorlog.Warn, "the process was started with a configuration without scripts: until it is restarted, scripts have only "+
			"tandem's own rights, and programs that change their user, such as sudo, fail")
	}
}

// warnOfUser says when a reload asks for another user: the process changes who
// it opens files as once.
func warnOfUser(c, old *configuration.Configuration) {
	now, was := c.Process.User.V, old.Process.User.V
	if now.UID != was.UID || now.GID != was.GID {
		c.Log.Printf(errorlog.Warn, "the \"user\" directive has changed: that takes effect only after a restart")
		c.Process.User = old.Process.User
	}
}
