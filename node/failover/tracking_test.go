package failover

import (
	"testing"

	"tandem/keepalivedconf"
)

// A group's trackers are those of its members, beside their own.
func TestUsersOf(t *testing.T) {
	scripts := func(list ...use) keepalivedconf.Tracking { return keepalivedconf.Tracking{TrackScripts: list} }
	g := &keepalivedconf.SyncGroup{Tracking: scripts(use{Name: "a", Weight: 1})}
	k := &keepalivedconf.Config{Instances: []*keepalivedconf.Instance{
		{Name: "one", Group: g, Tracking: scripts(use{Name: "a", Weight: 2}, use{Name: "b"})},
		{Name: "two", Group: g},
		{Name: "three", Tracking: scripts(use{Name: "b"})},
	}}
	users := usersOf(k, "a", scriptLines)
	if len(users) != 2 || len(users["one"]) != 2 || len(users["two"]) != 1 {
		t.Errorf("%+v", users)
	}
}
