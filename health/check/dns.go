package check

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// DNS is DNS_CHECK: a question that is answered without an error.
type DNS struct {
	Target
	Name string // "": the root
	Type uint16 // 0: SOA
}

// DNSTypes are the types of records that can be asked for.
var DNSTypes = map[string]uint16{"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28, "RRSIG": 46, "DNSKEY": 48}

// String implements Method.
func (*DNS) String() string { return "DNS_CHECK" }

func (*DNS) asks() bool { return true }

func (d *DNS) ask(ctx context.Context, _ int) Answer {
	failed := func(text, why string) Answer {
		return Answer{Text: "DNS_CHECK (%s) " + escaped(text), Reason: why}
	}
	c, done, err := d.dial(ctx, "udp")
	if err != nil {
		if why := unasked(err); why != "" {
			return Answer{Unasked: fmt.Sprintf("DNS_CHECK failed to create socket (%s). Rescheduling.", why)}
		}
		return failed("network unreachable for "+d.Addr.String(), "connecting: "+reason(err))
	}
	defer done()
	d.step(c)
	id := uint16(rand.Uint32())
	if _, err := c.Write(d.query(id)); err != nil {
		return failed("failed to write socket.", "sending: "+reason(err))
	}
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			if timedOut(err) {
				return failed("read timeout from socket", "no answer")
			}
			return failed(fmt.Sprintf("failed to read socket; %s", reason(err)), reason(err))
		}
		code, ok := answerTo(id, buf[:n])
		switch {
		case !ok: // it may be anybody's
		case code != 0:
			return failed(fmt.Sprintf("read error occurred. (rcode = %d)", code), fmt.Sprintf("the answer has code %d", code))
		default:
			return Answer{OK: true}
		}
	}
}

// answerTo returns the code of an answer (RFC 1035 section 4.1.1), and whether it
// is one to the question with that number.
func answerTo(id uint16, b []byte) (code int, ok bool) {
	if len(b) < 12 || binary.BigEndian.Uint16(b) != id || b[2]&0x80 == 0 {
		return 0, false
	}
	return int(b[3] & 0x0f), true
}

// query returns the question.
func (d *DNS) query(id uint16) []byte {
	b := binary.BigEndian.AppendUint16(nil, id)
	b = append(b, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0) // recursion desired, one question
	for label := range strings.SplitSeq(strings.Trim(d.Name, "."), ".") {
		if label != "" {
			b = append(append(b, byte(len(label))), label...)
		}
	}
	kind := d.Type
	if kind == 0 {
		kind = DNSTypes["SOA"]
	}
	b = binary.BigEndian.AppendUint16(append(b, 0), kind)
	return binary.BigEndian.AppendUint16(b, 1) // IN
}

// take is keepalived's dns_final.
func (*DNS) take(s *state, spec *Spec, a Answer) (f Finding, next time.Duration) {
	a = a.about(spec)
	f.Reason = a.Reason
	switch {
	case a.OK:
		if !s.up || !s.ran {
			s.turned(&f, true)
			f.mail("=> DNS_CHECK: succeed on service <=", f.Changed)
		}
	case s.up || !s.ran:
		last := s.retries >= spec.Retry
		if a.Text != "" && (spec.LogAllFailures || last) {
			if s.ran && last {
				a.Text += fmt.Sprintf(" after %d retries", spec.Retry)
			}
			f.log(a.Text)
		}
		if !last {
			s.retries++
			s.ran = true
			return f, spec.DelayBeforeRetry
		}
		s.turned(&f, false)
		f.mail("=> DNS_CHECK: failed on service <=", f.Changed)
	}
	s.retries = 0
	return f, spec.DelayLoop
}
