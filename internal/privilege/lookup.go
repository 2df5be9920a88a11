package privilege

import (
	"fmt"
	"os/user"
	"strconv"
)

// LookupUser returns the numbers of a user and of the group that it has of its own.
func LookupUser(name string) (uid, gid int, ok bool) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, 0, false
	}
	uid, err = strconv.Atoi(u.Uid)
	return uid, primary(u), err == nil
}

// LookupGroup returns the number of a group.
func LookupGroup(name string) (gid int, ok bool) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, false
	}
	gid, err = strconv.Atoi(g.Gid)
	return gid, err == nil
}

// LookupGroups returns the groups of the account: its own and those that list its
// user.
func LookupGroups(a Account) ([]int, error) {
	groups := []int{a.GID}
	u, err := user.LookupId(strconv.Itoa(a.UID))
	if err != nil {
		return groups, nil // a number without a name is in no further group
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("initgroups(%s, %d) failed: %w", a.Name, a.GID, err)
	}
	for _, id := range ids {
		if n, err := strconv.Atoi(id); err == nil && n != a.GID && n != primary(u) {
			groups = append(groups, n)
		}
	}
	return groups, nil
}

// primary is the group that the user has of its own: GroupIds lists it too,
// but initgroups takes the one that the directive names instead.
func primary(u *user.User) int {
	n, _ := strconv.Atoi(u.Gid)
	return n
}
