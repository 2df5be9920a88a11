package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
)

// apply puts the settings of the main level into force. What nginx only
// complains of is logged.
func (p *processSettings) apply(log *errorlog.Log) error {
	if p.workingDir.Set {
		if err := os.Chdir(p.workingDir.V); err != nil {
			return fmt.Errorf("chdir(\"%s\") failed (%s)", p.workingDir.V, errorlog.Reason(err))
		}
	}
	if err := raiseFileLimit(uint64(p.nofile.V)); err != nil {
		log.Printf(errorlog.Alert, "%v", err)
	}
	p.setEnvironment()
	return nil
}

// raiseFileLimit makes room for connections: as many descriptors as
// worker_rlimit_nofile says, or as the system allows.
func raiseFileLimit(wanted uint64) error {
	limit := unix.Rlimit{Cur: wanted, Max: wanted}
	if wanted == 0 {
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			return fmt.Errorf("getrlimit(RLIMIT_NOFILE) failed (%s)", errorlog.Reason(err))
		}
		limit.Cur = limit.Max
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("setrlimit(RLIMIT_NOFILE, %d) failed (%s)", wanted, errorlog.Reason(err))
	}
	return nil
}

// setEnvironment does what env directives say. nginx clears every variable that
// is not listed; here they stay, because the scripts of keepalived.conf expect
// the environment that keepalived would give them.
func (p *processSettings) setEnvironment() {
	for _, word := range p.env {
		if name, value, ok := strings.Cut(word, "="); ok {
			_ = os.Setenv(name, value)
		}
	}
}

// setTimeZone has logs written in the time zone of an env directive. It is
// called before anything else runs.
func (p *processSettings) setTimeZone() {
	for _, word := range p.env {
		zone, ok := strings.CutPrefix(word, "TZ=")
		if !ok {
			continue
		}
		if loc, err := time.LoadLocation(strings.TrimPrefix(zone, ":")); err == nil {
			time.Local = loc
		}
	}
}
