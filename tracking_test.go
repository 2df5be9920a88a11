package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"tandem/keepalivedconf"
)

// What a file's number does, as in keepalived.
func TestWeighFile(t *testing.T) {
	for _, c := range []struct {
		value, weight int
		reverse       bool
		want          string
	}{
		{0, 0, false, "0 false"}, {1, 0, false, "0 true"}, {0, 0, true, "0 true"}, {-1, 0, true, "0 false"},
		{7, 2, false, "14 false"}, {7, 2, true, "-14 false"}, {253, -1, false, "-253 false"}, {254, -1, false, "0 true"},
		{1000, 1, false, "253 false"}, {-254, 1, false, "0 true"}, {-2147483648, 254, true, "253 false"},
	} {
		add, fault := weighFile(c.value, use{Weight: c.weight, Reverse: c.reverse})
		if got := fmt.Sprint(add, fault); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestMatchProcess(t *testing.T) {
	type process = keepalivedconf.Process
	params := []string{"-c", "conf"}
	for n, c := range []struct {
		p       process
		command string
		line    string
		want    bool
	}{
		{process{Path: "nginx"}, "nginx", "", true},
		{process{Path: "nginx"}, "nginx2", "", false},
		{process{Path: "a-rather-long-name"}, "a-rather-long-n", "", true},
		{process{Path: "/bin/x", FullCommand: true}, "x", "/bin/x -c", true},
		{process{Path: "/bin/x", FullCommand: true}, "x", "x -c", false},
		{process{Path: "x", FullCommand: true, Match: keepalivedconf.MatchExact, Params: params}, "x", "x -c conf", true},
		{process{Path: "x", FullCommand: true, Match: keepalivedconf.MatchExact, Params: params}, "x", "x -c conf y", false},
		{process{Path: "x", FullCommand: true, Match: keepalivedconf.MatchExact}, "x", "x", true},
		{process{Path: "x", FullCommand: true, Match: keepalivedconf.MatchExact}, "x", "x y", false},
		{process{Path: "x", FullCommand: true, Match: keepalivedconf.MatchPartial, Params: params}, "x", "x -c conf y", true},
		{process{Path: "x", FullCommand: true, Match: keepalivedconf.MatchPartial, Params: params}, "x", "x -c config", false},
		{process{Path: "x", FullCommand: true, Match: keepalivedconf.MatchInitial, Params: params}, "x", "x -c config", true},
		{process{Path: "x", FullCommand: true, Match: keepalivedconf.MatchInitial, Params: params}, "x", "x -c con", false},
	} {
		if got := matchProcess(&c.p, c.command, strings.Fields(c.line)); got != c.want {
			t.Errorf("case %d, %s %q: %v", n, c.command, c.line, got)
		}
	}
}

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

func TestScriptUser(t *testing.T) {
	c := &configuration{keepalived: &keepalivedconf.Config{}}
	args := []string{"x"}
	if a := c.command(keepalivedconf.Command{Args: args}).Account; a != nil && account(defaultScriptUser, "", false) == nil {
		t.Errorf("without any user: %+v", a)
	}
	if a := account("root", "", false); a == nil || a.UID != 0 || a.GID != 0 || a.Groups != nil {
		t.Errorf("root: %+v", a)
	}
	if a := c.command(keepalivedconf.Command{Args: args, User: "no-such-user"}).Account; a == nil || a.UID != -1 {
		t.Errorf("a user that does not exist: %+v", a)
	}
	if _, err := os.Stat("/etc/debian_version"); err != nil {
		return // other systems number their users otherwise
	}
	c.keepalived.Global.ScriptUser, c.keepalived.Global.ScriptGroup = "nobody", "daemon"
	if a := c.command(keepalivedconf.Command{Args: args}).Account; a == nil || a.UID != 65534 || a.GID != 1 {
		t.Errorf("script_user nobody daemon: %+v", a)
	}
	if a := c.command(keepalivedconf.Command{Args: args, User: "daemon"}).Account; a == nil || a.UID != 1 || a.GID != 1 {
		t.Errorf("its own user: %+v", a)
	}
}
