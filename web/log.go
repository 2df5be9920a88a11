package web

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"tandem/internal/errorlog"
	"tandem/web/message"
)

// The levels of the error log, named shortly for the many places that log.
const (
	errLevelAlert = errorlog.Alert
	errLevelCrit  = errorlog.Crit
	errLevelError = errorlog.Error
	errLevelWarn  = errorlog.Warn
	errLevelInfo  = errorlog.Info
)

// AppendAbout appends to a message of the log which request it is about; see
// session.Owner.
func (r *Request) AppendAbout(b []byte, extra func([]byte) []byte) []byte {
	b = append(append(b, ", server: "...), r.Server.Name()...)
	if line := r.Head.Line; len(line) > 0 {
		b = appendQuoted(b, ", request: ", line)
	}
	if !r.IsMain() {
		b = appendQuoted(b, ", subrequest: ", r.Path)
	}
	if extra != nil {
		b = extra(b)
	}
	if r.Head.HasHost {
		b = appendQuoted(b, ", host: ", r.Head.Host)
	}
	if referer := r.Header(message.Referer); referer != nil {
		b = appendQuoted(b, ", referrer: ", referer)
	}
	return b
}

// Infof logs what happened to the connection, beside requests, in nginx's words
// and with its client and server.
func (c *Conn) Infof(format string, args ...any) {
	if c.Log().Enabled(errLevelInfo) {
		c.logf(errLevelInfo, "%s, client: %s, server: %s", fmt.Sprintf(format, args...), c.PeerText, c.servers.Addr)
	}
}

// logf writes to the error log of the connection what concerns no request.
func (c *Conn) logf(level errorlog.Level, format string, args ...any) {
	if log := c.Log(); log.Enabled(level) {
		log.Write(level, c.Number, fmt.Appendf(nil, format, args...))
	}
}

func appendQuoted(b []byte, label string, value []byte) []byte {
	b = append(append(b, label...), '"')
	return append(append(b, value...), '"')
}

// LogSendError logs why the response could not be sent, as gravely as the
// reason deserves: clients leave all the time. A client that was too slow has
// its connection ended.
func (r *Request) LogSendError(err error) {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		r.Logf(errLevelInfo, "client timed out (110: Connection timed out) while sending response to client")
		r.TimedOut()
	case errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET), errors.Is(err, ErrBodySent):
		r.Logf(errLevelInfo, "%v while sending response to client", err)
	default:
		r.Logf(errLevelError, "%v while sending response to client", err)
	}
}
