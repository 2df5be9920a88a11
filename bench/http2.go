package main

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"golang.org/x/sys/unix"
)

// http2Load is what a load has besides when it speaks HTTP/2, with TLS: each
// connection has so many streams at work at a time.
type http2Load struct {
	streams int
	first   []byte // a connection's first header block, which fills the server's table
	others  []byte // all others
	message []byte // what follows a head; nil: nothing
	call    bool   // the answer is one of gRPC, and succeeds in the fields behind the body
	config  *tls.Config
}

// newHTTP2Load returns the load of a case.
func newHTTP2Load(c benchCase) *http2Load {
	h := &http2Load{streams: c.streams, message: c.post, call: c.call, config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}}
	fields := []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: c.path}, {Name: ":authority", Value: "localhost"},
		{Name: "user-agent", Value: "bench"}, {Name: "accept", Value: "*/*"}}
	if c.call {
		fields = []hpack.HeaderField{{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: c.path}, {Name: ":authority", Value: "localhost"},
			{Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"}, {Name: "user-agent", Value: "grpc-go/1.80.0"}}
	}
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, to := range []*[]byte{&h.first, &h.others} {
		block.Reset()
		for _, f := range fields {
			_ = e.WriteField(f)
		}
		*to = bytes.Clone(block.Bytes())
	}
	return h
}

// http2Client is what a connection of HTTP/2 has besides.
type http2Client struct {
	conn    *tls.Conn
	id      uint32 // of the next stream
	in      []byte // a frame that has not come whole
	out     bytes.Buffer
	framer  *http2.Framer
	table   *hpack.Decoder
	streams []streamOf
	taken   int // of the connection's window
}

// streamOf is a request that is being answered.
type streamOf struct {
	id  uint32
	got int // of the body
}

// socket is a descriptor for TLS, whose reads come back when there is nothing.
type socket struct{ fd int }

// errNothing is temporary, so that TLS can go on.
type errNothing struct{ error }

func (errNothing) Timeout() bool   { return true }
func (errNothing) Temporary() bool { return true }

func (s socket) Read(p []byte) (int, error) {
	switch n, err := receive(s.fd, p); {
	case err == unix.EAGAIN:
		return 0, errNothing{err}
	case err != nil:
		return 0, err
	case n == 0:
		return 0, errors.New("the server closed a connection")
	default:
		return n, nil
	}
}

func (s socket) Write(p []byte) (int, error) {
	for sent := 0; sent < len(p); {
		n, err := send(s.fd, p[sent:])
		if err == unix.EAGAIN {
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLOUT}}, 1000)
			continue
		}
		if err != nil {
			return sent, err
		}
		sent += n
	}
	return len(p), nil
}

func (socket) Close() error                     { return nil }
func (socket) LocalAddr() net.Addr              { return nil }
func (socket) RemoteAddr() net.Addr             { return nil }
func (socket) SetDeadline(time.Time) error      { return nil }
func (socket) SetReadDeadline(time.Time) error  { return nil }
func (socket) SetWriteDeadline(time.Time) error { return nil }

// greeting is what a connection begins with: there is always room for more.
func (c *http2Client) greeting() error {
	c.out.WriteString(http2.ClientPreface)
	return errors.Join(c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1}, http2.Setting{ID: http2.SettingEnablePush, Val: 0}),
		c.framer.WriteWindowUpdate(0, 1<<31-1-65535))
}

// greet makes the connection, whose descriptor still waits, one of HTTP/2.
func (h *http2Load) greet(c *client, addr netip.AddrPort) error {
	n := &http2Client{conn: tls.Client(socket{c.fd}, h.config), id: 1, table: hpack.NewDecoder(4096, nil)}
	n.framer = http2.NewFramer(&n.out, nil)
	c.two = n
	if err := n.conn.Handshake(); err != nil {
		return fmt.Errorf("TLS with %v: %w", addr, err)
	}
	return n.greeting()
}

// ask sends as many requests as there may be at once.
func (h *http2Load) ask(c *client, once bool) error {
	n := c.two
	for range h.streams {
		if err := h.begin(n); err != nil || once {
			return errors.Join(err, n.flush())
		}
	}
	return n.flush()
}

// begin puts a request among what is to be sent.
func (h *http2Load) begin(n *http2Client) error {
	block := h.others
	if n.id == 1 {
		block = h.first
	}
	err := n.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: n.id, BlockFragment: block, EndHeaders: true, EndStream: h.message == nil})
	if h.message != nil && err == nil {
		err = n.framer.WriteData(n.id, true, h.message)
	}
	n.streams = append(n.streams, streamOf{id: n.id})
	n.id += 2
	return err
}

func (n *http2Client) flush() error {
	if n.out.Len() == 0 {
		return nil
	}
	_, err := n.conn.Write(n.out.Bytes())
	n.out.Reset()
	return err
}

// answer reads what has come, checks it, and asks again for each answer that is
// complete.
func (h *http2Load) answer(l *load, c *client) error {
	n := c.two
	for {
		got, err := n.conn.Read(l.in[:])
		if nothing := (errNothing{}); errors.As(err, &nothing) {
			return n.flush()
		}
		if err != nil {
			return err
		}
		in := l.in[:got]
		if len(n.in) > 0 {
			n.in = append(n.in, in...)
			in = n.in
		}
		rest, err := h.frames(l, n, in)
		if err != nil {
			return err
		}
		n.in = append(n.in[:0], rest...)
	}
}

// frames takes whole frames off in, and returns the rest.
func (h *http2Load) frames(l *load, n *http2Client, in []byte) (rest []byte, err error) {
	for len(in) >= frameHeader {
		length := int(in[0])<<16 | int(in[1])<<8 | int(in[2])
		if len(in) < frameHeader+length {
			break
		}
		if err := h.frame(l, n, http2.FrameType(in[3]), http2.Flags(in[4]), binary.BigEndian.Uint32(in[5:]), in[frameHeader:frameHeader+length]); err != nil {
			return nil, err
		}
		in = in[frameHeader+length:]
	}
	return in, nil
}

// frameHeader is the length of a frame's header.
const frameHeader = 9

func (h *http2Load) frame(l *load, n *http2Client, kind http2.FrameType, flags http2.Flags, id uint32, p []byte) error {
	switch kind {
	case http2.FrameSettings:
		if !flags.Has(http2.FlagSettingsAck) {
			return n.framer.WriteSettingsAck()
		}
		return nil
	case http2.FramePing, http2.FrameWindowUpdate:
		return nil
	case http2.FrameHeaders, http2.FrameData:
	default:
		return fmt.Errorf("a frame of type %v", kind)
	}
	i := 0
	for i < len(n.streams) && n.streams[i].id != id {
		i++
	}
	if i == len(n.streams) || flags.Has(http2.FlagDataPadded) {
		return fmt.Errorf("an unexpected frame of type %v", kind)
	}
	s := &n.streams[i]
	if kind == http2.FrameHeaders {
		if err := h.head(n, s, p); err != nil {
			return err
		}
	} else {
		if len(p) > len(l.wantBody)-s.got || !bytes.Equal(p, l.wantBody[s.got:s.got+len(p)]) {
			return fmt.Errorf("a wrong body after %d answers", l.done)
		}
		s.got += len(p)
		// Hundreds of long bodies come side by side, and few of them end in a short
		// time: what has come of them counts.
		if l.bytes += len(p); l.bytes >= len(l.wantBody) {
			l.bytes -= len(l.wantBody)
			l.done++
		}
		if n.taken += len(p); n.taken > 1<<30 {
			if err := n.framer.WriteWindowUpdate(0, uint32(n.taken)); err != nil {
				return err
			}
			n.taken = 0
		}
	}
	if !flags.Has(http2.FlagDataEndStream) {
		return nil
	}
	if s.got != len(l.wantBody) {
		return fmt.Errorf("a body of %d bytes, not %d", s.got, len(l.wantBody))
	}
	last := len(n.streams) - 1
	n.streams[i] = n.streams[last]
	n.streams = n.streams[:last]
	if l.once {
		return nil
	}
	return h.begin(n)
}

// head checks a header block: that of an answer, or, of a call, what follows the
// body.
func (h *http2Load) head(n *http2Client, s *streamOf, p []byte) error {
	fields, err := n.table.DecodeFull(p)
	if err != nil {
		return err
	}
	want := hpack.HeaderField{Name: ":status", Value: "200"}
	if s.got > 0 {
		want = hpack.HeaderField{Name: "grpc-status", Value: "0"}
	}
	for _, f := range fields {
		if f.Name == want.Name && f.Value == want.Value {
			return nil
		}
	}
	return fmt.Errorf("a wrong answer: %v", fields)
}
