package failover

import (
	"fmt"
	"io"
	"time"

	"tandem/internal/errorlog"
	"tandem/vrrp"
)

// eventLog writes what happens in VRRP, one line an event: to the terminal or
// journal, whatever the level of the error log, and to the error log.
type eventLog struct {
	log      func() *errorlog.Log // the one in force
	terminal io.Writer
}

func (l *eventLog) event(e vrrp.Event) {
	level := eventLevels[e.Level()]
	l.log().Printf(level, "vrrp: %s", e)
	if level <= errorlog.Notice {
		fmt.Fprintf(l.terminal, "tandem: [%s] %s\n", level, e)
	}
}

// line writes what somebody should look at.
func (l *eventLog) line(instance, text string) {
	l.event(vrrp.Report{Instance: instance, Text: text, At: time.Now()})
}

// note is line for what is about no instance.
func (l *eventLog) note(text string) { l.line("", text) }

var eventLevels = map[vrrp.Level]errorlog.Level{
	vrrp.LevelInfo: errorlog.Info, vrrp.LevelNotice: errorlog.Notice, vrrp.LevelWarn: errorlog.Warn, vrrp.LevelError: errorlog.Error,
}
