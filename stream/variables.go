package stream

import (
	"strconv"

	"tandem/session"
	"tandem/session/virtual"
)

// of returns the session that variables are asked of.
func Of(s *session.Session) *Session { return s.Owner().(*Session) }

// coreVariables are those of every session, beside session.Common.
var coreVariables = []session.Variable{
	{Name: "bytes_received", Get: func(s *session.Session, dst []byte) ([]byte, bool) {
		return strconv.AppendInt(dst, Of(s).Received(), 10), true
	}},
	{Name: "bytes_sent", Get: func(s *session.Session, dst []byte) ([]byte, bool) {
		return strconv.AppendInt(dst, Of(s).Sent(), 10), true
	}},
	{Name: "session_time", Get: func(s *session.Session, dst []byte) ([]byte, bool) {
		return session.AppendSeconds(dst, Of(s).since()), true
	}},
	{Name: "status", Get: func(s *session.Session, dst []byte) ([]byte, bool) {
		status := strconv.Itoa(int(Of(s).Status))
		for n := len(status); n < 3; n++ {
			dst = append(dst, '0')
		}
		return append(dst, status...), true
	}},
	{Name: "protocol", Get: func(s *session.Session, dst []byte) ([]byte, bool) {
		if Of(s).IsUDP() {
			return append(dst, "UDP"...), true
		}
		return append(dst, "TCP"...), true
	}},
	{Name: "server_name", Get: func(s *session.Session, dst []byte) ([]byte, bool) {
		return append(dst, virtual.First(Of(s).Server.Names)...), true
	}},
}
