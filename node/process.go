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

// apply puts the settings of the main level into force. What nginx only
// complains of is logged.
func apply(p *configuration.Process, log *errorlog.Log) error {
	if p.WorkingDir.Set {
		if err := os.Chdir(p.WorkingDir.V); err != nil {
			return fmt.Errorf("chdir(\"%s\") failed (%s)", p.WorkingDir.V, errorlog.Reason(err))
		}
	}
	if err := process.RaiseFileLimit(uint64(p.FileLimit.V)); err != nil {
		log.Printf(errorlog.Alert, "%v", err)
	}
	setEnvironment(p)
	return nil
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
