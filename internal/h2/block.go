package h2

import (
	"encoding/binary"
	"errors"
	"time"

	"golang.org/x/net/http2/hpack"
)

// Limits bound what a peer can make a header block cost.
type Limits struct {
	// String is how long one name or value may be, in bytes as it is encoded
	// and as it is decoded.
	String int
	// List is how long all names and values of a block may be together, in
	// bytes. Both limits end the connection: nginx's large_client_header_buffers.
	List int
	// Fields is how many fields of a block are handed on; of those beyond, Block
	// says only that they were there.
	Fields int
}

// Block is a header block: the fields of a request or response, or those behind
// a body. It and its fields' strings may be kept; the slice is the connection's
// and valid until Handler returns.
type Block struct {
	Fields []hpack.HeaderField
	// Over: there were more than Limits.Fields.
	Over bool
	// Length is the length as encoded, in bytes without frame headers.
	Length int
	// EndStream: nothing follows.
	EndStream bool
}

// maxBlock times Limits.List is how long a block may be as encoded: what decodes to
// no more than the list's limit is not longer, unless it is made to cost work.
const maxBlock = 2

// headerFrame is what a HEADERS frame says besides its block.
type headerFrame struct {
	depends  uint32
	priority bool
}

// headersFrame reads a block, with the CONTINUATION frames that belong to it,
// and decodes it: the table of the other side must see each, also those of
// streams that are refused.
func (c *Conn) headersFrame(h frameHeader) (headerFrame, error) {
	var f headerFrame
	c.block = Block{Fields: c.block.Fields[:0], EndStream: h.flags&FlagEndStream != 0}
	c.listLeft, c.empty = c.limits.List, 0
	c.decoder.begin()
	size := 0
	if h.flags&FlagPadded != 0 {
		size++
	}
	if h.flags&FlagPriority != 0 {
		size += 5
	}
	switch {
	case h.length < size:
		return f, connectionError(FrameSizeError, "%s sent HEADERS frame with incorrect length %d", c.peer(), h.length)
	case h.length == size:
		return f, connectionError(FrameSizeError, "%s sent HEADERS frame with empty header block", c.peer())
	}
	if c.in.w-c.in.r < h.length || h.flags&FlagEndHeaders == 0 {
		c.awaitHead(h.id)
	}
	padding, left, err := c.padding(h, "HEADERS")
	if err != nil {
		return f, err
	}
	if h.flags&FlagPriority != 0 {
		if left < 5 {
			return f, connectionError(ProtocolError, "%s sent padded HEADERS frame with incorrect length: %d", c.peer(), left)
		}
		p, err := c.in.take(5)
		if err != nil {
			return f, err
		}
		f.depends, f.priority = binary.BigEndian.Uint32(p)&maxID, true
		left -= 5
	}
	if err = c.fragment(left); err == nil {
		err = c.in.skip(padding)
	}
	if err == nil && h.flags&FlagEndHeaders == 0 {
		err = c.continuations(h.id)
	}
	if err == nil && !c.decoder.end() {
		err = connectionError(FrameSizeError, "%s sent header block with incorrect length", c.peer())
	}
	return f, err
}

// continuations reads the rest of a block. A frame of any other kind or stream
// between its parts is an error; so are parts without anything in them, which cost
// their sender nothing.
func (c *Conn) continuations(id uint32) error {
	for {
		h, err := c.frame()
		if err != nil {
			return err
		}
		if h.typ != FrameContinuation || h.id != id {
			return connectionError(ProtocolError, "%s sent inappropriate frame while CONTINUATION was expected", c.peer())
		}
		if h.length == 0 {
			if c.empty++; c.empty > maxEmpty {
				return connectionError(EnhanceYourCalm, "%s sent too many empty CONTINUATION frames", c.peer())
			}
		}
		if err := c.fragment(h.length); err != nil || h.flags&FlagEndHeaders != 0 {
			return err
		}
	}
}

// maxEmpty is how many CONTINUATION frames of a block may be empty.
const maxEmpty = 8

// fragment decodes a part of a block, of n bytes, as they come. A block without an
// end costs its sender little, and its fields may hold nothing: how long it is has
// a limit of its own.
func (c *Conn) fragment(n int) error {
	if c.block.Length += n; c.block.Length > max(maxBlock*c.limits.List, minMaxFrame) {
		return connectionError(EnhanceYourCalm, "%s sent too large header", c.peer())
	}
	for n > 0 {
		p, err := c.in.some(n)
		if err != nil {
			return err
		}
		n -= len(p)
		var bad *ConnectionError
		switch err := c.decoder.write(p); {
		case err == nil:
		case errors.As(err, &bad):
			return err
		case err == errFieldLength:
			return connectionError(EnhanceYourCalm, "%s sent too large header field", c.peer())
		default:
			return connectionError(CompressionError, "%s sent invalid header block: %v", c.peer(), err)
		}
	}
	return nil
}

// emit takes a field from the decoder. Limits.List bounds what fields hold, and
// Limits.Fields how many are kept of those that hold nothing.
func (c *Conn) emit(f hpack.HeaderField) error {
	if c.listLeft -= len(f.Name) + len(f.Value); c.listLeft < 0 {
		return connectionError(EnhanceYourCalm, "%s sent too large header", c.peer())
	}
	if len(c.block.Fields) >= c.limits.Fields {
		c.block.Over = true
		return nil
	}
	c.block.Fields = append(c.block.Fields, f)
	return nil
}

// awaitHead has a stream be reset whose block does not come whole in time. The
// connection goes on: what comes of the block after that is still decoded.
func (c *Conn) awaitHead(id uint32) {
	if c.headFor == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if id <= c.lastID || id%2 == 0 {
		return // a fault, or fields behind a body, for which its reader waits
	}
	c.awaited = id
	c.headTimer = time.AfterFunc(c.headFor, func() {
		c.mu.Lock()
		if c.awaited == id && c.dead == nil {
			c.awaited, c.late = 0, id
			c.control(appendRSTStream(c.room(), id, ProtocolError))
		}
		c.mu.Unlock()
		c.flushLater()
	})
}

// headCame ends awaitHead, and returns the stream for which it was too late, 0 if
// it was not. The caller holds mu.
func (c *Conn) headCame() (late uint32) {
	late = c.late
	c.awaited, c.late = 0, 0
	if c.headTimer != nil {
		c.headTimer.Stop()
		c.headTimer = nil
	}
	return late
}
