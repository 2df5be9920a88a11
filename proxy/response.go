package proxy

import (
	"bytes"
	"strconv"

	"tandem/proxy/answer"
)

// ParseHead reads the status line and headers of a response (RFC 9112).
func (c *call) ParseHead(b []byte) (int, error) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		if !beginsStatusLine(b) {
			return 0, errNoHeader
		}
		return 0, nil
	}
	version, ok := c.Head.ParseStatusLine(answer.TrimCR(b[:i]))
	if !ok {
		return 0, errNoHeader
	}
	c.Head.Close = version < 11
	// The head must be complete before anything is made of its fields, so that
	// nothing is done twice.
	if !answer.HeadComplete(b[i+1:]) {
		return 0, nil
	}
	for pos := i + 1; ; {
		end := pos + bytes.IndexByte(b[pos:], '\n')
		line := answer.TrimCR(b[pos:end])
		pos = end + 1
		if len(line) == 0 {
			return pos, c.settle()
		}
		f, skip, ok := answer.ParseField(line)
		if !ok {
			return 0, answer.InvalidField(line)
		}
		if skip {
			continue
		}
		if c.Head.Status == 103 {
			c.Head.Fields = append(c.Head.Fields, f)
			continue
		}
		if err := c.AddField(f); err != nil {
			return 0, err
		}
	}
}

// beginsStatusLine reports whether b may become a status line.
func beginsStatusLine(b []byte) bool {
	const begin = "HTTP/"
	n := min(len(b), len(begin))
	return string(b[:n]) == begin[:n]
}

var errNoHeader = &answer.BadField{Reason: "upstream sent no valid HTTP/1.0 header"}

// settle decides how the body is delimited (RFC 9112 section 6.3).
func (c *call) settle() error {
	h := &c.Head
	if h.Status == 103 {
		if h.Close {
			return &answer.BadField{Reason: "upstream sent HTTP/1.0 response with early hints"}
		}
		return nil
	}
	if h.Status < 200 && h.Status != 101 {
		return &answer.BadField{Reason: "upstream sent unexpected status " + strconv.Itoa(h.Status)}
	}
	if h.Chunked {
		h.ContentLength = -1
	}
	c.chunks = chunkDecoder{}
	c.left = h.ContentLength
	switch {
	case h.Status == 101:
		// Without the client's wish it is a response without a body, after
		// which nobody knows what either side says.
		c.Upgrade = c.Request.WantsUpgrade()
		if c.Done = !c.Upgrade; c.Done {
			c.Request.CloseAfter()
		}
	case h.Status == 204, h.Status == 304, c.head, !h.Chunked && h.ContentLength == 0:
		c.left = 0
		c.Done, c.Reusable = true, !h.Close
	case !h.Chunked && h.ContentLength < 0:
		c.UntilClose = true
	}
	return nil
}

// ParseBody takes the next piece of the body off b.
func (c *call) ParseBody(b []byte) (data []byte, n int, err error) {
	switch {
	case c.Done:
		c.Reusable = false
		if c.chunks.stage == chunkTrailer {
			c.LogBodyf(logWarn, "upstream sent data after final chunk")
		} else {
			c.LogBodyf(logWarn, "upstream sent more data than specified in \"Content-Length\" header")
		}
		return nil, len(b), nil
	case c.Head.Chunked:
		return c.parseChunks(b)
	case c.UntilClose:
		return b, len(b), nil
	}
	n = int(min(int64(len(b)), c.left))
	if c.left -= int64(n); c.left == 0 {
		c.Done, c.Reusable = true, !c.Head.Close
	}
	return b[:n], n, nil
}
