package main

import (
	"bytes"
	"encoding/binary"
	"errors"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// calls makes a back end one of gRPC: HTTP/2 in clear, which answers every call in
// the same way. It reads no head.
type calls struct {
	greeting []byte
	answer   []byte // frames of stream 0
	ids      []int  // where in answer the stream's identifier belongs
}

// newCalls returns what answers each call with a message.
func newCalls(message []byte) *calls {
	var c calls
	var out, block bytes.Buffer
	f := http2.NewFramer(&out, nil)
	f.AllowIllegalWrites = true
	_ = f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1}, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1000})
	_ = f.WriteWindowUpdate(0, 1<<31-1-65535)
	c.greeting = bytes.Clone(out.Bytes())
	out.Reset()
	e := hpack.NewEncoder(&block)
	e.SetMaxDynamicTableSize(0) // the frames are the same each time
	head := func(end bool, fields ...hpack.HeaderField) {
		block.Reset()
		for _, field := range fields {
			_ = e.WriteField(field)
		}
		c.ids = append(c.ids, out.Len()+5)
		_ = f.WriteHeaders(http2.HeadersFrameParam{BlockFragment: block.Bytes(), EndHeaders: true, EndStream: end})
	}
	head(false, hpack.HeaderField{Name: ":status", Value: "200"}, hpack.HeaderField{Name: "content-type", Value: "application/grpc"})
	c.ids = append(c.ids, out.Len()+5)
	_ = f.WriteData(0, false, message)
	head(true, hpack.HeaderField{Name: "grpc-status", Value: "0"})
	c.answer = bytes.Clone(out.Bytes())
	return &c
}

// take takes the whole frames of a request off in, and puts what is to be said to
// them behind out.
func (c *calls) take(of *backClient, in, out []byte) (rest, answers []byte, err error) {
	if !of.greeted {
		if len(in) < len(http2.ClientPreface) {
			return in, out, nil
		}
		if string(in[:len(http2.ClientPreface)]) != http2.ClientPreface {
			return nil, nil, errors.New("a back end is not spoken HTTP/2 to")
		}
		in, of.greeted = in[len(http2.ClientPreface):], true
		out = append(out, c.greeting...)
	}
	for len(in) >= frameHeader {
		length := int(in[0])<<16 | int(in[1])<<8 | int(in[2])
		if len(in) < frameHeader+length {
			break
		}
		kind, flags, id := http2.FrameType(in[3]), http2.Flags(in[4]), binary.BigEndian.Uint32(in[5:])
		switch {
		case kind == http2.FrameSettings && !flags.Has(http2.FlagSettingsAck):
			out = append(out, 0, 0, 0, byte(http2.FrameSettings), byte(http2.FlagSettingsAck), 0, 0, 0, 0)
		case kind == http2.FramePing && !flags.Has(http2.FlagPingAck):
			out = append(append(out, 0, 0, 8, byte(http2.FramePing), byte(http2.FlagPingAck), 0, 0, 0, 0), in[frameHeader:frameHeader+length]...)
		case (kind == http2.FrameHeaders || kind == http2.FrameData) && flags.Has(http2.FlagDataEndStream):
			at := len(out)
			out = append(out, c.answer...)
			for _, i := range c.ids {
				binary.BigEndian.PutUint32(out[at+i:], id)
			}
		}
		if kind == http2.FrameData && length > 0 {
			// The connection's window stays as it is.
			out = append(out, 0, 0, 4, byte(http2.FrameWindowUpdate), 0, 0, 0, 0, 0, 0, byte(length>>16), byte(length>>8), byte(length))
		}
		in = in[frameHeader+length:]
	}
	return in, out, nil
}
