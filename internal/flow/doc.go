// Package flow is the bytes of one connection: a read buffer, writing without
// copies, files from the disk to the socket, time-outs, and what becomes of the
// other side. It knows no protocol and no configuration.
//
// # Memory
//
// A goroutine serves a connection and no operation allocates. What is handed out
// points into the connection's buffer. An idle connection holds no buffer.
//
// # Time-outs
//
// Moving a deadline for every read costs more than reading, so deadlines are
// lazy. No deadline is touched while data flows; when an operation has to wait,
// an earlier deadline that is still armed is left alone and moved only once it
// has fired, and a later one is accepted when it is late by at most a sixteenth
// of the time-out and half a second. A time-out therefore never comes early, and
// comes late by at most that much.
package flow
