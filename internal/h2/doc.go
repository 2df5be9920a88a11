// Package h2 is HTTP/2 (RFC 9113) as both its sides have it in common: frames,
// header compression (RFC 7541), flow control, the life of streams, and the
// limits on what a peer can make a connection do without work of its own. It
// knows neither requests nor configuration: web/http2 makes a server of it.
//
// # Who does what
//
// One goroutine reads: Serve takes frames apart and tells Handler of header
// blocks. Each stream has a goroutine of its own, which reads the body that came
// (Stream.Read) and sends (SendHead, SendData). What is sent is gathered in one
// buffer of the connection, and whoever finds nobody writing writes for all: with
// many streams at work it first lets the others come to their end, so that their
// answers leave in one write; alone it writes at once.
//
// # Memory
//
// A connection without streams holds no buffer. Of a stream at most its receive
// window is held, of all streams together at most outLimit bytes wait to be sent.
package h2
