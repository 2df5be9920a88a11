package h2

import (
	"unsafe"

	"golang.org/x/net/http2/hpack"
)

// Encoder writes header blocks (RFC 7541). It indexes what is likely to come
// again, in a table small enough to be searched from end to end; long values,
// and names that never repeat their values, stay out of it. Nothing is allocated
// for a field that is in the table.
type Encoder struct {
	dst     []byte
	limit   uint32 // the table's size: what the peer allows, at most encoderTable
	size    uint32 // of the entries, as RFC 7541 section 4.1 counts
	resized bool   // a change of the table's size is to be told
	emptied bool   // and that it has been emptied
	table   []entry
}

type entry struct{ name, value string }

// encoderTable is how large the table is made at most, in bytes as RFC 7541
// counts them; longestIndexed the longest value that is put into it.
const (
	encoderTable   = 2048
	longestIndexed = 128
	entryOverhead  = 32
)

func newEncoder() Encoder { return Encoder{limit: encoderTable, resized: true} }

// setLimit obeys the peer's SETTINGS_HEADER_TABLE_SIZE. The table begins with
// 4096 bytes for the peer, so that its real size is told with the first block.
func (e *Encoder) setLimit(n uint32) {
	n = min(n, encoderTable)
	if n == e.limit {
		return
	}
	e.limit, e.resized = n, true
	if len(e.table) > 0 {
		clear(e.table)
		e.table, e.size, e.emptied = e.table[:0], 0, true
	}
}

// begin starts a block behind what is in dst.
func (e *Encoder) begin(dst []byte) {
	e.dst = dst
	if e.resized {
		// "the smallest maximum table size that occurs in that interval MUST be
		// signaled" (RFC 7541 section 4.2). It is made 0: some decoders take a
		// second update only for an empty table.
		if e.emptied {
			e.dst = append(e.dst, 0x20)
		}
		e.dst = appendInteger(e.dst, 0x20, 5, uint64(e.limit))
		e.resized, e.emptied = false, false
	}
}

// end returns dst with the block.
func (e *Encoder) end() []byte {
	dst := e.dst
	e.dst = nil
	return dst
}

// Status adds :status (RFC 9113 section 8.3.2).
func (e *Encoder) Status(code int) {
	switch code {
	case 200:
		e.dst = append(e.dst, 0x80|8)
	case 204:
		e.dst = append(e.dst, 0x80|9)
	case 206:
		e.dst = append(e.dst, 0x80|10)
	case 304:
		e.dst = append(e.dst, 0x80|11)
	case 400:
		e.dst = append(e.dst, 0x80|12)
	case 404:
		e.dst = append(e.dst, 0x80|13)
	case 500:
		e.dst = append(e.dst, 0x80|14)
	default:
		e.dst = append(e.dst, 8, 3, byte('0'+code/100%10), byte('0'+code/10%10), byte('0'+code%10))
	}
}

// Field adds a field. The name is written in lower case, as RFC 9113 section
// 8.2.1 wants it.
func (e *Encoder) Field(name, value []byte) {
	var lower [64]byte
	name = lowerCase(lower[:0], name)
	e.field(unsafe.String(unsafe.SliceData(name), len(name)), unsafe.String(unsafe.SliceData(value), len(value)), true)
}

// Once is Field for a value that is not expected again, which stays out of the
// table.
func (e *Encoder) Once(name, value []byte) {
	var lower [64]byte
	name = lowerCase(lower[:0], name)
	e.field(unsafe.String(unsafe.SliceData(name), len(name)), unsafe.String(unsafe.SliceData(value), len(value)), false)
}

// field adds a field whose strings need not outlive the call.
func (e *Encoder) field(name, value string, again bool) {
	named, known := staticIndex(name, value)
	if known {
		e.dst = appendInteger(e.dst, 0x80, 7, named)
		return
	}
	for i := len(e.table) - 1; i >= 0; i-- {
		if t := &e.table[i]; t.name == name {
			index := uint64(staticEntries + len(e.table) - i)
			if t.value == value {
				e.dst = appendInteger(e.dst, 0x80, 7, index)
				return
			}
			if named == 0 {
				named = index
			}
		}
	}
	size := uint32(len(name) + len(value) + entryOverhead)
	indexed := again && len(value) <= longestIndexed && size <= e.limit
	switch {
	case indexed:
		e.dst = appendInteger(e.dst, 0x40, 6, named)
	default:
		e.dst = appendInteger(e.dst, 0, 4, named)
	}
	if named == 0 {
		e.dst = appendString(e.dst, name)
	}
	e.dst = appendString(e.dst, value)
	if indexed {
		e.evict(size)
		both := name + value
		e.table = append(e.table, entry{both[:len(name)], both[len(name):]})
		e.size += size
	}
}

// evict makes room for an entry of that size.
func (e *Encoder) evict(size uint32) {
	n := 0
	for e.size+size > e.limit && n < len(e.table) {
		e.size -= uint32(len(e.table[n].name) + len(e.table[n].value) + entryOverhead)
		n++
	}
	if n > 0 {
		kept := copy(e.table, e.table[n:])
		clear(e.table[kept:])
		e.table = e.table[:kept]
	}
}

// lowerCase appends name in lower case; names that are so already are returned
// as they are.
func lowerCase(dst, name []byte) []byte {
	for i, b := range name {
		if 'A' <= b && b <= 'Z' {
			dst = append(dst, name...)
			for ; i < len(dst); i++ {
				if 'A' <= dst[i] && dst[i] <= 'Z' {
					dst[i] |= 0x20
				}
			}
			return dst
		}
	}
	return name
}

// appendInteger appends an integer with a prefix of n bits below the bits of
// first (RFC 7541 section 5.1).
func appendInteger(dst []byte, first byte, n int, v uint64) []byte {
	most := uint64(1)<<n - 1
	if v < most {
		return append(dst, first|byte(v))
	}
	dst = append(dst, first|byte(most))
	for v -= most; v >= 0x80; v >>= 7 {
		dst = append(dst, byte(v)|0x80)
	}
	return append(dst, byte(v))
}

// appendString appends a string, in Huffman's code when that is shorter (RFC
// 7541 section 5.2).
func appendString(dst []byte, s string) []byte {
	if n := hpack.HuffmanEncodeLength(s); n < uint64(len(s)) {
		return hpack.AppendHuffmanString(appendInteger(dst, 0x80, 7, n), s)
	}
	return append(appendInteger(dst, 0, 7, uint64(len(s))), s...)
}
