package keepalivedconf

import (
	"os/user"
	"strconv"

	"tandem/internal/child"
	"tandem/internal/privilege"
)

// Program returns the program that a script keyword names, with who is to run
// it; nil if the keyword is not there.
func (c *Config) Program(k Command) *child.Command {
	if !k.Set() {
		return nil
	}
	return &child.Command{Args: k.Args, Account: c.RunsAs(k)}
}

// RunsAs returns who is to run the program that a script keyword names: its own
// user, else script_user, else keepalived_script, else who started the process
// (nil). The reader has seen to it that the last one is allowed.
func (c *Config) RunsAs(k Command) *child.Account {
	g := &c.Global
	name, group, supplementary := k.User, k.Group, k.Supplementary
	if name == "" {
		name, group, supplementary = g.ScriptUser, g.ScriptGroup, g.ScriptSupplementary
	}
	supplementary = supplementary || g.SupplementaryGroups
	runs := account(name, group, supplementary)
	switch {
	case name != "" && runs == nil:
		return &child.Account{UID: -1, GID: -1} // gone since the file was read: nobody else takes the place
	case name == "":
		if runs = account(defaultScriptUser, "", supplementary); runs == nil && privilege.Dropped() {
			return &child.Account{} // root, as the process was started
		}
	}
	return runs
}

// account looks a user up; nil if there is none of that name.
func account(name, group string, supplementary bool) *child.Account {
	if name == "" {
		return nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil
	}
	a := &child.Account{}
	if a.UID, err = strconv.Atoi(u.Uid); err != nil {
		return nil
	}
	if a.GID, err = strconv.Atoi(u.Gid); err != nil {
		return nil
	}
	if g, err := user.LookupGroup(group); err == nil {
		if n, err := strconv.Atoi(g.Gid); err == nil {
			a.GID = n
		}
	}
	if !supplementary {
		return a
	}
	ids, err := u.GroupIds()
	if err != nil {
		return a
	}
	for _, id := range ids {
		if n, err := strconv.Atoi(id); err == nil && n != a.GID {
			a.Groups = append(a.Groups, n)
		}
	}
	return a
}
