package h2

import (
	"errors"
	"fmt"
)

// ErrCode says why a stream or a connection ends (RFC 9113 section 7).
type ErrCode uint32

// The error codes.
const (
	NoError            ErrCode = 0x0
	ProtocolError      ErrCode = 0x1
	InternalError      ErrCode = 0x2
	FlowControlError   ErrCode = 0x3
	SettingsTimeout    ErrCode = 0x4
	StreamClosed       ErrCode = 0x5
	FrameSizeError     ErrCode = 0x6
	RefusedStream      ErrCode = 0x7
	Cancel             ErrCode = 0x8
	CompressionError   ErrCode = 0x9
	ConnectError       ErrCode = 0xa
	EnhanceYourCalm    ErrCode = 0xb
	InadequateSecurity ErrCode = 0xc
	HTTP11Required     ErrCode = 0xd
)

var codeNames = [...]string{
	"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
	"REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
}

func (c ErrCode) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return fmt.Sprintf("unknown error code 0x%x", uint32(c))
}

// ConnectionError ends the connection: the peer broke a rule that concerns all
// of it (RFC 9113 section 5.4.1). Reason is for the log, in nginx's words where
// it has them.
type ConnectionError struct {
	Code   ErrCode
	Reason string
}

func (e *ConnectionError) Error() string { return e.Reason }

func connectionError(code ErrCode, format string, args ...any) error {
	return &ConnectionError{code, fmt.Sprintf(format, args...)}
}

// StreamError ends one stream (RFC 9113 section 5.4.2). It is what reading from
// and sending on a stream returns after either side has reset it.
type StreamError struct {
	Code   ErrCode
	Remote bool // it was the peer
}

func (e *StreamError) Error() string {
	if e.Remote {
		return "stream was reset by the peer: " + e.Code.String()
	}
	return "stream was reset: " + e.Code.String()
}

// GoAwayError is what is left of a connection that the peer has ended: streams
// above Last were not processed and may be tried elsewhere (RFC 9113 section 6.8).
type GoAwayError struct {
	Code ErrCode
	Last uint32
}

func (e *GoAwayError) Error() string { return "connection was ended by the peer: " + e.Code.String() }

var (
	// ErrClosed: the connection has been closed from this side.
	ErrClosed = errors.New("h2: connection closed")
	// ErrFull: the peer allows no more streams for the moment.
	ErrFull = errors.New("h2: as many streams as the peer allows")
	// ErrSent: more was sent on a stream after its end.
	ErrSent = errors.New("h2: stream has ended")
)
