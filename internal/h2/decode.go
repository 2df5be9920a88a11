package h2

import (
	"errors"
	"strings"

	"golang.org/x/net/http2/hpack"
)

// decoder takes header blocks apart (RFC 7541) as they come, field by field.
type decoder struct {
	emit    func(hpack.HeaderField) error
	longest int // of a name or value, in bytes as it is encoded and as it is decoded
	most    int // what the other side may make the table's size

	table []hpack.HeaderField // the oldest first
	size  int                 // of the entries, as section 4.1 counts
	limit int                 // the table's size, at most decoderTable
	begun bool                // a field of the block has come
	rest  []byte              // the beginning of a field that has not come whole
}

// decoderTable is the size of the table that the other side may fill, in bytes.
// It is what a connection begins with, and no larger one is asked for.
const decoderTable = 4096

func newDecoder(longest int, emit func(hpack.HeaderField) error) decoder {
	return decoder{emit: emit, longest: longest, limit: decoderTable, most: decoderTable}
}

// What can be wrong with a block.
var (
	errInteger     = errors.New("an integer is too long")
	errIndex       = errors.New("there is no such index")
	errTableSize   = errors.New("the table's size is wrong, or set within a block")
	errHuffman     = errors.New("a Huffman code is wrong")
	errFieldLength = errors.New("a name or value is too long")
	errPartial     = errors.New("it is not whole")
)

// begin starts a block.
func (d *decoder) begin() { d.begun, d.rest = false, d.rest[:0] }

// write decodes a part of a block. What it says of a part holds for the whole.
func (d *decoder) write(p []byte) error {
	if len(d.rest) > 0 {
		d.rest = append(d.rest, p...)
		p = d.rest
	}
	n, err := d.fields(p)
	if err == errPartial {
		err = nil
	}
	if err == nil {
		d.rest = append(d.rest[:0], p[n:]...)
	}
	return err
}

// end ends a block; false: its last field is not whole.
func (d *decoder) end() bool {
	whole := len(d.rest) == 0
	if cap(d.rest) > keptRest {
		d.rest = nil
	}
	return whole
}

// keptRest is how large the room for a part of a field may be to be kept.
const keptRest = 256

// fields decodes the fields of p, and returns the length of those that are whole.
func (d *decoder) fields(p []byte) (n int, err error) {
	for n < len(p) {
		used, err := d.field(p[n:])
		if err != nil {
			return n, err
		}
		n += used
	}
	return n, nil
}

// field decodes one representation (section 6) at the beginning of p.
func (d *decoder) field(p []byte) (used int, err error) {
	switch b := p[0]; {
	case b&0x80 != 0:
		i, n, err := integer(p, 7)
		if err != nil {
			return 0, err
		}
		d.begun = true
		f, err := d.at(i)
		if err != nil {
			return 0, err
		}
		return n, d.emit(f)
	case b&0xc0 == 0x40:
		return d.literal(p, 6, true)
	case b&0xe0 == 0x20:
		size, n, err := integer(p, 5)
		switch {
		case err != nil:
			return 0, err
		case d.begun || size > d.most:
			return 0, errTableSize
		}
		d.limit = size
		d.evict()
		return n, nil
	}
	return d.literal(p, 4, false)
}

// literal decodes a field that is not, or only by its name, in the table (section
// 6.2); prefix is how many bits of the first byte are the name's index.
func (d *decoder) literal(p []byte, prefix int, index bool) (used int, err error) {
	i, used, err := integer(p, prefix)
	if err != nil {
		return 0, err
	}
	d.begun = true
	var f hpack.HeaderField
	if i > 0 {
		if f, err = d.at(i); err != nil {
			return 0, err
		}
	} else {
		name, n, err := d.text(p[used:])
		if err != nil {
			return 0, err
		}
		f.Name, used = name, used+n
	}
	value, n, err := d.text(p[used:])
	if err != nil {
		return 0, err
	}
	f.Value = value
	if index {
		d.add(f)
	}
	return used + n, d.emit(f)
}

// integer decodes an integer whose first byte has prefix bits of it (section 5.1).
// As nginx has it, it is four bytes long at most.
func integer(p []byte, prefix int) (value, used int, err error) {
	if len(p) == 0 {
		return 0, 0, errPartial
	}
	most := 1<<prefix - 1
	if value = int(p[0]) & most; value < most {
		return value, 1, nil
	}
	for i, b := range p[1:min(len(p), 4)] {
		value += int(b&0x7f) << (7 * i)
		if b&0x80 == 0 {
			return value, i + 2, nil
		}
	}
	if len(p) >= 4 {
		return 0, 0, errInteger
	}
	return 0, 0, errPartial
}

// text decodes a string (section 5.2).
func (d *decoder) text(p []byte) (s string, used int, err error) {
	length, n, err := integer(p, 7)
	switch {
	case err != nil:
		return "", 0, err
	case length > d.longest:
		return "", 0, errFieldLength
	case length > len(p)-n:
		return "", 0, errPartial
	}
	raw, used := p[n:n+length], n+length
	if p[0]&0x80 == 0 {
		return string(raw), used, nil
	}
	if s, err = huffman(raw); err != nil {
		return "", 0, err
	}
	if len(s) > d.longest {
		return "", 0, errFieldLength
	}
	return s, used, nil
}

// huffman decodes a string. "A padding strictly longer than 7 bits MUST be treated
// as a decoding error" (section 5.2), except that a whole byte behind codes that end
// with one is let pass, as by nginx.
func huffman(raw []byte) (string, error) {
	s, err := hpack.HuffmanDecodeToString(raw)
	if last := len(raw) - 1; err != nil && last >= 0 && raw[last] == 0xff {
		s, err = hpack.HuffmanDecodeToString(raw[:last])
		// Eight times the text has as many bytes of codes as the text has bits.
		if err == nil && hpack.HuffmanEncodeLength(strings.Repeat(s, 8)) != 8*uint64(last) {
			err = errHuffman
		}
	}
	if err != nil {
		return "", errHuffman
	}
	return s, nil
}

// at returns the field of an index (section 2.3.3).
func (d *decoder) at(i int) (hpack.HeaderField, error) {
	switch {
	case i == 0 || i > staticEntries+len(d.table):
		return hpack.HeaderField{}, errIndex
	case i <= staticEntries:
		return staticTable[i-1], nil
	}
	return d.table[len(d.table)-(i-staticEntries)], nil
}

// add puts a field into the table (section 4.4).
func (d *decoder) add(f hpack.HeaderField) {
	d.table = append(d.table, f)
	d.size += int(f.Size())
	d.evict()
}

// evict takes out what there is no room for.
func (d *decoder) evict() {
	n := 0
	for ; d.size > d.limit; n++ {
		d.size -= int(d.table[n].Size())
	}
	if n > 0 {
		left := copy(d.table, d.table[n:])
		clear(d.table[left:])
		d.table = d.table[:left]
	}
}
