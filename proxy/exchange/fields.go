package exchange

import (
	"encoding/binary"

	"tandem/internal/h2"
)

// AppendField appends a field to the request of a StreamProtocol.
func AppendField(dst, name, value []byte) []byte {
	return append(AppendFieldName(dst, name, len(value)), value...)
}

// fields are those of a request, each with the lengths of its name and value in
// front of it.
type fields []byte

// AppendFieldName appends the beginning of a field whose value of n bytes is
// appended next.
func AppendFieldName(dst, name []byte, n int) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(name)))
	dst = binary.BigEndian.AppendUint32(dst, uint32(n))
	return append(dst, name...)
}

// WriteFields makes them an h2.Head. Connections are shared by clients: what one
// of them sends is not put into the table that all share, where others could find
// out whether they sent the same (RFC 7541 section 7.1), but for what is the same
// for very many.
func (f fields) WriteFields(e *h2.Encoder) {
	for len(f) > 0 {
		n, v := binary.BigEndian.Uint32(f), binary.BigEndian.Uint32(f[4:])
		name, rest := f[8:8+n], f[8+n:]
		if indexed(name) {
			e.Field(name, rest[:v])
		} else {
			e.Once(name, rest[:v])
		}
		f = rest[v:]
	}
}

func indexed(name []byte) bool {
	switch string(name) {
	case ":method", ":scheme", ":authority", "te", "content-type", "accept-encoding", "grpc-encoding", "grpc-accept-encoding":
		return true
	}
	return false
}
