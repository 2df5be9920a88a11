package web

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"tandem/internal/errorlog"
	"tandem/nginxconf"
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

// Logf writes to the request's error log: the message, then whose request it
// is about, as nginx does.
func (r *Request) Logf(level errorlog.Level, format string, args ...any) {
	r.LogUpstreamf(level, nil, format, args...)
}

// LogUpstreamf is Logf with what else is known, such as `upstream: "..."`,
// appended by extra.
func (r *Request) LogUpstreamf(level errorlog.Level, extra func([]byte) []byte, format string, args ...any) {
	log := r.Log()
	if !log.Enabled(level) {
		return
	}
	p := logBuffers.Get().(*[]byte)
	*p = r.log(log, level, extra, fmt.Appendf((*p)[:0], format, args...))
	logBuffers.Put(p)
}

// logBuffers is what messages are put together in. They are not the request's
// own: what runs beside the request's goroutine may log, too.
var logBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

// LogMessage is Logf for a message that is complete: it does not allocate.
func (r *Request) LogMessage(level errorlog.Level, message []byte) {
	log := r.Log()
	if !log.Enabled(level) {
		return
	}
	p := logBuffers.Get().(*[]byte)
	*p = r.log(log, level, nil, append((*p)[:0], message...))
	logBuffers.Put(p)
}

// log writes the message in b, and behind it whose request it is about.
func (r *Request) log(log *errorlog.Log, level errorlog.Level, extra func([]byte) []byte, b []byte) []byte {
	b = append(append(b, ", client: "...), r.RemoteText()...)
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
	log.Write(level, r.client.number, b)
	if level < errorlog.Debug {
		// As with nginx the line is in the file before the client has its answer.
		log.Settle(level)
	}
	return b
}

// logf writes to the error log of the connection what concerns no request.
// Infof logs what happened to the connection, beside requests, in nginx's words
// and with its client and server.
func (c *Conn) Infof(format string, args ...any) {
	if c.Log().Enabled(errLevelInfo) {
		c.logf(errLevelInfo, "%s, client: %s, server: %s", fmt.Sprintf(format, args...), c.peerText, c.servers.addr)
	}
}

func (c *Conn) logf(level errorlog.Level, format string, args ...any) {
	if log := c.Log(); log.Enabled(level) {
		log.Write(level, c.number, fmt.Appendf(nil, format, args...))
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
	case errors.Is(err, net.ErrClosed), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET), errors.Is(err, ErrBodySent):
		r.Logf(errLevelInfo, "%v while sending response to client", err)
	default:
		r.Logf(errLevelError, "%v while sending response to client", err)
	}
}

// OpenLog returns the target of an error_log or access log directive: a file,
// "stderr", "syslog:...". The process gives it, because files are shared and
// reopened together.
type OpenLog func(s *nginxconf.Scope, d *nginxconf.Directive) (errorlog.Target, error)

func readErrorLog(s *nginxconf.Scope, d *nginxconf.Directive) error {
	b := BlockOf(s)
	target, err := b.HTTP.OpenLog(s, d)
	if err != nil {
		return err
	}
	v := &b.Location.Core.ErrorLog
	targets := []errorlog.Target{target}
	if v.V != nil {
		targets = append(v.V.Targets(), targets...)
	}
	*v = nginxconf.Value[*errorlog.Log]{V: errorlog.New(targets...), Set: true}
	return nil
}
