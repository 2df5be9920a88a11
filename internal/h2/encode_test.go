package h2

import (
	"bytes"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// decode reads a block with the library's decoder, which is somebody else's.
func decode(t testing.TB, d *hpack.Decoder, block []byte) []hpack.HeaderField {
	t.Helper()
	f, err := d.DecodeFull(block)
	if err != nil {
		t.Fatalf("%x: %v", block, err)
	}
	return f
}

func TestEncoder(t *testing.T) {
	e := newEncoder()
	d := hpack.NewDecoder(4096, nil)
	for round := range 400 {
		if round%50 == 49 {
			// The peer's table is made smaller and larger between two blocks.
			e.setLimit(uint32(round))
			e.setLimit(4096)
		}
		want := []hpack.HeaderField{
			{Name: ":status", Value: "200"}, {Name: "server", Value: "tandem"}, {Name: "content-length", Value: string(rune('0' + round%10))},
			{Name: "x-round", Value: string(bytes.Repeat([]byte{byte('a' + round%26)}, round))}, {Name: "vary", Value: ""},
			{Name: "x-odd", Value: "\x00\xff;é"},
		}
		e.begin(nil)
		e.Status(200)
		for _, f := range want[1:] {
			e.Field([]byte(f.Name), []byte(f.Value))
		}
		got := decode(t, d, e.end())
		if len(got) != len(want) {
			t.Fatalf("%d fields of %d", len(got), len(want))
		}
		for i := range got {
			if got[i].Name != want[i].Name || got[i].Value != want[i].Value {
				t.Fatalf("round %d: %v, want %v", round, got[i], want[i])
			}
		}
		if e.size > e.limit {
			t.Fatalf("table of %d bytes, allowed %d", e.size, e.limit)
		}
	}
}

func TestEncoderStatus(t *testing.T) {
	d := hpack.NewDecoder(4096, nil)
	for code := 100; code < 600; code++ {
		e := newEncoder()
		e.begin(nil)
		e.Status(code)
		if f := decode(t, d, e.end()); len(f) != 1 || f[0].Name != ":status" || f[0].Value != string([]byte{byte('0' + code/100), byte('0' + code/10%10), byte('0' + code%10)}) {
			t.Fatal(code, f)
		}
	}
}

// The static table is the RFC's: the library's decoder knows it by heart.
func TestStaticTable(t *testing.T) {
	d := hpack.NewDecoder(4096, nil)
	for i := uint64(1); i <= staticEntries; i++ {
		f := decode(t, d, appendInteger(nil, 0x80, 7, i))[0]
		index, known := staticIndex(f.Name, f.Value)
		if f.Name == ":status" {
			continue // Encoder.Status knows these
		}
		if index != i || !known {
			t.Errorf("%q: %q is entry %d, not %d (%v)", f.Name, f.Value, i, index, known)
		}
	}
}

// A field of a response costs no memory once it is in the table.
func TestEncoderAllocates(t *testing.T) {
	e := newEncoder()
	buf := make([]byte, 0, 1024)
	name, value := []byte("Content-Type"), []byte("text/html")
	n := testing.AllocsPerRun(100, func() {
		e.begin(buf)
		e.Field(name, value)
		e.Once([]byte("Date"), value)
		e.end()
	})
	if n != 0 {
		t.Errorf("%v allocations a block", n)
	}
}

func FuzzEncoder(f *testing.F) {
	f.Add([]byte("name"), []byte("value"), uint32(100))
	f.Add([]byte("Set-Cookie"), []byte(""), uint32(0))
	f.Fuzz(func(t *testing.T, name, value []byte, limit uint32) {
		e := newEncoder()
		d := hpack.NewDecoder(4096, nil)
		for range 3 {
			e.begin(nil)
			e.Field(name, value)
			e.Once(value, name)
			got := decode(t, d, e.end())
			if len(got) != 2 || !bytes.Equal([]byte(got[0].Value), value) || !bytes.Equal([]byte(got[1].Value), name) {
				t.Fatalf("%v", got)
			}
			e.setLimit(limit)
		}
	})
}
