package exchange

import (
	"bytes"
	"io"
	"os"
	"sync"
	"testing"

	nc "tandem/nginxconf"
)

// spooling returns an exchange whose buffers hold memory bytes and whose
// temporary file, which exists, may hold file bytes.
func spooling(t *testing.T, memory, file int64) (*Exchange, *spool) {
	x := &Exchange{Settings: new(Settings)}
	x.Settings.Buffers.V = nc.Bufs{Num: 2, Size: memory / 2}
	x.Settings.MaxTempFileSize.V = file
	s := newSpool()
	f, err := os.CreateTemp(t.TempDir(), "spool")
	if err != nil {
		t.Fatal(err)
	}
	s.file = f
	t.Cleanup(s.close)
	return x, s
}

// bytesOf reads a piece.
func bytesOf(t *testing.T, piece segment) []byte {
	if piece.file == nil {
		return piece.data
	}
	b := make([]byte, piece.n)
	if _, err := piece.file.ReadAt(b, piece.off); err != nil {
		t.Fatal(err)
	}
	return b
}

// What is put into a spool comes out in order, whether memory, file or neither
// has room, and however fast either side is.
func TestSpoolKeepsOrder(t *testing.T) {
	want := make([]byte, 100000)
	for i := range want {
		want[i] = byte(i * i >> 3)
	}
	for _, room := range []struct{ memory, file int64 }{{200, 0}, {200, 500}, {200, 1 << 20}, {1 << 20, 0}} {
		x, s := spooling(t, room.memory, room.file)
		var wait sync.WaitGroup
		wait.Go(func() {
			for rest := want; len(rest) > 0; {
				n := min(len(rest), 1+len(rest)%733)
				if taken, err := s.put(x, rest[:n], -1); !taken || err != nil {
					t.Errorf("put: %v %v", taken, err)
					return
				}
				rest = rest[n:]
			}
			s.finish(nil)
		})
		var got []byte
		for last := false; !last; {
			var piece segment
			var err error
			if piece, last, err = s.take(); err != nil {
				t.Fatal(err)
			}
			got = append(got, bytesOf(t, piece)...)
			s.mu.Lock()
			memory, file := s.memory, s.end
			s.mu.Unlock()
			if memory > int(room.memory) || file > room.file {
				t.Fatalf("%d bytes in memory, %d in the file, with room for %d and %d", memory, file, room.memory, room.file)
			}
		}
		wait.Wait()
		if !bytes.Equal(got, want) {
			t.Errorf("memory %d, file %d: what came out is not what went in", room.memory, room.file)
		}
	}
}

// A spool that nobody empties any more lets go of who fills it.
func TestSpoolDropped(t *testing.T) {
	x, s := spooling(t, 200, 0)
	filled := make(chan bool)
	go func() {
		taken, _ := s.put(x, make([]byte, 1000), -1)
		s.finish(nil)
		filled <- taken
	}()
	s.drop()
	if <-filled {
		t.Error("what nobody takes was taken")
	}
}

// What came before an error is handed out before it.
func TestSpoolError(t *testing.T) {
	x, s := spooling(t, 200, 0)
	if _, err := s.put(x, []byte("abc"), -1); err != nil {
		t.Fatal(err)
	}
	s.finish(io.ErrUnexpectedEOF)
	piece, last, err := s.take()
	if string(piece.data) != "abc" || !last || err != io.ErrUnexpectedEOF {
		t.Errorf("got %q, last %v, %v", piece.data, last, err)
	}
}
