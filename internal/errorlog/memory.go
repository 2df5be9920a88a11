package errorlog

import (
	"bytes"
	"io"
	"sync"
)

// Memory is a target that keeps the last lines in memory, for the target
// "memory:size" of error_log: a debug log that costs no disk.
type Memory struct {
	size int // most bytes that are kept

	mu   sync.Mutex
	buf  []byte
	full bool // buf has reached size; next is where the oldest byte is
	next int
}

// NewMemory makes a Memory for size bytes, which it takes as they are needed.
func NewMemory(size int) *Memory { return &Memory{size: size} }

// Write keeps a line. It does not fail.
func (m *Memory) Write(line []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rest := line
	if len(rest) > m.size {
		rest = rest[len(rest)-m.size:]
	}
	for len(rest) > 0 {
		if !m.full {
			n := min(len(rest), m.size-len(m.buf))
			m.buf = append(m.buf, rest[:n]...)
			m.full = len(m.buf) == m.size
			rest = rest[n:]
			continue
		}
		n := copy(m.buf[m.next:], rest)
		m.next = (m.next + n) % m.size
		rest = rest[n:]
	}
	return len(line), nil
}

// WriteTo writes what is kept, the oldest line first; a line whose beginning
// has been lost is left out.
func (m *Memory) WriteTo(w io.Writer) (int64, error) {
	m.mu.Lock()
	text := append(append(make([]byte, 0, len(m.buf)), m.buf[m.next:]...), m.buf[:m.next]...)
	full := m.full
	m.mu.Unlock()
	if full {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	n, err := w.Write(text)
	return int64(n), err
}
