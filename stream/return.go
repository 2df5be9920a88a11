package stream

import (
	"errors"
	"net"
	"os"
	"time"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/session"
)

// Return is nginx's return module:
//
//	return value;
//
// The client is sent the value, and the session ends.
var Return = &Module{Name: "return", Commands: []nc.Command{
	{Name: "return", In: nc.StreamServer, Arity: nc.Take1, Set: readReturn},
}}

// returnTimeout is how long a client may take nothing of the value, as in nginx.
const returnTimeout = 5 * time.Second

type returned struct{ text *session.Template }

var returnSlot = session.NewLevelSlot[returned](nil)

func readReturn(s *nc.Scope, d *nc.Directive) error {
	srv := ServerOf(s)
	c := returnSlot.Of(&srv.Level)
	if c.text != nil {
		return nc.ErrDuplicate
	}
	var err error
	if c.text, err = srv.Stream.Template(d, d.Args[0]); err != nil {
		return err
	}
	srv.Serve(func(s *Session) Code { return s.giveBack(c.text) })
	return nil
}

// giveBack sends the client a value.
func (s *Session) giveBack(text *session.Template) Code {
	s.Doing("returning text")
	value := text.Value(&s.Session)
	if len(value) == 0 {
		return StatusOK
	}
	if s.IsUDP() {
		if err := s.Packets.Send(value); err != nil {
			s.Failf(errorlog.Error, "sendmsg() failed (%s)", errorlog.Reason(err))
			return StatusInternal
		}
		s.CountSent(int64(len(value)))
		return StatusOK
	}
	for len(value) > 0 {
		_ = s.Conn.SetWriteDeadline(time.Now().Add(returnTimeout))
		n, err := s.Conn.Write(value)
		s.CountSent(int64(n))
		value = value[n:]
		switch {
		case err == nil:
		case n > 0 && errors.Is(err, os.ErrDeadlineExceeded):
		case errors.Is(err, os.ErrDeadlineExceeded):
			s.Failf(errorlog.Info, "connection timed out (110: Connection timed out)")
			return StatusOK
		case errors.Is(err, net.ErrClosed):
			return StatusOK
		default:
			s.Failf(errorlog.Info, "send() failed (%s)", errorlog.Reason(err))
			return StatusInternal
		}
	}
	return StatusOK
}
