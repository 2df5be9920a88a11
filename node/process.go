package node

import (
	"fmt"
	"os"
	"strings"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/process"
	"tandem/node/configuration"
)

// settingsPart puts the settings of the main level into force, before the first
// request is served with them. What nginx only complains of is logged.
func settingsPart(c *configuration.Configuration) (change, error) {
	p := &c.Process
	var dir *process.Dir
	if p.WorkingDir.Set {
		var err error
		if dir, err = process.OpenDir(p.WorkingDir.V); err != nil {
			return change{}, fmt.Errorf("chdir(\"%s\") failed (%s)", p.WorkingDir.V, errorlog.Reason(err))
		}
	}
	return change{
		commit: func() {
			if err := dir.Enter(); err != nil {
				c.Log.Printf(errorlog.Alert, "chdir(\"%s\") failed (%s)", p.WorkingDir.V, errorlog.Reason(err))
			}
			if err := process.RaiseFileLimit(uint64(p.FileLimit.V)); err != nil {
				c.Log.Printf(errorlog.Alert, "%v", err)
			}
			setEnvironment(p)
		},
		discard: dir.Close,
	}, nil
}

// setEnvironment does what env directives say. nginx clears every variable that
// is not listed; here they stay, because the scripts of keepalived.conf expect
// the environment that keepalived would give them.
func setEnvironment(p *configuration.Process) {
	for _, word := range p.Env {
		if name, value, ok := strings.Cut(word, "="); ok {
			_ = os.Setenv(name, value)
		}
	}
}

// setTimeZone has logs written in the time zone of an env directive. It is
// called before anything else runs.
func setTimeZone(p *configuration.Process) {
	for _, word := range p.Env {
		zone, ok := strings.CutPrefix(word, "TZ=")
		if !ok {
			continue
		}
		if loc, err := time.LoadLocation(strings.TrimPrefix(zone, ":")); err == nil {
			time.Local = loc
		}
	}
}
