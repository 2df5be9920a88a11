package entry

import (
	"crypto/md5"
	"iter"

	"tandem/web/message"
)

// Fields are the headers of a request, by name.
type Fields interface {
	// Each returns the values of the headers of that name, which is in lower
	// case, in order.
	Each(name []byte) iter.Seq[[]byte]
}

// Variant returns the key of the variant that answers a request with those
// headers, where main is the key of all variants and vary the value of their
// Vary header. buf is memory that it may use.
func Variant(buf []byte, main Key, vary []byte, fields Fields) Key {
	buf = append(buf[:0], main[:]...)
	for name := range words(vary) {
		at := len(buf)
		buf = appendLower(buf, name)
		lower := buf[at:]
		normal := isNormalized(lower)
		buf = append(buf, ':')
		first := true
		for value := range fields.Each(lower) {
			if !normal {
				buf = appendNext(buf, value, &first)
				continue
			}
			for word := range words(value) {
				buf = appendNext(buf, word, &first)
			}
		}
		buf = append(buf, "\r\n"...)
	}
	return md5.Sum(buf)
}

// appendNext appends one of several values.
func appendNext(dst, value []byte, first *bool) []byte {
	if !*first {
		dst = append(dst, ',')
	}
	*first = false
	return append(dst, value...)
}

// isNormalized reports whether spaces in the values of a header do not tell
// variants apart.
func isNormalized(name []byte) bool {
	return message.EqualLower(name, "accept-charset") || message.EqualLower(name, "accept-encoding") ||
		message.EqualLower(name, "accept-language")
}

func appendLower(dst, name []byte) []byte {
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

// words returns what commas and spaces set apart.
func words(list []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		start := -1
		for i := 0; i <= len(list); i++ {
			if i < len(list) && list[i] != ' ' && list[i] != ',' {
				if start < 0 {
					start = i
				}
				continue
			}
			if start >= 0 && !yield(list[start:i]) {
				return
			}
			start = -1
		}
	}
}
