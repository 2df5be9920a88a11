package exchange

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"tandem/internal/errorlog"
	"tandem/internal/h2"
	"tandem/proxy/answer"
)

// The levels used here.
const (
	logAlert = errorlog.Alert
	logCrit  = errorlog.Crit
	logError = errorlog.Error
	logWarn  = errorlog.Warn
	logInfo  = errorlog.Info
	logDebug = errorlog.Debug
)

// What an exchange is doing, in nginx's words.
const (
	connecting  = "connecting to upstream"
	handshaking = "SSL handshaking to upstream"
	sending     = "sending request to upstream"
	readingHead = "reading response header from upstream"
	reading     = "reading upstream"
	toClient    = "sending to client"
	tunneling   = "proxying upgraded connection"
)

// AddField takes a header of the response into x.Head. The error is a
// *answer.BadField.
func (x *Exchange) AddField(f answer.Field) error {
	old, err := x.Head.Add(f)
	if old != nil {
		x.Logf(logWarn, "upstream sent duplicate header line: \"%s: %s\", previous value: \"%s: %s\", ignored",
			f.Name, f.Value, old.Name, old.Value)
	}
	return err
}

// Logf writes to the request's error log what happened while the head of the
// response was being read.
func (x *Exchange) Logf(level errorlog.Level, format string, args ...any) {
	x.log(level, readingHead, format, args...)
}

// LogBodyf is Logf for what happened while the body was being read.
func (x *Exchange) LogBodyf(level errorlog.Level, format string, args ...any) {
	action := reading
	if x.withHead {
		action = readingHead
	}
	x.log(level, action, format, args...)
}

// log writes to the request's error log what happened during an action.
func (x *Exchange) log(level errorlog.Level, action, format string, args ...any) {
	if x.report != nil {
		x.report(level, action, fmt.Sprintf(format, args...))
		return
	}
	r := x.Request
	if !r.Log().Enabled(level) {
		return
	}
	r.LogUpstreamf(level, x.appendUpstream, "%s while %s", fmt.Sprintf(format, args...), action)
}

// appendUpstream appends to a line of the log whom the request was for.
func (x *Exchange) appendUpstream(b []byte) []byte {
	s := x.state()
	if s == nil || s.peer == "" {
		return b
	}
	b = append(append(b, ", upstream: \""...), x.Target.Scheme...)
	b = append(b, s.peer...)
	if len(s.peer) > 5 && s.peer[:5] == "unix:" {
		b = append(b, ':')
	}
	b = append(b, x.URI...)
	return append(b, '"')
}

// state returns the present try.
func (x *Exchange) state() *state {
	if x.record == nil || x.index >= len(x.record.states) {
		return nil
	}
	return &x.record.states[x.index]
}

// errno returns the system error in err as nginx's log has it: "(111:
// Connection refused)".
func errno(err error) string {
	switch {
	case isTimeout(err):
		err = syscall.ETIMEDOUT
	case errors.Is(err, net.ErrClosed):
		err = syscall.EBADF
	}
	return "(" + errorlog.Reason(err) + ")"
}

// isTimeout reports whether err is a time that has passed. A unix socket whose
// queue is full is none, whatever package syscall says of EAGAIN.
func isTimeout(err error) bool {
	if errors.Is(err, syscall.EAGAIN) {
		return false
	}
	var n net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

// logStreamError logs what has ended a stream of HTTP/2; false: it is another
// error.
func (x *Exchange) logStreamError(err error, action string) bool {
	switch e := err.(type) {
	case *h2.StreamError:
		if !e.Remote {
			return false
		}
		x.log(logError, action, "upstream rejected request with error %d", e.Code)
	case *h2.GoAwayError:
		x.log(logError, action, "upstream sent goaway with error %d", e.Code)
	case *h2.ConnectionError:
		x.log(logError, action, "%s", e.Reason)
	default:
		return false
	}
	return true
}
