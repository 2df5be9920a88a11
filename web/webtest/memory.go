package webtest

import (
	"io"
	"net"
	"time"
)

// Memory is a connection without a network, for benchmarks: it gives the
// server one request again and again and throws the answers away.
type Memory struct {
	Request  []byte
	Requests int // how many

	Written int64 // bytes that the server sent
	left    []byte
}

// Read gives the server what is left of a request, or the next one.
func (m *Memory) Read(p []byte) (int, error) {
	if len(m.left) == 0 {
		if m.Requests == 0 {
			return 0, io.EOF
		}
		m.Requests--
		m.left = m.Request
	}
	n := copy(p, m.left)
	m.left = m.left[n:]
	return n, nil
}

// Write counts what the server sends.
func (m *Memory) Write(p []byte) (int, error) {
	m.Written += int64(len(p))
	return len(p), nil
}

// Close and the rest make it a net.Conn.
func (m *Memory) Close() error                     { return nil }
func (m *Memory) LocalAddr() net.Addr              { return memoryAddr }
func (m *Memory) RemoteAddr() net.Addr             { return memoryAddr }
func (m *Memory) SetDeadline(time.Time) error      { return nil }
func (m *Memory) SetReadDeadline(time.Time) error  { return nil }
func (m *Memory) SetWriteDeadline(time.Time) error { return nil }

var memoryAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}

// Serve has the server answer the requests of m, as if they came to its first
// port.
func (s *Server) Serve(m *Memory) { s.Gen.Serve(m, s.HTTP.Ports[0]) }
