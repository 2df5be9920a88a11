package configuration

import (
	"fmt"
	"os"
	"os/user"
	"strconv"

	"tandem/internal/privilege"
	nc "tandem/nginxconf"
)

// readUser reads user name [group]. nginx runs its workers as that user and its
// master as root; tandem is one process, see package privilege.
func readUser(s *nc.Scope, d *nc.Directive) error {
	v := &processOf(s).User
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

// RunsAs returns the account that the configuration wants the process to run
// as; ok is false when it is to stay who it is.
func (c *Configuration) RunsAs() (a privilege.Account, ok bool) {
	a = c.Process.User.V
	return a, a.UID != 0
}
