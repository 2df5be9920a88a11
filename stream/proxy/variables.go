package proxy

import (
	"strconv"
	"time"

	"tandem/session"
)

// state is one try, as the variables tell it.
type state struct {
	peer     string
	connect  time.Duration // -1: it did not come so far
	first    time.Duration
	session  time.Duration
	received int64
	sent     int64
}

var record = session.NewRecord[call]()

var variables = []session.Variable{
	{Name: "upstream_addr", Get: each(func(dst []byte, s *state) []byte { return append(dst, s.peer...) })},
	{Name: "upstream_bytes_received", Get: each(func(dst []byte, s *state) []byte { return strconv.AppendInt(dst, s.received, 10) })},
	{Name: "upstream_bytes_sent", Get: each(func(dst []byte, s *state) []byte { return strconv.AppendInt(dst, s.sent, 10) })},
	{Name: "upstream_connect_time", Get: each(func(dst []byte, s *state) []byte { return appendTime(dst, s.connect) })},
	{Name: "upstream_first_byte_time", Get: each(func(dst []byte, s *state) []byte { return appendTime(dst, s.first) })},
	{Name: "upstream_session_time", Get: each(func(dst []byte, s *state) []byte { return appendTime(dst, s.session) })},
}

// each is a variable that tells something of each try.
func each(one func(dst []byte, s *state) []byte) session.Getter {
	return func(s *session.Session, dst []byte) ([]byte, bool) {
		x := record.Of(s)
		if x == nil || len(x.states) == 0 {
			return dst, false
		}
		for i := range x.states {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = one(dst, &x.states[i])
		}
		return dst, true
	}
}

func appendTime(dst []byte, d time.Duration) []byte {
	if d < 0 {
		return append(dst, '-')
	}
	return session.AppendSeconds(dst, d)
}
