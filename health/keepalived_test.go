package health

import (
	"fmt"
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
		add, fault := WeighFile(c.value, c.weight, c.reverse)
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
