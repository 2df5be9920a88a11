package h2

import (
	"encoding/binary"

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
func (c *Conn) headersFrame(h frameHeader, p []byte) (headerFrame, error) {
	var f headerFrame
	c.block = Block{Fields: c.block.Fields[:0], EndStream: h.flags&FlagEndStream != 0}
	size := 0
	if h.flags&FlagPadded != 0 {
		size++
	}
	if h.flags&FlagPriority != 0 {
		size += 5
	}
	switch {
	case len(p) < size:
		return f, connectionError(FrameSizeError, "%s sent HEADERS frame with incorrect length %d", c.peer(), len(p))
	case len(p) == size:
		return f, connectionError(FrameSizeError, "%s sent HEADERS frame with empty header block", c.peer())
	}
	p, err := c.unpad(h, p, "HEADERS")
	if err != nil {
		return f, err
	}
	if h.flags&FlagPriority != 0 {
		if len(p) < 5 {
			return f, connectionError(ProtocolError, "%s sent padded HEADERS frame with incorrect length: %d", c.peer(), len(p))
		}
		f.depends, f.priority = binary.BigEndian.Uint32(p)&maxID, true
		p = p[5:]
	}
	if h.flags&FlagEndHeaders == 0 {
		if p, err = c.continuations(h.id, p); err != nil {
			return f, err
		}
	}
	c.block.Length = len(p)
	return f, c.decode(p)
}

// continuations returns the whole block that begins with p. A frame of any other
// kind or stream between its parts is an error; so are parts without anything in
// them and blocks without an end, which cost their sender nothing.
func (c *Conn) continuations(id uint32, p []byte) ([]byte, error) {
	block := append([]byte(nil), p...)
	for empty := 0; ; {
		h, p, err := c.frame()
		if err != nil {
			return nil, err
		}
		if h.typ != FrameContinuation || h.id != id {
			return nil, connectionError(ProtocolError, "%s sent inappropriate frame while CONTINUATION was expected", c.peer())
		}
		if len(p) == 0 {
			if empty++; empty > maxEmpty {
				return nil, connectionError(EnhanceYourCalm, "%s sent too many empty CONTINUATION frames", c.peer())
			}
		}
		if block = append(block, p...); len(block) > maxBlock*c.limits.List {
			return nil, connectionError(EnhanceYourCalm, "%s sent too large header", c.peer())
		}
		if h.flags&FlagEndHeaders != 0 {
			return block, nil
		}
	}
}

// maxEmpty is how many CONTINUATION frames of a block may be empty.
const maxEmpty = 8

// decode fills the block with the fields of p.
func (c *Conn) decode(p []byte) error {
	c.listLeft = c.limits.List
	c.decoder.SetEmitEnabled(true)
	_, err := c.decoder.Write(p)
	cut := err == nil && c.decoder.Close() != nil
	switch {
	case cut:
		return connectionError(FrameSizeError, "%s sent header block with incorrect length", c.peer())
	case err == hpack.ErrStringLength:
		return connectionError(EnhanceYourCalm, "%s sent too large header field", c.peer())
	case err != nil:
		return connectionError(CompressionError, "%s sent invalid header block: %v", c.peer(), err)
	case c.listLeft < 0:
		return connectionError(EnhanceYourCalm, "%s sent too large header", c.peer())
	}
	return nil
}

// emit takes a field from the decoder. Limits.List bounds what fields hold, and
// Limits.Fields how many are kept of those that hold nothing.
func (c *Conn) emit(f hpack.HeaderField) {
	if c.listLeft -= len(f.Name) + len(f.Value); c.listLeft < 0 {
		c.decoder.SetEmitEnabled(false)
		return
	}
	if len(c.block.Fields) >= c.limits.Fields {
		c.block.Over = true
		return
	}
	c.block.Fields = append(c.block.Fields, f)
}
