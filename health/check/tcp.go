package check

import (
	"context"
	"fmt"
	"time"

	"tandem/internal/sock"
)

// TCP is TCP_CHECK: a connection is all that is asked for.
type TCP struct{ Target }

var tcpWords = words{up: "TCP connection to %s success.", down: "TCP_CHECK on service %s", mail: "TCP"}

// String implements Method.
func (*TCP) String() string { return "TCP_CHECK" }

func (*TCP) asks() bool { return true }

func (t *TCP) ask(ctx context.Context, _ int) Answer {
	err := t.connect(ctx)
	if err == nil {
		return Answer{OK: true}
	}
	if why := unasked(err); why != "" {
		return Answer{Unasked: fmt.Sprintf("TCP socket bind failed (%s). Rescheduling.", why)}
	}
	if timedOut(err) {
		return Answer{Reason: "connecting timed out", Text: "TCP connection to %s timeout."}
	}
	return Answer{Reason: "connecting: " + reason(err), Text: "TCP connection to %s failed."}
}

// connect connects and closes, with no system call too many: it is what is asked
// most.
func (t *TCP) connect(ctx context.Context) error {
	to := t.address()
	if t.Device != "" || t.Mark != 0 || to.Addr().Zone() != "" {
		_, done, err := t.dial(ctx, "tcp")
		if err == nil {
			done()
		}
		return err
	}
	c, connected, err := sock.Dial(to, &sock.Options{Local: t.Bind})
	if err != nil {
		return err
	}
	defer c.Close()
	if connected {
		return nil
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	return c.Connected(t.Timeout)
}

func (*TCP) take(s *state, spec *Spec, a Answer) (Finding, time.Duration) {
	return tcpWords.take(s, spec, a.about(spec))
}

// about puts the server into the text.
func (a Answer) about(spec *Spec) Answer {
	if a.Text != "" {
		a.Text = fmt.Sprintf(a.Text, spec.Name)
	}
	return a
}
