package fastcgi

import (
	"bytes"
	"fmt"

	"tandem/internal/errorlog"
	"tandem/proxy/answer"
	"tandem/proxy/cgi"
	"tandem/web"
)

// Errors of responses, in nginx's words.
var (
	errEndBeforeHead = &answer.BadField{Reason: fmt.Sprintf("upstream sent unexpected FastCGI record: %d", endRequest)}
	errStdoutClosed  = &answer.BadField{Reason: "upstream prematurely closed FastCGI stdout"}
	errRequestEnded  = &answer.BadField{Reason: "upstream prematurely closed FastCGI request"}
)

// ParseHead reads records up to the end of the head.
func (c *call) ParseHead(b []byte) (n int, err error) {
	if try := c.Try() + 1; c.try != try {
		c.try, c.records, c.message = try, decoder{}, nil
		c.head.Reset()
	}
	for n < len(b) {
		p, size, err := c.records.next(b[n:])
		n += size
		if err != nil {
			return n, &answer.BadField{Reason: err.Error()}
		}
		switch {
		case p.kind == endRequest:
			return n, errEndBeforeHead
		case p.kind == stderr:
			if message, ok := c.takeMessage(p); ok {
				if c.catches(message) {
					return n, &answer.BadField{Reason: fmt.Sprintf(stderrFormat, message)}
				}
				c.Logf(errorlog.Error, stderrFormat, message)
			}
		case p.kind == stdout && p.empty:
			return n, errStdoutClosed
		case p.kind == stdout:
			used, done, err := c.head.Read(&c.Exchange, p.data)
			if err != nil {
				return n, err
			}
			if done {
				rest := len(p.data) - used
				c.records.giveBack(p, rest)
				return n - rest - p.padding, c.settle()
			}
		}
	}
	return n, nil
}

// AppendKept appends the head as nginx keeps it: as it came, in a record.
func (c *call) AppendKept(dst []byte) []byte {
	return c.AppendFramed(dst, c.head.Bytes())
}

// Unframe implements exchange.HeadFramer, for a head in one record without
// padding.
func (c *call) Unframe(kept []byte) []byte {
	if len(kept) < headerSize || int(kept[4])<<8|int(kept[5]) != len(kept)-headerSize {
		return nil
	}
	return kept[headerSize:]
}

// AppendFramed implements exchange.HeadFramer.
func (c *call) AppendFramed(dst, text []byte) []byte {
	at := len(dst)
	dst, padding := appendHeader(dst, stdout, len(text))
	dst[at+6] -= byte(padding) // nothing but the body follows
	return append(dst, text...)
}

// ParseKept reads a head that was kept.
func (c *call) ParseKept(b []byte) (int, error) {
	c.try = 0
	n, err := c.ParseHead(b)
	c.try = 0
	return n, err
}

// settle decides how the body is delimited.
func (c *call) settle() error {
	h := &c.Head
	switch {
	case h.Status == 101:
		return cgi.UnexpectedStatus(h.Status)
	case h.Status == 204, h.Status == 304:
		c.left = 0
	case c.Request.Method == web.HEAD:
		c.left = -1
	default:
		c.left = h.ContentLength
	}
	c.mayClose()
	return nil
}

// mayClose settles whether the end of the connection may be the end of the
// response. Some back ends leave out the record that ends one; where the
// connection is to stay open, and inside of another record, it is a failure.
func (c *call) mayClose() { c.UntilClose = !c.keep && c.left <= 0 && c.records.mayEnd() }

const stderrFormat = "FastCGI sent in stderr: \"%s\""

// takeMessage takes a part of what a back end says on stderr; ok is set when
// the record is complete and there is something to tell.
func (c *call) takeMessage(p piece) (message []byte, ok bool) {
	message = p.data
	if len(c.message) > 0 || !p.ended {
		c.message = append(c.message, p.data...)
		message = c.message
	}
	if !p.ended {
		return nil, false
	}
	c.message = c.message[:0]
	return bytes.TrimRight(message, "\n\r. "), len(message) > 0
}

// catches reports whether a message of the back end makes its response a
// failure.
func (c *call) catches(message []byte) bool {
	for _, text := range c.settings.catchStderr.V {
		if bytes.Contains(message, []byte(text)) {
			return true
		}
	}
	return false
}

// ParseBody takes the next piece of the body off b. What is split in records
// becomes one piece, in place.
func (c *call) ParseBody(b []byte) (data []byte, n int, err error) {
	if c.Done {
		c.Reusable = false
		return nil, len(b), nil
	}
	for n < len(b) && !c.Done {
		before := c.records
		p, size, err := c.records.next(b[n:])
		if err == nil {
			p.data, err = c.takeBody(p)
		} else {
			err = &answer.BadField{Reason: err.Error()}
		}
		if err != nil {
			if len(data) > 0 {
				// What has come before is passed on first.
				c.records = before
				break
			}
			return nil, n, err
		}
		n += size
		if data == nil {
			data = p.data
		} else {
			data = append(data, p.data...)
		}
	}
	if c.Done && n < len(b) {
		c.Reusable, n = false, len(b)
	}
	c.mayClose()
	return data, n, nil
}

// takeBody takes a part of a record, and returns what it holds of the body.
func (c *call) takeBody(p piece) (data []byte, err error) {
	switch p.kind {
	case stderr:
		if message, ok := c.takeMessage(p); ok {
			c.LogBodyf(errorlog.Error, stderrFormat, message)
		}
	case endRequest:
		if c.left > 0 {
			return nil, errRequestEnded
		}
		c.Done, c.Reusable = p.ended, p.ended && c.keep
	case stdout:
		if p.empty && c.left > 0 {
			return nil, errStdoutClosed
		}
		return c.limit(p.data), nil
	}
	return nil, nil
}

// limit takes off data what exceeds the length that the head has told.
func (c *call) limit(data []byte) []byte {
	if c.left < 0 || len(data) == 0 {
		return data
	}
	if int64(len(data)) > c.left {
		c.LogBodyf(errorlog.Warn, "upstream sent more data than specified in \"Content-Length\" header")
		data, c.Done = data[:c.left], true
	}
	c.left -= int64(len(data))
	return data
}
