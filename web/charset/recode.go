package charset

import (
	"strconv"
	"sync"

	"tandem/web"
)

// recoding is one response that is converted.
type recoding struct {
	*conversion
	cut   [maxUTF8]byte // the beginning of a character that a piece ended in
	ncut  int
	piece *[]byte
}

// outSize is how many converted bytes go on at a time.
const outSize = 16 << 10

var pieces = sync.Pool{New: func() any { b := make([]byte, 0, outSize); return &b }}

// Body converts a piece.
func (f *recoding) Body(_ *web.Request, c web.Chunk, next web.Next) error {
	f.piece = pieces.Get().(*[]byte)
	defer func() { *f.piece = (*f.piece)[:0]; pieces.Put(f.piece) }()
	err := c.EachPiece(func(b []byte) error { return f.recode(b, next) })
	if err != nil || len(*f.piece) == 0 && !c.Last && !c.Flush {
		return err
	}
	return next.Send(web.Chunk{Data: *f.piece, Last: c.Last, Flush: c.Flush})
}

func (f *recoding) recode(b []byte, next web.Next) error {
	for len(b) > 0 {
		if len(*f.piece) > outSize-maxEntity {
			if err := next.Send(web.Chunk{Data: *f.piece}); err != nil {
				return err
			}
			*f.piece = (*f.piece)[:0]
		}
		// As much as certainly fits: no character becomes longer than an
		// entity.
		n := min(len(b), (outSize-len(*f.piece))/maxEntity)
		*f.piece = f.append(*f.piece, b[:n])
		b = b[n:]
	}
	return nil
}

// append appends b converted to dst.
func (f *recoding) append(dst, b []byte) []byte {
	switch {
	case f.bytes != nil:
		for _, c := range b {
			dst = append(dst, f.bytes[c])
		}
	case f.toUTF8 != nil:
		for _, c := range b {
			dst = append(dst, f.toUTF8[c]...)
		}
	default:
		dst = f.appendFromUTF8(dst, b)
	}
	return dst
}

// maxEntity is the length of the longest thing that a character becomes.
const maxEntity = len("&#1114111;")

// appendFromUTF8 appends UTF-8 converted to a set of bytes. A character that the
// set lacks becomes an HTML entity, bytes that are no UTF-8 become "?".
func (f *recoding) appendFromUTF8(dst, b []byte) []byte {
	for f.ncut > 0 && len(b) > 0 {
		// The rest of the character that the last piece ended in.
		f.cut[f.ncut] = b[0]
		f.ncut++
		b = b[1:]
		if n, _ := decode(f.cut[:f.ncut]); n != incomplete {
			f.ncut = 0
			dst = f.appendCharacter(dst, n)
		}
	}
	for len(b) > 0 {
		if b[0] < 0x80 {
			dst = append(dst, b[0])
			b = b[1:]
			continue
		}
		n, size := decode(b)
		if n == incomplete {
			f.ncut = copy(f.cut[:], b)
			return dst
		}
		dst = f.appendCharacter(dst, n)
		b = b[size:]
	}
	return dst
}

func (f *recoding) appendCharacter(dst []byte, n uint32) []byte {
	if n > 0x10ffff {
		return append(dst, unmapped)
	}
	if n <= 0xffff {
		if page := f.fromUTF8[n>>8]; page != nil && page[n&0xff] != 0 {
			return append(dst, page[n&0xff])
		}
	}
	dst = strconv.AppendUint(append(dst, "&#"...), uint64(n), 10)
	return append(dst, ';')
}

// Results of decode that are no character.
const (
	invalid    = 0xffffffff
	incomplete = 0xfffffffe
)

// decode returns the character that b, which begins with a byte from 0x80 up,
// begins with, and how many bytes of b that takes. Like nginx it takes the byte
// that shows a sequence to be invalid for a part of it.
func decode(b []byte) (n uint32, size int) {
	var more int
	var least uint32
	switch n = uint32(b[0]); {
	case n >= 0xf8:
		return invalid, 1
	case n >= 0xf0:
		n, least, more = n&0x07, 0x10000, 3
	case n >= 0xe0:
		n, least, more = n&0x0f, 0x800, 2
	case n >= 0xc2:
		n, least, more = n&0x1f, 0x80, 1
	default:
		return invalid, 1
	}
	for i := 1; i <= more; i++ {
		if i == len(b) {
			return incomplete, 0
		}
		if b[i] < 0x80 {
			return invalid, i + 1
		}
		n = n<<6 | uint32(b[i]&0x3f)
	}
	if n < least {
		return invalid, more + 1
	}
	return n, more + 1
}
