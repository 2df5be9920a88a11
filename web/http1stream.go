package web

import (
	"net"
	"strconv"

	"tandem/web/http1"
	"tandem/web/message"
)

// http1Stream writes responses in the words of HTTP/1. The head waits for the
// first piece of the body, so that a small response is one write.
type http1Stream struct {
	c    *conn
	out  []byte // what waits to be sent: the head, small pieces of the body
	last bool   // the response has ended
	pace pace
}

// maxWaiting is how much may wait in memory before it is sent.
const maxWaiting = 16 << 10

// manyPackets: before so much of a file the head goes out by itself. The client
// wakes up for it while the kernel makes packets of the file, and the two work at
// the same time; that is worth more than one packet less. What fits into the
// buffers of both sides at once is better sent at once.
const manyPackets = 4 << 20

// postpone is how many bytes of body are worth a write of their own;
// postpone_output.
func (s *http1Stream) postpone(r *Request) int { return int(r.Core.PostponeOutput.V) }

func (s *http1Stream) sendHead(r *Request) error {
	s.last = false
	s.pace = newPace(r)
	start := len(s.out)
	s.out = appendHead(s.out, r)
	r.headBytes = int64(len(s.out) - start)
	s.last = r.HeaderOnly
	return nil
}

// appendHead appends the head of the response, in nginx's order of fields.
func appendHead(dst []byte, r *Request) []byte {
	p := &r.Response
	if p.StatusLine != nil {
		dst = append(append(append(dst, "HTTP/1.1 "...), p.StatusLine...), crlf...)
	} else {
		dst = http1.AppendStatusLine(dst, p.Status)
	}
	if !p.OmitServer {
		dst = append(append(append(dst, "Server: "...), serverTokens[r.Core.ServerTokens.V]...), crlf...)
	}
	if !p.OmitDate {
		dst = append(append(append(dst, "Date: "...), message.CachedDateAt(r.Now().Unix())...), crlf...)
	}
	if len(p.ContentType) > 0 {
		dst = append(p.appendContentType(append(dst, "Content-Type: "...)), crlf...)
	}
	if p.ContentLength >= 0 {
		dst = append(dst, "Content-Length: "...)
		dst = append(strconv.AppendInt(dst, p.ContentLength, 10), crlf...)
	}
	if p.LastModified != -1 && !p.Has("Last-Modified") {
		dst = append(dst, "Last-Modified: "...)
		dst = append(message.AppendDate(dst, p.LastModified), crlf...)
	}
	if p.Location != nil && r.completesLocation() {
		dst = append(r.appendLocation(append(dst, "Location: "...)), crlf...)
	}
	if p.Chunked {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	switch {
	case p.Status == 101:
		dst = append(dst, "Connection: upgrade\r\n"...)
	case r.Keepalive:
		dst = append(dst, "Connection: keep-alive\r\n"...)
		if t := r.Core.KeepaliveHeader.V; t > 0 {
			dst = append(dst, "Keep-Alive: timeout="...)
			dst = append(strconv.AppendInt(dst, int64(t.Seconds()), 10), crlf...)
		}
	default:
		dst = append(dst, "Connection: close\r\n"...)
	}
	if p.GzipVary {
		dst = append(dst, "Vary: Accept-Encoding\r\n"...)
	}
	if p.Location != nil && !r.completesLocation() {
		// Where nginx has it when there is nothing to be added.
		dst = append(r.appendLocation(append(dst, "Location: "...)), crlf...)
	}
	for i := range p.fields {
		f := &p.fields[i]
		dst = append(append(append(dst, f.Name...), ": "...), f.Value...)
		dst = append(dst, crlf...)
	}
	return append(dst, crlf...)
}

// completesLocation reports whether the Location is a path that is to be made
// absolute.
func (r *Request) completesLocation() bool {
	location := r.Response.Location
	return len(location) > 0 && location[0] == '/' && r.Core.AbsoluteRedirect.V
}

// appendLocation appends the Location, made absolute as absolute_redirect,
// server_name_in_redirect and port_in_redirect say.
func (r *Request) appendLocation(dst []byte) []byte {
	location := r.Response.Location
	if !r.completesLocation() {
		return append(dst, location...)
	}
	dst = append(dst, r.Scheme()...)
	dst = append(dst, "://"...)
	switch {
	case r.Core.ServerNameRedirect.V:
		dst = append(dst, r.Server.Name()...)
	case len(r.Host) > 0:
		dst = append(dst, r.Host...)
	default:
		dst = r.appendLocalAddr(dst)
	}
	if r.Core.PortInRedirect.V {
		if port := r.localPort(); port != 0 && port != r.defaultPort() {
			dst = append(dst, ':')
			dst = strconv.AppendInt(dst, int64(port), 10)
		}
	}
	return append(dst, location...)
}

func (s *http1Stream) sendBody(r *Request, c Chunk) error {
	if s.c.broken {
		return net.ErrClosed
	}
	n := c.Len()
	if s.last {
		if n == 0 {
			return nil
		}
		return ErrBodySent
	}
	if r.Response.Chunked {
		if n > 0 {
			s.out = http1.AppendChunkHeader(s.out, n)
		}
	}
	if err := s.sendData(c.Data); err != nil {
		return err
	}
	if c.File.Len > 0 {
		if err := s.sendFile(r, c.File); err != nil {
			return err
		}
	}
	if r.Response.Chunked {
		if n > 0 {
			s.out = append(s.out, crlf...)
		}
		if c.Last {
			s.out = append(s.out, "0\r\n"...)
			for _, f := range r.Response.trailers {
				s.out = append(append(append(s.out, f.Name...), ": "...), f.Value...)
				s.out = append(s.out, crlf...)
			}
			s.out = append(s.out, crlf...)
		}
	}
	if c.Last {
		s.last = true
		return s.flush()
	}
	if c.Flush || len(s.out) >= s.postpone(r) {
		return s.flush()
	}
	return nil
}

// sendData puts b behind what waits, or sends both when b is large.
func (s *http1Stream) sendData(b []byte) error {
	if len(s.out)+len(b) <= maxWaiting {
		s.out = append(s.out, b...)
		return nil
	}
	if s.pace.rate > 0 {
		if err := s.flush(); err != nil {
			return err
		}
		return s.write(b)
	}
	_, err := s.c.wire.Writev(s.out, b)
	s.out = s.out[:0]
	return err
}

func (s *http1Stream) sendFile(r *Request, seg FileSegment) error {
	if len(s.out)+int(min(seg.Len, maxWaiting)) <= maxWaiting {
		start := len(s.out)
		s.out = append(s.out, make([]byte, seg.Len)...)
		_, err := seg.File.ReadAt(s.out[start:], seg.Off)
		return err
	}
	flush := s.flushMore
	if seg.Len >= manyPackets && !r.Core.TCPNopush.V {
		flush = s.flush
	}
	if err := flush(); err != nil {
		return err
	}
	for s.pace.rate > 0 && seg.Len > 0 {
		n, err := s.pace.room(s.c.req, seg.Len)
		if err != nil {
			return err
		}
		if _, err := s.c.wire.SendFile(seg.File, seg.Off, n); err != nil {
			return err
		}
		s.pace.took(n)
		seg.Off, seg.Len = seg.Off+n, seg.Len-n
	}
	if seg.Len == 0 {
		return nil
	}
	_, err := s.c.wire.SendFile(seg.File, seg.Off, seg.Len)
	return err
}

// write sends b as fast as limit_rate allows.
func (s *http1Stream) write(b []byte) error {
	for s.pace.rate > 0 && len(b) > 0 {
		n, err := s.pace.room(s.c.req, int64(len(b)))
		if err != nil {
			return err
		}
		if _, err := s.c.wire.Write(b[:n]); err != nil {
			return err
		}
		s.pace.took(n)
		b = b[n:]
	}
	if len(b) == 0 {
		return nil
	}
	_, err := s.c.wire.Write(b)
	return err
}

func (s *http1Stream) flush() error {
	if len(s.out) == 0 {
		return nil
	}
	err := s.write(s.out)
	s.out = s.out[:0]
	return err
}

// flushMore is flush when more follows at once: what waits goes out in one
// packet with the beginning of that.
func (s *http1Stream) flushMore() error {
	if s.pace.rate > 0 {
		return s.flush()
	}
	_, err := s.c.wire.WriteMore(s.out)
	s.out = s.out[:0]
	return err
}

func (s *http1Stream) sendContinue() error {
	s.out = append(s.out, http1.Continue...)
	return s.flush()
}

func (s *http1Stream) readBody(p []byte) (int, error) { return s.c.wire.ReadBody(p) }

func (s *http1Stream) dropReceived() error { return s.c.wire.DropReceived() }

func (s *http1Stream) bodyDone() bool { return s.c.wire.BodyDone() }
