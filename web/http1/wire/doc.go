// Package wire is HTTP/1 on the wire (RFC 9112): it reads request
// heads and bodies from a connection and writes status lines, dates, chunk
// headers and bytes. It knows no configuration, no server and no location;
// what can be configured arrives in message.Limits and in time-outs.
//
// # One reading
//
// A message that two readers could frame differently is the raw material of
// request smuggling, so there is exactly one reading of everything that frames
// a message. The reading is nginx's wherever nginx accepts, never laxer, and
// stricter where RFC 9112 allows it:
//
//   - a line of the head ends with CRLF or with LF alone (RFC 9112 section 2.2
//     lets a recipient do so, nginx does, and so do many scripts); CR anywhere
//     else is refused. Chunk framing and trailers need CRLF;
//   - exactly one space between the parts of the request line;
//   - no folded lines, no space before the colon, no line without a colon, no
//     control characters in names or values but the tab in a value;
//   - one Host, one Content-Length, one Transfer-Encoding; never the last two
//     together; Transfer-Encoding is exactly "chunked" and needs HTTP/1.1.
//
// # Memory
//
// Nothing is allocated per request. Every slice handed out points into the
// connection's buffers and is valid until the request is finished, that is until
// the next WaitRequest or ReadHead. An idle connection holds no buffer.
package wire
