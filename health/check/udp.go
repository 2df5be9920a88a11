package check

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// UDP is UDP_CHECK: a datagram that is not refused, or is answered.
type UDP struct {
	Target
	Payload      []byte // nil: keepalived's own
	RequireReply bool   // an answer must come; else only a refusal counts
	Reply        []byte // what it must begin with, nil: anything
	Ignore       []byte // bits of Reply that may be anything, nil: none
	// MinReply and MaxReply are how long an answer that is compared may be, in
	// bytes.
	MinReply, MaxReply int
}

var udpWords = words{up: "UDP connection to %s success.", down: "UDP_CHECK on service %s", mail: "UDP"}

// defaultPayload is how much is sent without a payload, in bytes.
const defaultPayload = 32

// String implements Method.
func (*UDP) String() string { return "UDP_CHECK" }

func (*UDP) asks() bool { return true }

func (u *UDP) ask(ctx context.Context, _ int) Answer {
	const failed = "UDP connection to %s failed."
	c, done, err := u.dial(ctx, "udp")
	if err != nil {
		if why := unasked(err); why != "" {
			return Answer{Unasked: fmt.Sprintf("UDP socket bind failed (%s). Rescheduling.", why)}
		}
		return Answer{Reason: "connecting: " + reason(err), Text: failed}
	}
	defer done()
	u.step(c)
	payload := u.Payload
	if payload == nil {
		payload = filler(defaultPayload)
	}
	if _, err := c.Write(payload); err != nil {
		return Answer{Reason: "sending: " + reason(err), Text: failed}
	}
	buf := make([]byte, u.MaxReply+1)
	n, err := c.Read(buf)
	switch {
	case timedOut(err) && !u.RequireReply:
		return Answer{OK: true}
	case timedOut(err):
		return Answer{Reason: "no answer", Text: failed}
	case err != nil:
		return Answer{Reason: reason(err), Text: failed}
	case u.RequireReply && u.Reply != nil && !u.matches(buf[:n]):
		return Answer{Reason: fmt.Sprintf("the answer of %d bytes is not the one that is wanted", n), Text: "UDP check to %s reply data mismatch."}
	}
	return Answer{OK: true}
}

// matches compares as much of an answer as there is with what it is to be.
func (u *UDP) matches(b []byte) bool {
	if len(b) < u.MinReply || len(b) > u.MaxReply {
		return false
	}
	for i := range min(len(b), len(u.Reply)) {
		var ignore byte
		if i < len(u.Ignore) {
			ignore = u.Ignore[i]
		}
		if (b[i]^u.Reply[i])&^ignore != 0 {
			return false
		}
	}
	return true
}

func (*UDP) take(s *state, spec *Spec, a Answer) (Finding, time.Duration) {
	return udpWords.take(s, spec, a.about(spec))
}

// filler is what is sent when it does not matter: keepalived's text, again and again.
func filler(n int) []byte {
	const text = "keepalived check - "
	return []byte(strings.Repeat(text, n/len(text)+1)[:n])
}
