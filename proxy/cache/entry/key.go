package entry

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"hash/crc32"
)

// Key is what an entry is found by: the MD5 of the key's text, or of a Variant.
type Key [md5.Size]byte

// KeyOf returns the key of a text.
func KeyOf(text []byte) Key { return md5.Sum(text) }

// String returns the key as files are named.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// keyDigits is how long the name of a file is.
const keyDigits = 2 * md5.Size

// ParseName returns the key that a file's name, without its folder, is of.
func ParseName(name string) (k Key, ok bool) {
	if len(name) != keyDigits {
		return k, false
	}
	_, err := hex.Decode(k[:], []byte(name))
	return k, err == nil
}

// IsTemporary reports whether name is that of a file that is to become an entry:
// a dot and ten digits follow that of the entry.
func IsTemporary(name string) bool {
	if len(name) != keyDigits+11 || name[keyDigits] != '.' {
		return false
	}
	for _, c := range name[keyDigits+1:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	_, ok := ParseName(name[:keyDigits])
	return ok
}

// Levels are how many digits the names of nested folders take from the end of a
// file's name: with 1 and 2 the entry ...029c is in c/29. 0: no such level.
type Levels [3]uint8

// ParseLevels reads "1:2": up to three levels of one or two digits.
func ParseLevels(text string) (Levels, error) {
	var l Levels
	for i := range l {
		if len(text) == 0 || text[0] != '1' && text[0] != '2' {
			break
		}
		l[i] = text[0] - '0'
		if text = text[1:]; text == "" {
			return l, nil
		}
		if text[0] != ':' || len(text) == 1 {
			break
		}
		text = text[1:]
	}
	return l, fmt.Errorf("invalid levels")
}

// AppendPath appends the name of the entry's file below a folder.
func (l Levels) AppendPath(dst []byte, folder string, k Key) []byte {
	dst = append(dst, folder...)
	var digits [keyDigits]byte
	hex.Encode(digits[:], k[:])
	end := keyDigits
	for _, n := range l {
		if n == 0 {
			break
		}
		dst = append(append(dst, '/'), digits[end-int(n):end]...)
		end -= int(n)
	}
	return append(append(dst, '/'), digits[:]...)
}

// checksum is what a header says of its key's text beside its length.
func checksum(text []byte) uint32 { return crc32.ChecksumIEEE(text) }
