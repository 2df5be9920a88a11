package memcached

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"tandem/internal/errorlog"
	"tandem/proxy/answer"
	"tandem/proxy/exchange"
)

// call is one request to a memcached server.
type call struct {
	exchange.Exchange
	settings *settings
	key      []byte // as sent
	left     int64  // of the value
	ended    int    // how much of what follows it has come
}

var calls = sync.Pool{New: func() any { return new(call) }}

// Release gives the call back.
func (c *call) Release() {
	c.settings, c.key, c.left, c.ended = nil, nil, 0, 0
	calls.Put(c)
}

var errNoKey = errors.New("the \"$memcached_key\" variable is not set")

// AppendRequest appends the command that asks for the key.
func (c *call) AppendRequest(dst []byte) ([]byte, error) {
	r := c.Request
	key := c.settings.to.key.Append(&r.Session, r.Scratch())
	defer r.Unscratch(key)
	if len(key) == 0 {
		return dst, errNoKey
	}
	dst = append(dst, "get "...)
	start := len(dst)
	dst = appendKey(dst, key)
	c.key = r.Keep(dst[start:])
	return append(dst, "\r\n"...), nil
}

// appendKey appends a key, with what may not stand in one percent-encoded.
func appendKey(dst, key []byte) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range key {
		if c <= ' ' || c == '%' || c == 0x7f {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

// FrameBody appends nothing: there is no body.
func (*call) FrameBody(before, after []byte, _ int64, _ bool) ([]byte, []byte) { return before, after }

// ParseHead reads the line before the value, VALUE key flags length, or END.
func (c *call) ParseHead(b []byte) (n int, err error) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return 0, nil
	}
	line := b[:end]
	if len(line) == 0 || line[len(line)-1] != '\r' {
		return 0, invalid("response", line, nil)
	}
	line = line[:len(line)-1]
	h := &c.Head
	c.ended = 0
	if string(line) == "END" {
		c.Logf(errorlog.Info, "key: \"%s\" was not found by memcached", c.key)
		h.Status, h.ContentLength = 404, 0
		c.Done, c.Reusable = true, true
		return end + 1, nil
	}
	rest, ok := bytes.CutPrefix(line, []byte("VALUE "))
	if !ok {
		return 0, invalid("response", line, nil)
	}
	if rest, ok = bytes.CutPrefix(rest, c.key); !ok {
		return 0, invalid("key in response", line, c.key)
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(" ")); !ok {
		return 0, invalid("response", line, nil)
	}
	flags, length, ok := bytes.Cut(rest, []byte(" "))
	if !ok {
		return 0, invalid("response", line, nil)
	}
	if mask := c.settings.gzipFlag.V; mask != 0 {
		set, err := strconv.ParseUint(string(flags), 10, 63)
		if err != nil {
			return 0, invalid("flags in response", line, c.key)
		}
		if int(set)&mask != 0 {
			if err := c.AddField(answer.NewField([]byte("Content-Encoding"), []byte("gzip"))); err != nil {
				return 0, err
			}
		}
	}
	size, err := strconv.ParseUint(string(length), 10, 63)
	if err != nil {
		return 0, invalid("length in response", line, c.key)
	}
	h.Status, h.ContentLength, c.left = 200, int64(size), int64(size)
	return end + 1, nil
}

// invalid is the error of an answer that cannot be understood, in nginx's words.
func invalid(what string, line, key []byte) error {
	reason := fmt.Sprintf("memcached sent invalid %s \"%s\" for key \"%s\"", what, answer.Quote(line), key)
	if key == nil {
		reason = fmt.Sprintf("memcached sent invalid %s: \"%s\"", what, answer.Quote(line))
	}
	return &answer.BadField{Reason: reason}
}

// trailer follows a value.
const trailer = "\r\nEND\r\n"

// ParseBody takes the next piece of the value off b, or of what follows it.
func (c *call) ParseBody(b []byte) (data []byte, n int, err error) {
	if c.Done {
		c.Reusable = false
		return nil, len(b), nil
	}
	n = int(min(int64(len(b)), c.left))
	data, b = b[:n], b[n:]
	c.left -= int64(n)
	if len(b) == 0 {
		return data, n, nil
	}
	rest := trailer[c.ended:]
	if len(b) > len(rest) || string(b) != rest[:len(b)] {
		c.LogBodyf(errorlog.Error, "memcached sent invalid trailer")
		c.Done = true
		return data, n + len(b), nil
	}
	c.ended += len(b)
	if c.ended == len(trailer) {
		c.Done, c.Reusable = true, true
	}
	return data, n + len(b), nil
}
