package http2

import (
	"strconv"

	"tandem/proxy/answer"
)

// AppendKept appends the head of a response as it is kept in a cache: as text, the
// way HTTP/1 has it.
func AppendKept(dst []byte, h *answer.Head) []byte {
	dst = strconv.AppendInt(append(dst, "HTTP/1.1 "...), int64(h.Status), 10)
	dst = append(dst, "\r\n"...)
	for i := range h.Fields {
		switch f := &h.Fields[i]; f.ID {
		case answer.FieldConnection, answer.FieldKeepAlive, answer.FieldTransferEncoding:
		default:
			dst = append(append(append(append(dst, f.Name...), ": "...), f.Value...), "\r\n"...)
		}
	}
	return append(dst, "\r\n"...)
}
