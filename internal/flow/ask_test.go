package flow

import (
	"io"
	"testing"

	"tandem/internal/flow/flowtest"
)

// Who asks needs no memory for the answer until it comes.
func TestAskRoom(t *testing.T) {
	peer, s := flowtest.Pair(t)
	c := NewConn(s)
	defer c.Release()
	answering := make(chan struct{})
	go func() {
		var got [8]byte
		_, _ = io.ReadFull(peer, got[:])
		close(answering)
		_, _ = peer.Write(append([]byte("to "), got[:]...))
	}()
	early := false
	buf := make([]byte, 100)
	n, sent, err := c.Ask([]byte("question"), nil, func() []byte {
		select {
		case <-answering:
		default:
			early = true
		}
		return buf
	})
	if err != nil || !sent || string(buf[:n]) != "to question" {
		t.Errorf("%q, %v, %v", buf[:n], sent, err)
	}
	if early {
		t.Error("memory was asked for before something had come")
	}
	// Without a question it is Read.
	go func() { _, _ = peer.Write([]byte("more")) }()
	if n, sent, err = c.Ask(nil, buf, nil); err != nil || !sent || string(buf[:n]) != "more" {
		t.Errorf("%q, %v, %v", buf[:n], sent, err)
	}
	peer.Close()
	if n, sent, err = c.Ask(nil, buf, nil); err != io.EOF || !sent || n != 0 {
		t.Errorf("at the end: %d, %v, %v", n, sent, err)
	}
}
