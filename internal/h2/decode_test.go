package h2

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// decodeIn decodes a block in parts of n bytes.
func decodeIn(d *decoder, block []byte, n int) error {
	d.begin()
	for part := range slices.Chunk(block, n) {
		if err := d.write(part); err != nil {
			return err
		}
	}
	if !d.end() {
		return errPartial
	}
	return nil
}

// What somebody else's encoder writes is read as it was meant, whole or in parts.
func TestDecoder(t *testing.T) {
	for _, n := range []int{1, 3, 1 << 20} {
		var got []hpack.HeaderField
		d := newDecoder(8192, func(f hpack.HeaderField) error { got = append(got, f); return nil })
		var buf bytes.Buffer
		e := hpack.NewEncoder(&buf)
		random := rand.New(rand.NewPCG(1, uint64(n)))
		for round := range 200 {
			var want []hpack.HeaderField
			for range random.IntN(20) {
				f := hpack.HeaderField{Name: strings.Repeat("n", random.IntN(40)), Value: strings.Repeat("v", random.IntN(300)), Sensitive: random.IntN(5) == 0}
				if random.IntN(3) == 0 {
					f = staticTable[random.IntN(staticEntries)]
				}
				want = append(want, f)
			}
			buf.Reset()
			if random.IntN(10) == 0 {
				e.SetMaxDynamicTableSize(uint32(random.IntN(decoderTable + 1)))
			}
			for _, f := range want {
				_ = e.WriteField(f)
			}
			got = got[:0]
			if err := decodeIn(&d, buf.Bytes(), n); err != nil {
				t.Fatalf("round %d in parts of %d: %v", round, n, err)
			}
			if !slices.EqualFunc(got, want, func(a, b hpack.HeaderField) bool { return a.Name == b.Name && a.Value == b.Value }) {
				t.Fatalf("round %d in parts of %d: %v, want %v", round, n, got, want)
			}
		}
	}
}

// What is wrong with a block is said as soon as it has come.
func TestDecoderRefuses(t *testing.T) {
	for _, c := range []struct {
		name, block string
		want        error
	}{
		{"index 0", "\x80", errIndex},
		{"index of nothing", "\xbe", errIndex},
		{"name of nothing", "\x7f\x00\x01x", errIndex},
		{"long index", "\xff\xff\xff\xff", errInteger},
		{"long length", "\x42\xff\xff\xff\xff", errInteger},
		{"table beyond its limit", "\x3f\xe2\x1f", errTableSize},
		{"table resized within a block", "\x82\x20", errTableSize},
		{"value too long", "\x42\x7f\x0a", errFieldLength},
		{"not whole", "\x42\x03ab", errPartial},
		{"whole", "\x20\x82\x42\x03abc", nil},
		{"end of string", "\x42\x84\xff\xff\xff\xff", errHuffman},
		{"no padding", "\x42\x81\xf8", nil},                 // &
		{"a byte of it", "\x42\x82\xf8\xff", nil},           // nginx takes that
		{"a byte and more", "\x42\x82\x1f\xff", errHuffman}, // a
		{"two bytes", "\x42\x83\xf8\xff\xff", errHuffman},
		{"padding of zeros", "\x42\x81\x18", errHuffman},
	} {
		d := newDecoder(100, func(hpack.HeaderField) error { return nil })
		if err := decodeIn(&d, []byte(c.block), 1); err != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// A block means the same in parts, and what the library refuses is refused, except
// for what TestDecoderRefuses says.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte("\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"), 3)
	f.Add([]byte("\x20\x3f\xe1\x1f\x40\x01a\x01b\xbe\x0f\x2f\x02ab\x10\x01c\x00"), 1)
	f.Fuzz(func(t *testing.T, block []byte, n int) {
		var whole, parts, other []hpack.HeaderField
		collect := func(to *[]hpack.HeaderField) func(hpack.HeaderField) error {
			return func(f hpack.HeaderField) error { f.Sensitive = false; *to = append(*to, f); return nil }
		}
		d1, d2 := newDecoder(1000, collect(&whole)), newDecoder(1000, collect(&parts))
		err := decodeIn(&d1, block, len(block)+1)
		if again := decodeIn(&d2, block, max(n%50, 1)); again != err || !slices.Equal(whole, parts) || !slices.Equal(d1.table, d2.table) || d1.size != d2.size {
			t.Fatalf("whole: %v, %v; in parts: %v, %v", err, whole, again, parts)
		}
		if d1.size > decoderTable {
			t.Errorf("the table has %d bytes", d1.size)
		}
		d3 := hpack.NewDecoder(decoderTable, func(f hpack.HeaderField) { f.Sensitive = false; other = append(other, f) })
		d3.SetMaxStringLength(1000)
		_, theirs := d3.Write(block)
		if theirs == nil {
			theirs = d3.Close()
		}
		if theirs == nil && err == nil && !slices.Equal(whole, other) {
			t.Errorf("%v, the library says %v", whole, other)
		}
		if err == nil && theirs != nil && theirs != hpack.ErrInvalidHuffman {
			t.Errorf("taken; the library says: %v", theirs)
		}
	})
}

// A whole byte of padding is let pass, behind a value or instead of one.
func TestDecoderPadding(t *testing.T) {
	// Eight digits of five bits each are five bytes: there is nothing to pad.
	digits := hpack.AppendHuffmanString(nil, "00000000")
	block := append([]byte{0x00, 0x01, 'a', 0x86}, append(digits, 0xff)...)
	block = append(block, 0x00, 0x01, 'b', 0x81, 0xff)
	var got []string
	d := newDecoder(100, func(f hpack.HeaderField) error { got = append(got, f.Name+f.Value); return nil })
	if err := decodeIn(&d, block, len(block)); err != nil || !slices.Equal(got, []string{"a00000000", "b"}) {
		t.Error(got, err)
	}
}

// The other side may make the table as large as it was allowed, and not larger.
func TestDecoderTableSize(t *testing.T) {
	d := newDecoder(100, func(hpack.HeaderField) error { return nil })
	d.most = 0
	if err := decodeIn(&d, []byte{0x20}, 1); err != nil {
		t.Error(err)
	}
	if err := decodeIn(&d, []byte{0x21}, 1); err != errTableSize {
		t.Error(err)
	}
}
