package keepalivedconf

import (
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
	uid, own, ok := privilege.LookupUser(name)
	if !ok {
		return nil
	}
	a := &child.Account{UID: uid, GID: own}
	if gid, ok := privilege.LookupGroup(group); ok {
		a.GID = gid
	}
	if !supplementary {
		return a
	}
	groups, _ := privilege.LookupGroups(privilege.Account{Name: name, UID: uid, GID: own}) // as many as can be found
	for _, gid := range groups {
		if gid != a.GID {
			a.Groups = append(a.Groups, gid)
		}
	}
	return a
}
