package check

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"syscall"
	"time"
)

// SMTP is SMTP_CHECK: a greeting, HELO and QUIT.
type SMTP struct {
	Target
	Hello string // helo_name
}

// String implements Method.
func (*SMTP) String() string { return "SMTP_CHECK" }

func (*SMTP) asks() bool { return true }

func (m *SMTP) ask(ctx context.Context, _ int) Answer {
	failed := func(text, why string) Answer {
		return Answer{Text: fmt.Sprintf("SMTP_CHECK %s server %s", text, m.server()), Reason: why}
	}
	ctx, cancel := m.limited(ctx)
	defer cancel()
	c, done, err := m.dial(ctx, "tcp")
	if err != nil {
		why := "connecting: " + reason(err)
		switch {
		case unasked(err) != "":
			return Answer{Unasked: fmt.Sprintf("SMTP_CHECK socket bind failed (%s). Rescheduling.", unasked(err))}
		case timedOut(err):
			return failed("Connection timeout to", why)
		case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
			return failed("Network unreachable for", why)
		}
		return failed("Could not connect to", why)
	}
	defer done()
	r := bufio.NewReaderSize(c, maxReply)
	for _, step := range []struct {
		send, bad string
		want      int // 0: any reply
	}{
		{"", "Bad greeting banner from", 220},
		{"HELO " + m.Hello + "\r\n", "Bad HELO response from", 250},
		{"QUIT\r\n", "", 0},
	} {
		m.step(c)
		if step.send != "" {
			if _, err := io.WriteString(c, step.send); err != nil {
				return failed(wording(err, "Write timeout to", "Write failure to"), "sending: "+reason(err))
			}
		}
		code, err := reply(r)
		if err != nil {
			return failed(wording(err, "Read timeout from", "Read failure from"), "reading: "+reason(err))
		}
		if step.want != 0 && code != step.want {
			return failed(step.bad, fmt.Sprintf("reply %d, %d is wanted", code, step.want))
		}
	}
	return Answer{OK: true}
}

func wording(err error, timeout, failure string) string {
	if timedOut(err) {
		return timeout
	}
	return failure
}

// maxReply is how long a line of a reply may be, in bytes: as keepalived has it.
const maxReply = 512

// reply reads one line and returns its code, 0 if it is none. keepalived takes the
// first line for the reply.
func reply(r *bufio.Reader) (int, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 4 || line[3] != ' ' && line[3] != '\r' && line[3] != '\n' {
		return 0, nil
	}
	code, err := strconv.Atoi(string(line[:3]))
	if err != nil {
		return 0, nil
	}
	return code, nil
}

// server is whom messages name.
func (m *SMTP) server() string {
	return "[" + m.Addr.Addr().String() + "]:" + strconv.Itoa(int(m.Addr.Port()))
}

// take is keepalived's smtp_final.
func (*SMTP) take(s *state, spec *Spec, a Answer) (f Finding, next time.Duration) {
	f.Reason, next = a.Reason, spec.DelayLoop
	if a.OK {
		s.retries = 0
		if !s.up || !s.ran {
			f.log(fmt.Sprintf("Remote SMTP server %s succeed on service.", spec.Name))
			s.turned(&f, true)
			f.mail("=> CHECK succeed on service <=", f.Changed)
		}
		return f, next
	}
	if (s.up || !s.ran) && a.Text != "" && (spec.LogAllFailures || s.retries >= spec.Retry) {
		f.log(a.Text)
	}
	if s.retries++; s.retries <= spec.Retry {
		return f, spec.DelayBeforeRetry
	}
	s.retries = 0
	if s.up || !s.ran {
		s.turned(&f, false)
		f.mail("=> CHECK failed on service : "+a.Text+" <=", f.Changed)
	}
	return f, next
}
