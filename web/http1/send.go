package http1

import (
	"net"

	"tandem/web"
	"tandem/web/http1/wire"
)

// maxWaiting is how much may wait in memory before it is sent.
const maxWaiting = 16 << 10

// manyPackets: before so much of a file the head goes out by itself. The client
// wakes up for it while the kernel makes packets of the file, and the two work at
// the same time; that is worth more than one packet less. What fits into the
// buffers of both sides at once is better sent at once.
const manyPackets = 4 << 20

// SendBody writes a piece of the body, in the framing that SendHead has settled.
func (x *exchange) SendBody(c web.Chunk) error {
	if x.r.Broken() {
		return net.ErrClosed
	}
	n := c.Len()
	if x.last {
		if n == 0 {
			return nil
		}
		return web.ErrBodySent
	}
	if x.chunked && n > 0 {
		x.out = wire.AppendChunkHeader(x.out, n)
	}
	if err := x.sendData(c.Data); err != nil {
		return err
	}
	if c.File.Len > 0 {
		if err := x.sendFile(c.File); err != nil {
			return err
		}
	}
	if x.chunked {
		if n > 0 {
			x.out = append(x.out, crlf...)
		}
		if c.Last {
			x.out = append(x.out, "0\r\n"...)
			for _, f := range x.r.Response.Trailers() {
				x.WriteField(f.Name, f.Value)
			}
			x.out = append(x.out, crlf...)
		}
	}
	if c.Last {
		x.last = true
		return x.Flush()
	}
	if c.Flush || len(x.out) >= int(x.r.Core.PostponeOutput.V) {
		return x.Flush()
	}
	return nil
}

// sendData puts b behind what waits, or sends both when b is large.
func (x *exchange) sendData(b []byte) error {
	if len(x.out)+len(b) <= maxWaiting {
		x.out = append(x.out, b...)
		return nil
	}
	if x.pace.Limited() {
		if err := x.Flush(); err != nil {
			return err
		}
		return x.write(b)
	}
	_, err := x.s.wire.Writev(x.out, b)
	x.out = x.out[:0]
	return err
}

func (x *exchange) sendFile(seg web.FileSegment) error {
	if len(x.out)+int(min(seg.Len, maxWaiting)) <= maxWaiting {
		start := len(x.out)
		x.out = append(x.out, make([]byte, seg.Len)...)
		_, err := seg.File.ReadAt(x.out[start:], seg.Off)
		return err
	}
	flush := x.flushMore
	if seg.Len >= manyPackets && !x.r.Core.TCPNopush.V {
		flush = x.Flush
	}
	if err := flush(); err != nil {
		return err
	}
	for x.pace.Limited() && seg.Len > 0 {
		n, err := x.pace.Room(seg.Len)
		if err != nil {
			return err
		}
		if _, err := x.s.wire.SendFile(seg.File, seg.Off, n); err != nil {
			return err
		}
		x.pace.Took(n)
		seg.Off, seg.Len = seg.Off+n, seg.Len-n
	}
	if seg.Len == 0 {
		return nil
	}
	_, err := x.s.wire.SendFile(seg.File, seg.Off, seg.Len)
	return err
}

// write sends b as fast as limit_rate allows.
func (x *exchange) write(b []byte) error {
	for x.pace.Limited() && len(b) > 0 {
		n, err := x.pace.Room(int64(len(b)))
		if err != nil {
			return err
		}
		if _, err := x.s.wire.Write(b[:n]); err != nil {
			return err
		}
		x.pace.Took(n)
		b = b[n:]
	}
	if len(b) == 0 {
		return nil
	}
	_, err := x.s.wire.Write(b)
	return err
}

// Flush sends what waits.
func (x *exchange) Flush() error {
	if len(x.out) == 0 {
		return nil
	}
	err := x.write(x.out)
	x.out = x.out[:0]
	return err
}

// Sent returns how many bytes the connection has sent since the request began.
func (x *exchange) Sent() int64 { return x.s.wire.Sent() - x.sentBefore }

// flushMore is Flush when more follows at once: what waits goes out in one
// packet with the beginning of that.
func (x *exchange) flushMore() error {
	if x.pace.Limited() {
		return x.Flush()
	}
	_, err := x.s.wire.WriteMore(x.out)
	x.out = x.out[:0]
	return err
}
