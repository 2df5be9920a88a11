package configuration

import (
	"fmt"
	"os"

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
	uid, _, ok := privilege.LookupUser(d.Args[0])
	if !ok {
		return fmt.Errorf("getpwnam(\"%s\") failed", d.Args[0])
	}
	group := d.Args[0]
	if len(d.Args) == 2 {
		group = d.Args[1]
	}
	gid, ok := privilege.LookupGroup(group)
	if !ok {
		return fmt.Errorf("getgrnam(\"%s\") failed", group)
	}
	*v = nc.Value[privilege.Account]{V: privilege.Account{Name: d.Args[0], UID: uid, GID: gid}, Set: true}
	return nil
}

// RunsAs returns the account that the configuration wants the process to run
// as; ok is false when it is to stay who it is.
func (c *Configuration) RunsAs() (a privilege.Account, ok bool) {
	a = c.Process.User.V
	return a, a.UID != 0
}
