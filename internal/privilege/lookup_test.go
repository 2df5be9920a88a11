package privilege

import (
	"os"
	"slices"
	"testing"
)

func TestLookup(t *testing.T) {
	if uid, gid, ok := LookupUser("root"); uid != 0 || gid != 0 || !ok {
		t.Errorf("root: %d, %d, %v", uid, gid, ok)
	}
	if gid, ok := LookupGroup("root"); gid != 0 || !ok {
		t.Errorf("group root: %d, %v", gid, ok)
	}
	if _, _, ok := LookupUser("no-such-user"); ok {
		t.Error("a user that does not exist")
	}
	if _, ok := LookupGroup("no-such-group"); ok {
		t.Error("a group that does not exist")
	}
	if _, err := os.Stat("/etc/debian_version"); err != nil {
		return // other systems number their users otherwise
	}
	// The group that is named takes the place of the user's own.
	if groups, err := LookupGroups(Account{Name: "nobody", UID: 65534, GID: 1}); err != nil || !slices.Equal(groups, []int{1}) {
		t.Errorf("groups of nobody: %v, %v", groups, err)
	}
}
