package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"tandem/internal/errorlog"
	"tandem/internal/privilege"
	"tandem/node/configuration"
)

// dropPrivileges makes the process run as the user of the user directive. It
// comes after everything that only root may do.
func dropPrivileges(c *configuration.Configuration) error {
	a, ok := c.RunsAs()
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	if err := makeTempFolders(c); err != nil {
		return err
	}
	return privilege.Drop(a)
}

// warnOfUser says when a reload asks for another user: a process can only give
// up being root once.
func warnOfUser(c, old *configuration.Configuration) {
	now, was := c.Process.User.V, old.Process.User.V
	if now.UID != was.UID || now.GID != was.GID {
		c.Log.Printf(errorlog.Warn, "the \"user\" directive has changed, which takes a restart; the process goes on as it was")
		c.Process.User = old.Process.User
	}
}

// makeTempFolders makes the folders for temporary files and gives them to the
// user that will write there, as nginx does. As long as the process stays root
// they are made when the first file is.
func makeTempFolders(c *configuration.Configuration) error {
	a, ok := c.RunsAs()
	if !ok {
		return nil
	}
	named, defaults := c.HTTP.TempFolders()
	for _, name := range named {
		if err := giveFolder(name, a.UID); err != nil {
			return err
		}
	}
	for _, name := range defaults {
		// Nobody asked for these: whoever needs one will say what is wrong.
		_ = os.MkdirAll(filepath.Dir(name), 0o755)
		_ = giveFolder(name, a.UID)
	}
	return nil
}

func giveFolder(name string, uid int) error {
	if err := os.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("mkdir() \"%s\" failed (%s)", name, errorlog.Reason(err))
	}
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("stat() \"%s\" failed (%s)", name, errorlog.Reason(err))
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != uid {
		if err := os.Chown(name, uid, -1); err != nil {
			return fmt.Errorf("chown(\"%s\", %d) failed (%s)", name, uid, errorlog.Reason(err))
		}
	}
	if mode := info.Mode().Perm(); mode&0o700 != 0o700 {
		if err := os.Chmod(name, mode|0o700); err != nil {
			return fmt.Errorf("chmod() \"%s\" failed (%s)", name, errorlog.Reason(err))
		}
	}
	return nil
}
