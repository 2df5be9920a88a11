package entry

import (
	"encoding/binary"
	"errors"
	"math"
)

// Header is what a file says of its entry before the response.
type Header struct {
	ValidUntil   int64 // Unix seconds; later the entry is stale
	Updating     int64 // seconds for which a stale one may be used while it is updated (stale-while-revalidate)
	OnError      int64 // seconds for which a stale one may be used on an error (stale-if-error)
	LastModified int64 // of the response, Unix seconds; -1: none
	Date         int64 // when it was stored or confirmed, Unix seconds
	ValidMsec    uint16
	BodyStart    int    // where the response's body begins in the file
	ETag         []byte // up to MaxETag bytes
	Vary         []byte // up to MaxVary bytes
	Variant      Key    // of the request that it answered, where Vary is not empty
}

// The most that a header holds, in bytes.
const (
	MaxETag = 128
	MaxVary = 128
	// MaxHead is where the body must begin at the latest.
	MaxHead = math.MaxUint16
)

const version = 5

// Where nginx's compiler puts the fields.
const (
	atVersion      = 0
	atValid        = 8
	atUpdating     = 16
	atError        = 24
	atLastModified = 32
	atDate         = 40
	atChecksum     = 48
	atValidMsec    = 52
	atHeadStart    = 54
	atBodyStart    = 56
	atETagLen      = 58
	atETag         = 59
	atVaryLen      = atETag + MaxETag
	atVary         = atVaryLen + 1
	atVariant      = atVary + MaxVary
	// HeaderSize is with what brings the structure to a multiple of eight.
	HeaderSize = (atVariant + len(Key{}) + 7) &^ 7
)

const keyPrefix = "\nKEY: "

// HeadStart returns where the head of the response begins in a file whose key
// has a text of that many bytes.
func HeadStart(keyLen int) int { return HeaderSize + len(keyPrefix) + keyLen + 1 }

// Append appends the header and the key's text: what goes before the response.
func (h *Header) Append(dst, key []byte) []byte {
	dst = h.AppendFixed(dst, key)
	dst = append(append(dst, keyPrefix...), key...)
	return append(dst, '\n')
}

// AppendFixed appends the HeaderSize bytes before the key's text, which can be
// written over those of an entry that has been confirmed.
func (h *Header) AppendFixed(dst, key []byte) []byte {
	at := len(dst)
	var zero [HeaderSize]byte
	dst = append(dst, zero[:]...)
	b, order := dst[at:], binary.NativeEndian
	order.PutUint64(b[atVersion:], version)
	order.PutUint64(b[atValid:], uint64(h.ValidUntil))
	order.PutUint64(b[atUpdating:], uint64(h.Updating))
	order.PutUint64(b[atError:], uint64(h.OnError))
	order.PutUint64(b[atLastModified:], uint64(h.LastModified))
	order.PutUint64(b[atDate:], uint64(h.Date))
	order.PutUint32(b[atChecksum:], checksum(key))
	order.PutUint16(b[atValidMsec:], h.ValidMsec)
	order.PutUint16(b[atHeadStart:], uint16(HeadStart(len(key))))
	order.PutUint16(b[atBodyStart:], uint16(h.BodyStart))
	if len(h.ETag) <= MaxETag {
		b[atETagLen] = byte(len(h.ETag))
		copy(b[atETag:], h.ETag)
	}
	if len(h.Vary) > 0 {
		b[atVaryLen] = byte(copy(b[atVary:atVariant], h.Vary))
		copy(b[atVariant:], h.Variant[:])
	}
	return dst
}

// Why a file is not the entry that was looked for. The texts are the ends of
// nginx's messages.
var (
	ErrTooSmall  = errors.New("is too small")
	ErrVersion   = errors.New("version mismatch")
	ErrCollision = errors.New("has md5 collision")
	ErrTooLong   = errors.New("has too long header")
	ErrVary      = errors.New("has incorrect vary length")
	ErrDamaged   = errors.New("is damaged")
)

// Parse reads the header of a file that begins with b. The file is only of use
// if it was written for the key with that text: two keys may share a name. limit
// is where the body must begin at the latest. The slices of the Header point into
// b.
func Parse(b, key []byte, limit int) (Header, error) {
	var h Header
	headStart := HeadStart(len(key))
	if len(b) < headStart {
		return h, ErrTooSmall
	}
	order := binary.NativeEndian
	if order.Uint64(b[atVersion:]) != version {
		return h, ErrVersion
	}
	if order.Uint32(b[atChecksum:]) != checksum(key) || int(order.Uint16(b[atHeadStart:])) != headStart ||
		string(b[HeaderSize+len(keyPrefix):headStart-1]) != string(key) {
		return h, ErrCollision
	}
	if string(b[HeaderSize:HeaderSize+len(keyPrefix)]) != keyPrefix || b[headStart-1] != '\n' {
		return h, ErrDamaged
	}
	h = Header{
		ValidUntil:   int64(order.Uint64(b[atValid:])),
		Updating:     int64(order.Uint64(b[atUpdating:])),
		OnError:      int64(order.Uint64(b[atError:])),
		LastModified: int64(order.Uint64(b[atLastModified:])),
		Date:         int64(order.Uint64(b[atDate:])),
		ValidMsec:    order.Uint16(b[atValidMsec:]),
		BodyStart:    int(order.Uint16(b[atBodyStart:])),
	}
	etag, vary := int(b[atETagLen]), int(b[atVaryLen])
	switch {
	case h.BodyStart > limit:
		return h, ErrTooLong
	case vary > MaxVary:
		return h, ErrVary
	case etag > MaxETag, h.BodyStart < headStart, h.Updating < 0, h.OnError < 0:
		return h, ErrDamaged
	case h.BodyStart > len(b):
		return h, ErrTooSmall
	}
	h.ETag = b[atETag : atETag+etag : atETag+etag]
	h.Vary = b[atVary : atVary+vary : atVary+vary]
	copy(h.Variant[:], b[atVariant:])
	return h, nil
}

// KeySize returns how much of a file that begins with b, at least HeaderSize
// bytes, KeyText needs.
func KeySize(b []byte) int {
	if len(b) < HeaderSize {
		return 0
	}
	return int(binary.NativeEndian.Uint16(b[atHeadStart:]))
}

// Varies reports whether the file that begins with b is of an entry with variants.
func Varies(b []byte) bool {
	return len(b) >= HeaderSize && binary.NativeEndian.Uint64(b[atVersion:]) == version && b[atVaryLen] != 0
}

// KeyText returns the text of the key that the file which begins with b was
// written for.
func KeyText(b []byte) (text []byte, ok bool) {
	end := KeySize(b)
	if end < HeadStart(0) || end > len(b) || binary.NativeEndian.Uint64(b[atVersion:]) != version {
		return nil, false
	}
	text = b[HeaderSize+len(keyPrefix) : end-1]
	return text, binary.NativeEndian.Uint32(b[atChecksum:]) == checksum(text)
}
