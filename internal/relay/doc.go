// Package relay carries bytes between two connections, without a goroutine or a
// buffer for those on which nothing comes. It knows no protocol and no
// configuration.
//
// Event loops, one for each processor, wait with epoll for all sockets at once,
// and move what comes at once: what one side sends is read into the loop's buffer
// and written to the other side from there. Only what the other side does not take
// is kept, and then nothing more is read from the first one. What comes in bulk the
// kernel moves itself (splice), where neither side has TLS.
package relay
