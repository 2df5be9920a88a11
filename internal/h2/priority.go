package h2

import (
	"encoding/binary"
	"strings"
)

// priorityUpdateFrame changes how urgent a stream is (RFC 9218 section 7.1).
func (c *Conn) priorityUpdateFrame(h frameHeader, p []byte) error {
	c.work.idle++
	switch {
	case c.client || h.id != 0:
		return connectionError(ProtocolError, "%s sent PRIORITY_UPDATE frame with incorrect identifier", c.peer())
	case len(p) < 4:
		return connectionError(FrameSizeError, "%s sent PRIORITY_UPDATE frame with incorrect length %d", c.peer(), len(p))
	}
	id := binary.BigEndian.Uint32(p) & maxID
	if id == 0 {
		return connectionError(ProtocolError, "%s sent PRIORITY_UPDATE frame for stream 0", c.peer())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.streams[id]; s != nil {
		if u, ok := parseUrgency(string(p[4:])); ok {
			s.setUrgency(u)
		}
	}
	return nil
}

// SetPriority obeys a Priority field (RFC 9218 section 5).
func (s *Stream) SetPriority(value string) {
	if u, ok := parseUrgency(value); ok {
		s.c.mu.Lock()
		s.setUrgency(u)
		s.c.mu.Unlock()
	}
}

// parseUrgency returns the urgency in a priority field; false if there is none
// that is valid. The parameter i (incremental) changes nothing here: all streams
// of an urgency take turns.
func parseUrgency(value string) (uint8, bool) {
	for value != "" {
		var member string
		member, value, _ = strings.Cut(value, ",")
		member = strings.Trim(member, " \t")
		if len(member) == 3 && member[:2] == "u=" && '0' <= member[2] && member[2] <= '7' {
			return member[2] - '0', true
		}
	}
	return 0, false
}
