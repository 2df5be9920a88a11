package h2

import "encoding/binary"

// Preface is what a client sends first (RFC 9113 section 3.4).
const Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// FrameType is the type of a frame (RFC 9113 section 6, RFC 9218 section 7).
type FrameType uint8

// The frame types. PUSH_PROMISE is never sent and always refused.
const (
	FrameData           FrameType = 0x0
	FrameHeaders        FrameType = 0x1
	FramePriority       FrameType = 0x2
	FrameRSTStream      FrameType = 0x3
	FrameSettings       FrameType = 0x4
	FramePushPromise    FrameType = 0x5
	FramePing           FrameType = 0x6
	FrameGoAway         FrameType = 0x7
	FrameWindowUpdate   FrameType = 0x8
	FrameContinuation   FrameType = 0x9
	FramePriorityUpdate FrameType = 0x10
)

// Flags are the flags of a frame; what a bit means depends on its type.
type Flags uint8

// The flags.
const (
	FlagEndStream  Flags = 0x1 // DATA, HEADERS
	FlagAck        Flags = 0x1 // SETTINGS, PING
	FlagEndHeaders Flags = 0x4 // HEADERS, CONTINUATION
	FlagPadded     Flags = 0x8 // DATA, HEADERS
	FlagPriority   Flags = 0x20
)

// frameHeaderLen is the length of a frame's header in bytes.
const frameHeaderLen = 9

// Sizes of frames in bytes (RFC 9113 section 4.2).
const (
	minMaxFrame = 1 << 14
	maxMaxFrame = MaxFrame
)

// MaxFrame is the longest payload that SETTINGS_MAX_FRAME_SIZE may allow.
const MaxFrame = 1<<24 - 1

// maxID is the highest identifier of a stream, and maxWindow the largest window.
const (
	maxID     = 1<<31 - 1
	maxWindow = 1<<31 - 1
)

// frameHeader begins every frame.
type frameHeader struct {
	length int
	typ    FrameType
	flags  Flags
	id     uint32
}

func parseFrameHeader(b []byte) frameHeader {
	return frameHeader{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		typ:    FrameType(b[3]),
		flags:  Flags(b[4]),
		id:     binary.BigEndian.Uint32(b[5:]) & maxID,
	}
}

// AppendFrame appends the header of a frame whose payload of length bytes the
// caller appends.
func AppendFrame(dst []byte, length int, typ FrameType, flags Flags, id uint32) []byte {
	return append(dst, byte(length>>16), byte(length>>8), byte(length), byte(typ), byte(flags), byte(id>>24), byte(id>>16), byte(id>>8), byte(id))
}

// setFrameLength puts the length into a header that was appended before its
// payload was known.
func setFrameLength(header []byte, length int) {
	header[0], header[1], header[2] = byte(length>>16), byte(length>>8), byte(length)
}

func appendRSTStream(dst []byte, id uint32, code ErrCode) []byte {
	return binary.BigEndian.AppendUint32(AppendFrame(dst, 4, FrameRSTStream, 0, id), uint32(code))
}

func appendWindowUpdate(dst []byte, id, n uint32) []byte {
	return binary.BigEndian.AppendUint32(AppendFrame(dst, 4, FrameWindowUpdate, 0, id), n)
}

func appendPing(dst []byte, ack bool, data []byte) []byte {
	var flags Flags
	if ack {
		flags = FlagAck
	}
	return append(AppendFrame(dst, 8, FramePing, flags, 0), data...)
}

func appendGoAway(dst []byte, last uint32, code ErrCode) []byte {
	dst = AppendFrame(dst, 8, FrameGoAway, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, last)
	return binary.BigEndian.AppendUint32(dst, uint32(code))
}
