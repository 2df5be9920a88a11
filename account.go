package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"tandem/internal/errorlog"
	"tandem/internal/privilege"
	nc "tandem/nginxconf"
)

// readUser reads user name [group]. nginx runs its workers as that user and its
// master as root; tandem is one process, see package privilege.
func readUser(s *nc.Scope, d *nc.Directive) error {
	v := &processOf(s).user
	if v.Set {
		return nc.ErrDuplicate
	}
	if os.Geteuid() != 0 && !privilege.Dropped() {
		s.Warnf(d, "the \"user\" directive makes sense only if the master process runs with super-user privileges, ignored")
		v.Set = true
		return nil
	}
	u, err := user.Lookup(d.Args[0])
	if err != nil {
		return fmt.Errorf("getpwnam(\"%s\") failed", d.Args[0])
	}
	group := d.Args[0]
	if len(d.Args) == 2 {
		group = d.Args[1]
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return fmt.Errorf("getgrnam(\"%s\") failed", group)
	}
	a := privilege.Account{Name: d.Args[0]}
	a.UID, err = strconv.Atoi(u.Uid)
	if err == nil {
		a.GID, err = strconv.Atoi(g.Gid)
	}
	if err != nil {
		return err
	}
	*v = nc.Value[privilege.Account]{V: a, Set: true}
	return nil
}

// runsAs returns the account that the configuration wants the process to run
// as; ok is false when it is to stay who it is.
func (c *configuration) runsAs() (a privilege.Account, ok bool) {
	a = c.process.user.V
	return a, a.UID != 0
}

// dropPrivileges makes the process run as the user of the user directive. It
// comes after everything that only root may do.
func (c *configuration) dropPrivileges() error {
	a, ok := c.runsAs()
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	if err := c.makeTempFolders(); err != nil {
		return err
	}
	return privilege.Drop(a)
}

// warnOfUser says when a reload asks for another user: a process can only give
// up being root once.
func (c *configuration) warnOfUser(old *configuration) {
	now, was := c.process.user.V, old.process.user.V
	if now.UID != was.UID || now.GID != was.GID {
		c.log.Printf(errorlog.Warn, "the \"user\" directive has changed, which takes a restart; the process goes on as it was")
		c.process.user = old.process.user
	}
}

// makeTempFolders makes the folders for temporary files and gives them to the
// user that will write there, as nginx does. As long as the process stays root
// they are made when the first file is.
func (c *configuration) makeTempFolders() error {
	a, ok := c.runsAs()
	if !ok {
		return nil
	}
	named, defaults := c.http.TempFolders()
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
