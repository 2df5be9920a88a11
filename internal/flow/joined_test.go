package flow

import (
	"bytes"
	"net"
	"testing"
)

// counting is a transport that is no socket and notes each write.
type counting struct {
	net.Conn
	writes [][]byte
}

func (c *counting) Write(p []byte) (int, error) {
	c.writes = append(c.writes, bytes.Clone(p))
	return len(p), nil
}

func (c *counting) Close() error { return nil }

func TestWriteJoined(t *testing.T) {
	large := bytes.Repeat([]byte("x"), largeBuffer+1)
	for _, c := range []struct {
		bufs   [][]byte
		writes []int
	}{
		{[][]byte{[]byte("head"), nil, []byte("body")}, []int{8}},
		{[][]byte{nil, {}}, nil},
		{[][]byte{[]byte("head"), large, []byte("tail")}, []int{4, len(large), 4}},
		{[][]byte{large[:largeBuffer-1], []byte("ab")}, []int{largeBuffer - 1, 2}},
		{[][]byte{large[:largeBuffer-2], []byte("ab"), []byte("c")}, []int{largeBuffer, 1}},
	} {
		transport := new(counting)
		n, err := NewConn(transport).WriteBuffers(c.bufs)
		want := bytes.Join(c.bufs, nil)
		if got := bytes.Join(transport.writes, nil); err != nil || n != int64(len(want)) || !bytes.Equal(got, want) {
			t.Errorf("%d of %d bytes written, %v", n, len(want), err)
		}
		var sizes []int
		for _, w := range transport.writes {
			sizes = append(sizes, len(w))
		}
		if len(sizes) != len(c.writes) {
			t.Fatalf("writes of %v, want %v", sizes, c.writes)
		}
		for i := range sizes {
			if sizes[i] != c.writes[i] {
				t.Errorf("writes of %v, want %v", sizes, c.writes)
			}
		}
	}
}
