package flow

import "sync"

// Sizes of the pooled read buffers in bytes. A connection begins with a small
// one; an unusually long head moves to the next size.
const (
	SmallBuffer  = 4 << 10
	mediumBuffer = 16 << 10
	largeBuffer  = 64 << 10
)

var (
	smallBuffers  = sync.Pool{New: func() any { return new([SmallBuffer]byte) }}
	mediumBuffers = sync.Pool{New: func() any { return new([mediumBuffer]byte) }}
	largeBuffers  = sync.Pool{New: func() any { return new([largeBuffer]byte) }}
)

// GetBuffer returns a buffer of at least n bytes.
func GetBuffer(n int) []byte {
	switch {
	case n <= SmallBuffer:
		return smallBuffers.Get().(*[SmallBuffer]byte)[:]
	case n <= mediumBuffer:
		return mediumBuffers.Get().(*[mediumBuffer]byte)[:]
	case n <= largeBuffer:
		return largeBuffers.Get().(*[largeBuffer]byte)[:]
	}
	return make([]byte, n)
}

// PutBuffer gives a buffer of GetBuffer back.
func PutBuffer(b []byte) {
	switch len(b) {
	case SmallBuffer:
		smallBuffers.Put((*[SmallBuffer]byte)(b))
	case mediumBuffer:
		mediumBuffers.Put((*[mediumBuffer]byte)(b))
	case largeBuffer:
		largeBuffers.Put((*[largeBuffer]byte)(b))
	}
}
