package crypt

import (
	"crypto/md5"
	"strings"
)

// md5Crypt computes the MD5 hash of Poul-Henning Kamp, with "$1$" or Apache's
// "$apr1$" as its magic. rest is what follows the magic: the salt, and perhaps
// more.
func md5Crypt(magic, rest string, password []byte) string {
	salt, _, _ := strings.Cut(rest, "$")
	salt = salt[:min(len(salt), 8)]

	inner := md5.New()
	inner.Write(password)
	inner.Write([]byte(salt))
	inner.Write(password)
	final := inner.Sum(nil)

	outer := md5.New()
	outer.Write(password)
	outer.Write([]byte(magic))
	outer.Write([]byte(salt))
	for n := len(password); n > 0; n -= md5.Size {
		outer.Write(final[:min(n, md5.Size)])
	}
	for n := len(password); n > 0; n >>= 1 {
		if n&1 != 0 {
			outer.Write([]byte{0})
		} else {
			outer.Write(password[:1])
		}
	}
	final = outer.Sum(final[:0])

	round := md5.New()
	for i := range 1000 {
		round.Reset()
		if i&1 != 0 {
			round.Write(password)
		} else {
			round.Write(final)
		}
		if i%3 != 0 {
			round.Write([]byte(salt))
		}
		if i%7 != 0 {
			round.Write(password)
		}
		if i&1 != 0 {
			round.Write(final)
		} else {
			round.Write(password)
		}
		final = round.Sum(final[:0])
	}

	out := append([]byte(magic), salt...)
	out = append(out, '$')
	for i := range 5 {
		last := i + 12
		if i == 4 {
			last = 5
		}
		out = to64(out, uint32(final[i])<<16|uint32(final[i+6])<<8|uint32(final[last]), 4)
	}
	return string(to64(out, uint32(final[11]), 2))
}
