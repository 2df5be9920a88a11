package packet

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
	"time"
)

// Up, polling, 50 ms and a multiplier of 3.
const example = "20e0031811111111222222220000c3500000c35000000000"

func TestParse(t *testing.T) {
	b, _ := hex.DecodeString(example)
	want := Packet{State: Up, Poll: true, Multiplier: 3, My: 0x11111111, Your: 0x22222222, MinTx: 50 * time.Millisecond, MinRx: 50 * time.Millisecond}
	p, err := Parse(b)
	if err != nil || p != want {
		t.Errorf("%+v, %v", p, err)
	}
	if again := p.Append(nil); !bytes.Equal(again, b) {
		t.Errorf("appended: %x", again)
	}
}

// What RFC 5880 section 6.8.6 has discarded.
func TestDiscarded(t *testing.T) {
	good, _ := hex.DecodeString(example)
	for _, c := range []struct {
		what   string
		change func(b []byte) []byte
		err    error
	}{
		{"nothing", func([]byte) []byte { return nil }, ErrShort},
		{"23 bytes", func(b []byte) []byte { return b[:23] }, ErrShort},
		{"a byte more than told", func(b []byte) []byte { return append(b, 0) }, ErrLength},
		{"more told than there", func(b []byte) []byte { b[3] = 25; return b }, ErrLength},
		{"a byte more, and told", func(b []byte) []byte { b[3] = 25; return append(b, 0) }, ErrLength},
		{"version 0", func(b []byte) []byte { b[0] = 0; return b }, ErrVersion},
		{"version 2", func(b []byte) []byte { b[0] = 2 << 5; return b }, ErrVersion},
		{"no multiplier", func(b []byte) []byte { b[2] = 0; return b }, ErrMultiplier},
		{"multipoint", func(b []byte) []byte { b[1] |= 1; return b }, ErrMultipoint},
		{"authentication", func(b []byte) []byte { b[1] |= 4; return b }, ErrAuth},
		{"no discriminator", func(b []byte) []byte { clear(b[4:8]); return b }, ErrDiscriminator},
		{"Up with nobody", func(b []byte) []byte { clear(b[8:12]); return b }, ErrYour},
		{"Init with nobody", func(b []byte) []byte { clear(b[8:12]); b[1] = 2 << 6; return b }, ErrYour},
		{"Down with nobody", func(b []byte) []byte { clear(b[8:12]); b[1] = 1 << 6; return b }, nil},
		{"AdminDown with nobody", func(b []byte) []byte { clear(b[8:12]); b[1] = 0; return b }, nil},
		{"poll and final", func(b []byte) []byte { b[1] |= 0x30; return b }, ErrPollFinal},
		{"diagnostic 9", func(b []byte) []byte { b[0] |= 9; return b }, ErrDiag},
	} {
		if _, err := Parse(c.change(bytes.Clone(good))); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", c.what, err, c.err)
		}
	}
}

func FuzzParse(f *testing.F) {
	b, _ := hex.DecodeString(example)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse(b)
		if err != nil {
			return
		}
		if again := p.Append(nil); !bytes.Equal(again, b) {
			t.Errorf("%x became %x", b, again)
		}
	})
}
