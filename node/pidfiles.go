package node

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"tandem/internal/errorlog"
	"tandem/internal/process"
	"tandem/node/configuration"
)

// otherPIDFilesPart has those find the process who look for it where keepalived
// would be: exporters, scripts, monitoring. What cannot be written is logged.
func (n *node) otherPIDFilesPart(c *configuration.Configuration) (change, error) {
	return change{commit: func() {
		wanted := map[string]bool{}
		for _, name := range c.OtherPIDFiles() {
			wanted[name] = true
			if n.otherPIDFiles[name] {
				continue
			}
			if pid, ok := runsElsewhere(name); ok {
				c.Log.Printf(errorlog.Warn, "\"%s\" names a keepalived that is running (process %d): it is left as it is", name, pid)
				delete(wanted, name)
				continue
			}
			if err := process.WritePID(name); err != nil {
				c.Log.Printf(errorlog.Warn, "%v", err)
				delete(wanted, name)
			}
		}
		n.removeOtherPIDFiles(wanted)
		n.otherPIDFiles = wanted
	}}, nil
}

// removeOtherPIDFiles removes those that are not wanted any more.
func (n *node) removeOtherPIDFiles(wanted map[string]bool) {
	for _, name := range slices.Sorted(maps.Keys(n.otherPIDFiles)) {
		if pid, err := process.ReadPID(name); !wanted[name] && err == nil && pid == os.Getpid() {
			_ = os.Remove(name)
		}
	}
}

// runsElsewhere reports whether the file names a keepalived that lives.
func runsElsewhere(name string) (pid int, ok bool) {
	pid, err := process.ReadPID(name)
	if err != nil || pid == os.Getpid() {
		return 0, false
	}
	comm, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	return pid, err == nil && strings.TrimSpace(string(comm)) == "keepalived"
}
