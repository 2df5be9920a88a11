package session

import (
	"fmt"
	"sync"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
)

// Logf writes to the session's error log: the message, then whose session it is,
// as nginx does.
func (s *Session) Logf(level errorlog.Level, format string, args ...any) {
	s.LogUpstreamf(level, nil, format, args...)
}

// LogUpstreamf is Logf with what else is known, such as `upstream: "..."`,
// appended by extra.
func (s *Session) LogUpstreamf(level errorlog.Level, extra func([]byte) []byte, format string, args ...any) {
	log := s.owner.Log()
	if !log.Enabled(level) {
		return
	}
	p := logBuffers.Get().(*[]byte)
	*p = s.log(log, level, extra, fmt.Appendf((*p)[:0], format, args...))
	logBuffers.Put(p)
}

// logBuffers is what messages are put together in. They are not the session's
// own: what runs beside the session's goroutine may log, too.
var logBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

// LogMessage is Logf for a message that is complete: it does not allocate.
func (s *Session) LogMessage(level errorlog.Level, message []byte) {
	log := s.owner.Log()
	if !log.Enabled(level) {
		return
	}
	p := logBuffers.Get().(*[]byte)
	*p = s.log(log, level, nil, append((*p)[:0], message...))
	logBuffers.Put(p)
}

// log writes the message in b, and behind it whose session it is about.
func (s *Session) log(log *errorlog.Log, level errorlog.Level, extra func([]byte) []byte, b []byte) []byte {
	about := len(b)
	who := ", client: "
	if s.client.Datagrams {
		who = ", udp client: "
	}
	b = append(append(b, who...), s.RemoteText()...)
	b = s.owner.AppendAbout(b, extra)
	log.Put(level, s.client.Number, b, about)
	return b
}

// SetErrorLog is the setter of error_log, which may be repeated for more targets.
func SetErrorLog(get func(*nc.Scope) *nc.Value[*errorlog.Log]) nc.Setter {
	return func(s *nc.Scope, d *nc.Directive) error {
		target, err := BlockOf(s).Realm.OpenLog(s, d)
		if err != nil {
			return err
		}
		v := get(s)
		targets := []errorlog.Target{target}
		if v.V != nil {
			targets = append(v.V.Targets(), targets...)
		}
		*v = nc.Value[*errorlog.Log]{V: errorlog.New(targets...), Set: true}
		return nil
	}
}
