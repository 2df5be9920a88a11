package main

import (
	"os/user"
	"strconv"

	"tandem/internal/child"
	"tandem/internal/privilege"
	"tandem/keepalivedconf"
)

// defaultScriptUser is who runs scripts if the configuration names nobody, where
// that user exists.
const defaultScriptUser = "keepalived_script"

// command returns the program that a script keyword names, with who is to run
// it: its own user, else script_user, else keepalived_script, else who started
// the process. The reader has seen to it that the last one is allowed.
func (c *configuration) command(k keepalivedconf.Command) *child.Command {
	g := &c.keepalived.Global
	name, group, supplementary := k.User, k.Group, k.Supplementary
	if name == "" {
		name, group, supplementary = g.ScriptUser, g.ScriptGroup, g.ScriptSupplementary
	}
	supplementary = supplementary || g.SupplementaryGroups
	command := &child.Command{Args: k.Args, Account: account(name, group, supplementary)}
	switch {
	case name != "" && command.Account == nil:
		command.Account = &child.Account{UID: -1, GID: -1} // gone since the file was read: nobody else takes the place
	case name == "":
		if command.Account = account(defaultScriptUser, "", supplementary); command.Account == nil && privilege.Dropped() {
			command.Account = &child.Account{} // root, as the process was started
		}
	}
	return command
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
