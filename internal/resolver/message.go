package resolver

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
)

// recordType is a type of resource record.
type recordType uint16

const (
	typeA     recordType = 1
	typeCNAME recordType = 5
	typePTR   recordType = 12
	typeAAAA  recordType = 28
	typeSRV   recordType = 33
	typeDNAME recordType = 39
)

const (
	classIN    = 1
	headerSize = 12
	maxLabel   = 63
	maxName    = 512 // of a name in an answer; RFC 1035 has 255, servers have more
	maxJumps   = 64
)

var (
	errShort     = errors.New("short DNS response")
	errName      = errors.New("invalid name in DNS response")
	errNotAnswer = errors.New("invalid DNS response")
	errRecord    = errors.New("unexpected record in DNS response")
)

// errBadName reports a name that cannot be asked for.
var errBadName = errors.New("name cannot be resolved")

// appendQuery appends a question (RFC 1035 section 4.1).
func appendQuery(dst []byte, id uint16, name string, typ recordType) ([]byte, error) {
	dst = binary.BigEndian.AppendUint16(dst, id)
	// A standard query, recursion desired, one question.
	dst = append(dst, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0)
	start := len(dst)
	name = strings.TrimSuffix(name, ".")
	for name != "" {
		label, rest, more := strings.Cut(name, ".")
		if label == "" || len(label) > maxLabel || more && rest == "" {
			return nil, errBadName
		}
		dst = append(append(dst, byte(len(label))), label...)
		name = rest
	}
	if len(dst) == start || len(dst)-start > maxName {
		return nil, errBadName
	}
	dst = append(dst, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(typ))
	return binary.BigEndian.AppendUint16(dst, classIN), nil
}

// srvRecord is the data of an SRV record (RFC 2782).
type srvRecord struct {
	priority, weight, port uint16
	target                 string
}

// message is what an answer says.
type message struct {
	id        uint16
	code      int
	truncated bool
	question  string // lower case
	typ       recordType

	addrs []netip.Addr
	srvs  []srvRecord
	cname string // of the last CNAME or PTR record, lower case
	ttl   uint32 // the least of all records in seconds; the largest number without records
	empty bool   // no records
}

// parseMessage reads an answer to a question of type A, AAAA, SRV or PTR. It
// takes every address in the answer as one of the name, as nginx does: what
// the server says of aliases is for the server to know.
func parseMessage(b []byte) (m message, err error) {
	if len(b) < headerSize {
		return m, errShort
	}
	m.id = binary.BigEndian.Uint16(b)
	flags := binary.BigEndian.Uint16(b[2:])
	// A response to a standard query, with the reserved bits zero.
	if flags&0xf870 != 0x8000 {
		return m, errNotAnswer
	}
	m.truncated = flags&0x0200 != 0
	m.code = int(flags & 0xf)
	if binary.BigEndian.Uint16(b[4:]) != 1 {
		return m, errNotAnswer
	}
	answers := int(binary.BigEndian.Uint16(b[6:]))
	name, pos, err := readName(b, headerSize)
	if err != nil {
		return m, err
	}
	if pos+4 > len(b) {
		return m, errShort
	}
	m.question = name
	m.typ = recordType(binary.BigEndian.Uint16(b[pos:]))
	if binary.BigEndian.Uint16(b[pos+2:]) != classIN {
		return m, errNotAnswer
	}
	pos += 4
	m.ttl = 1<<32 - 1
	if m.truncated || m.code != 0 {
		return m, nil
	}
	m.empty = answers == 0
	for range answers {
		if pos, err = m.readRecord(b, pos); err != nil {
			return m, err
		}
	}
	return m, nil
}

// readRecord reads the resource record at pos and returns where it ends.
func (m *message) readRecord(b []byte, pos int) (int, error) {
	pos, err := skipName(b, pos)
	if err != nil {
		return 0, err
	}
	if pos+10 > len(b) {
		return 0, errShort
	}
	typ := recordType(binary.BigEndian.Uint16(b[pos:]))
	class := binary.BigEndian.Uint16(b[pos+2:])
	ttl := binary.BigEndian.Uint32(b[pos+4:])
	size := int(binary.BigEndian.Uint16(b[pos+8:]))
	pos += 10
	end := pos + size
	if class != classIN {
		return 0, errRecord
	}
	if end > len(b) {
		return 0, errShort
	}
	if ttl > 1<<31-1 {
		// RFC 2181 section 8: a value with the high bit set is zero.
		ttl = 0
	}
	m.ttl = min(m.ttl, ttl)
	data := b[pos:end]
	switch typ {
	case typeA, typeAAAA:
		addr, ok := netip.AddrFromSlice(data)
		if typ != m.typ || !ok || addr.Is4() != (typ == typeA) {
			return 0, errRecord
		}
		m.addrs = append(m.addrs, addr)
	case typeCNAME, typePTR:
		if m.cname, _, err = readName(b, pos); err != nil {
			return 0, err
		}
	case typeSRV:
		if typ != m.typ || size < 7 {
			return 0, errRecord
		}
		target, _, err := readName(b, pos+6)
		if err != nil {
			return 0, err
		}
		m.srvs = append(m.srvs, srvRecord{
			priority: binary.BigEndian.Uint16(data),
			weight:   binary.BigEndian.Uint16(data[2:]),
			port:     binary.BigEndian.Uint16(data[4:]),
			target:   target,
		})
	case typeDNAME:
	}
	return end, nil
}

// skipName returns the position after the name at pos.
func skipName(b []byte, pos int) (int, error) {
	start := pos
	for pos < len(b) {
		n := int(b[pos])
		switch {
		case n&0xc0 == 0xc0:
			if pos+2 > len(b) {
				return 0, errShort
			}
			return pos + 2, nil
		case n&0xc0 != 0:
			return 0, errName
		case n == 0:
			if pos == start {
				return 0, errName
			}
			return pos + 1, nil
		}
		pos += 1 + n
	}
	return 0, errShort
}

// readName returns the name at pos in lower case, following compression, and
// the position after it.
func readName(b []byte, pos int) (name string, end int, err error) {
	var text []byte
	jumps := 0
	for {
		if pos >= len(b) {
			return "", 0, errShort
		}
		n := int(b[pos])
		switch {
		case n&0xc0 == 0xc0:
			if pos+2 > len(b) {
				return "", 0, errShort
			}
			if end == 0 {
				end = pos + 2
			}
			if jumps++; jumps > maxJumps {
				return "", 0, errName
			}
			pos = int(binary.BigEndian.Uint16(b[pos:]) & 0x3fff)
			continue
		case n&0xc0 != 0:
			return "", 0, errName
		case n == 0:
			if end == 0 {
				end = pos + 1
			}
			if len(text) == 0 {
				return "", 0, errName
			}
			return string(text[:len(text)-1]), end, nil
		}
		if pos+1+n > len(b) {
			return "", 0, errShort
		}
		for _, c := range b[pos+1 : pos+1+n] {
			if 'A' <= c && c <= 'Z' {
				c |= 0x20
			}
			text = append(text, c)
		}
		text = append(text, '.')
		if len(text) > maxName {
			return "", 0, errName
		}
		pos += 1 + n
	}
}
