package h2

import "encoding/binary"

// SettingID names a parameter of a SETTINGS frame (RFC 9113 section 6.5.2,
// RFC 8441 section 3, RFC 9218 section 2.1).
type SettingID uint16

// The settings.
const (
	SettingHeaderTableSize       SettingID = 0x1
	SettingEnablePush            SettingID = 0x2
	SettingMaxConcurrentStreams  SettingID = 0x3
	SettingInitialWindowSize     SettingID = 0x4
	SettingMaxFrameSize          SettingID = 0x5
	SettingMaxHeaderListSize     SettingID = 0x6
	SettingEnableConnectProtocol SettingID = 0x8
	SettingNoRFC7540Priorities   SettingID = 0x9
)

// Setting is one parameter and its value.
type Setting struct {
	ID    SettingID
	Value uint32
}

// defaultWindow is the window of a connection, and of its streams before
// settings say otherwise, in bytes.
const defaultWindow = 1<<16 - 1

// peerSettings are what the peer has asked for, or the protocol's defaults.
type peerSettings struct {
	maxStreams uint32
	window     int64 // of new streams
	maxFrame   int
}

func defaultSettings() peerSettings {
	return peerSettings{maxStreams: maxID, window: defaultWindow, maxFrame: minMaxFrame}
}

func appendSettings(dst []byte, settings []Setting) []byte {
	dst = AppendFrame(dst, 6*len(settings), FrameSettings, 0, 0)
	for _, s := range settings {
		dst = binary.BigEndian.AppendUint16(dst, uint16(s.ID))
		dst = binary.BigEndian.AppendUint32(dst, s.Value)
	}
	return dst
}

// maxSettings is how many parameters one frame may hold. More than the known
// ones is a peer that has us work; nobody sends so many.
const maxSettings = 64

// settingsFrame obeys a SETTINGS frame and has it acknowledged.
func (c *Conn) settingsFrame(h frameHeader, p []byte) error {
	if h.flags&FlagAck != 0 {
		if len(p) != 0 {
			return connectionError(FrameSizeError, "%s sent SETTINGS frame with the ACK flag and nonzero length", c.peer())
		}
		c.mu.Lock()
		c.acked = true
		c.mu.Unlock()
		return nil
	}
	if len(p)%6 != 0 {
		return connectionError(FrameSizeError, "%s sent SETTINGS frame with incorrect length %d", c.peer(), len(p))
	}
	if len(p) > 6*maxSettings {
		return connectionError(EnhanceYourCalm, "%s sent SETTINGS frame with too many parameters", c.peer())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = true
	for ; len(p) > 0; p = p[6:] {
		if err := c.apply(Setting{SettingID(binary.BigEndian.Uint16(p)), binary.BigEndian.Uint32(p[2:])}); err != nil {
			return err
		}
	}
	alone := len(c.buf) == c.unhurried
	c.control(AppendFrame(c.room(), 0, FrameSettings, FlagAck, 0))
	if c.client && alone {
		c.unhurried = len(c.buf)
	}
	c.refill() // when all of them are obeyed
	return nil
}

// apply obeys one setting. The caller holds mu.
func (c *Conn) apply(s Setting) error {
	switch s.ID {
	case SettingHeaderTableSize:
		c.encoder.setLimit(s.Value)
	case SettingEnablePush:
		if s.Value > 1 || s.Value == 1 && c.client {
			return connectionError(ProtocolError, "%s sent SETTINGS frame with incorrect ENABLE_PUSH value %d", c.peer(), s.Value)
		}
	case SettingMaxConcurrentStreams:
		c.theirs.maxStreams = s.Value
	case SettingInitialWindowSize:
		if s.Value > maxWindow {
			return connectionError(FlowControlError, "%s sent SETTINGS frame with incorrect INITIAL_WINDOW_SIZE value %d", c.peer(), s.Value)
		}
		return c.adjustWindows(int64(s.Value))
	case SettingMaxFrameSize:
		if s.Value < minMaxFrame || s.Value > maxMaxFrame {
			return connectionError(ProtocolError, "%s sent SETTINGS frame with incorrect MAX_FRAME_SIZE value %d", c.peer(), s.Value)
		}
		c.theirs.maxFrame = int(s.Value)
	case SettingEnableConnectProtocol:
		if s.Value > 1 {
			return connectionError(ProtocolError, "%s sent SETTINGS frame with incorrect ENABLE_CONNECT_PROTOCOL value %d", c.peer(), s.Value)
		}
	}
	return nil
}

// adjustWindows changes what may be sent on every stream by how much the
// initial window changed (RFC 9113 section 6.9.2). The caller holds mu.
func (c *Conn) adjustWindows(window int64) error {
	delta := window - c.theirs.window
	c.theirs.window = window
	for _, s := range c.streams {
		if s.sendWindow += delta; s.sendWindow > maxWindow {
			return connectionError(FlowControlError, "%s changed the window of stream %d beyond its limit", c.peer(), s.id)
		}
		c.resume(s)
	}
	return nil
}
