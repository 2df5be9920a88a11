package resolver

import (
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"time"
)

// resendAfter is how long an answer is waited for before the question is
// repeated, to the next server. tcpTimeout bounds one question over TCP.
const (
	resendAfter = 5 * time.Second
	tcpTimeout  = 5 * time.Second
	maxUDP      = 4096
)

// query asks until an answer comes or ctx ends, beginning with a server. The
// error is an Error when the answer is one.
func (r *Resolver) query(ctx context.Context, server int, name string, typ recordType) (message, error) {
	id := uint16(rand.Uint32())
	packet, err := appendQuery(nil, id, name, typ)
	if err != nil {
		return message{}, err
	}
	failed := 0 // servers in a row that could not even be asked
	for {
		addr := r.conf.Servers[server%len(r.conf.Servers)].String()
		server++
		resend := time.Now().Add(r.conf.Resend)
		q := asking{r: r, name: name, typ: typ, id: id, packet: packet}
		m, got, err := q.udp(ctx, addr, resend)
		if got && m.truncated {
			m, got, err = q.tcp(ctx, addr)
		}
		switch {
		case ctx.Err() != nil:
			return message{}, ErrTimeout
		case got && m.code != 0:
			return message{}, Error(m.code)
		case got:
			return m, nil
		case err != nil:
			r.log("%v while resolving, resolver: %s", err, addr)
			if failed++; failed < len(r.conf.Servers) {
				continue
			}
			failed = 0
		}
		if err := pause(ctx, time.Until(resend)); err != nil {
			return message{}, ErrTimeout
		}
	}
}

// pause waits, or returns ctx's error when that ends.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// asking is one question.
type asking struct {
	r      *Resolver
	name   string
	typ    recordType
	id     uint16
	packet []byte
}

// dial connects and has the connection end with ctx.
func dial(ctx context.Context, network, addr string, until time.Time) (net.Conn, func(), error) {
	d := net.Dialer{Deadline: until}
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, nil, err
	}
	_ = c.SetDeadline(until)
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	return c, func() { stop(); _ = c.Close() }, nil
}

// udp sends the question and waits for its answer; got is false when none has
// come in time. Answers to other questions, and what cannot be understood, are
// logged and ignored: anybody can send them.
func (q *asking) udp(ctx context.Context, addr string, until time.Time) (m message, got bool, err error) {
	c, done, err := dial(ctx, "udp", addr, until)
	if err != nil {
		return m, false, err
	}
	defer done()
	if _, err := c.Write(q.packet); err != nil {
		return m, false, err
	}
	buf := make([]byte, maxUDP)
	for {
		n, err := c.Read(buf)
		if err != nil {
			if e, ok := err.(net.Error); ok && e.Timeout() {
				err = nil
			}
			return m, false, err
		}
		if m, ok := q.accept(buf[:n]); ok {
			return m, true, nil
		}
	}
}

// accept reads an answer; ok is false when it is to be ignored.
func (q *asking) accept(b []byte) (m message, ok bool) {
	m, err := parseMessage(b)
	switch {
	case err != nil:
		q.r.log("%v", err)
	case m.code == int(ErrFormat) || m.code > int(ErrRefused):
		q.r.log("DNS error (%v), query id:%d", Error(m.code), m.id)
	case m.question != q.name || m.typ != q.typ:
		q.r.log("unexpected DNS response for %s", m.question)
	case m.id != q.id:
		q.r.log("wrong ident %d in DNS response for %s, expect %d", m.id, m.question, q.id)
	default:
		return m, true
	}
	return m, false
}

// tcp asks over TCP, for an answer that was too long for UDP.
func (q *asking) tcp(ctx context.Context, addr string) (m message, got bool, err error) {
	c, done, err := dial(ctx, "tcp", addr, time.Now().Add(tcpTimeout))
	if err != nil {
		return m, false, err
	}
	defer done()
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(q.packet))), q.packet...)); err != nil {
		return m, false, err
	}
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return m, false, err
	}
	b := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, b); err != nil {
		return m, false, err
	}
	m, ok := q.accept(b)
	return m, ok && !m.truncated, nil
}
