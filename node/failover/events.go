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
	repeats  errorlog.Repeats // of what the terminal gets
}

func newEventLog(log func() *errorlog.Log, terminal io.Writer) *eventLog {
	return &eventLog{log: log, terminal: terminal, repeats: errorlog.Repeats{Tell: func(line string, times int) {
		fmt.Fprintf(terminal, "tandem: message repeated %d times: [ %s]\n", times, line)
	}}}
}

func (l *eventLog) event(e vrrp.Event) {
	level, log := eventLevels[e.Level()], l.log()
	log.Printf(level, "vrrp: %s", e)
	if level > errorlog.Notice || log.OnTerminal(level) {
		return
	}
	line := fmt.Sprintf("[%s] %s", level, e)
	if !l.repeats.Count(line, time.Now()) {
		fmt.Fprintf(l.terminal, "tandem: %s\n", line)
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
