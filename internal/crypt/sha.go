package crypt

import (
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"strconv"
	"strings"
)

// The numbers of rounds of SHA-crypt.
const (
	shaRounds    = 5000
	shaRoundsMin = 1000
	shaRoundsMax = 999999999
)

// roundsAllowed bounds the work that one hash may ask for: a password file is
// trusted, but not so far that a slip of the pen stops a server.
const roundsAllowed = 10_000_000

// shaCrypt computes the SHA-256 ("$5$") or SHA-512 ("$6$") hash of Ulrich
// Drepper's "Unix crypt using SHA-256 and SHA-512".
func shaCrypt(magic, rest string, password []byte) (string, error) {
	rounds, given := shaRounds, false
	if text, after, ok := strings.Cut(strings.TrimPrefix(rest, "rounds="), "$"); ok && strings.HasPrefix(rest, "rounds=") {
		n, err := strconv.Atoi(text)
		if err != nil || n < shaRoundsMin || n > min(shaRoundsMax, roundsAllowed) {
			return "", ErrUnknown
		}
		rounds, given, rest = n, true, after
	}
	salt, _, _ := strings.Cut(rest, "$")
	salt = salt[:min(len(salt), 16)]

	newHash, order := sha256.New, sha256Order[:]
	if magic == "$6$" {
		newHash, order = sha512.New, sha512Order[:]
	}
	final := shaFinal(newHash, []byte(salt), password, rounds)

	out := []byte(magic)
	if given {
		out = append(append(out, "rounds="...), strconv.Itoa(rounds)...)
		out = append(out, '$')
	}
	out = append(append(out, salt...), '$')
	for len(order) > 0 {
		n := min(3, len(order))
		var v uint32
		for _, i := range order[:n] {
			v = v<<8 | uint32(final[i])
		}
		out = to64(out, v, n+1)
		order = order[n:]
	}
	return string(out), nil
}

func shaFinal(newHash func() hash.Hash, salt, password []byte, rounds int) []byte {
	h := newHash()
	h.Write(password)
	h.Write(salt)
	h.Write(password)
	b := h.Sum(nil)

	h.Reset()
	h.Write(password)
	h.Write(salt)
	h.Write(stretch(b, len(password)))
	for n := len(password); n > 0; n >>= 1 {
		if n&1 != 0 {
			h.Write(b)
		} else {
			h.Write(password)
		}
	}
	a := h.Sum(nil)

	h.Reset()
	for range password {
		h.Write(password)
	}
	p := stretch(h.Sum(nil), len(password))

	h.Reset()
	for range 16 + int(a[0]) {
		h.Write(salt)
	}
	s := stretch(h.Sum(nil), len(salt))

	for i := range rounds {
		h.Reset()
		if i&1 != 0 {
			h.Write(p)
		} else {
			h.Write(a)
		}
		if i%3 != 0 {
			h.Write(s)
		}
		if i%7 != 0 {
			h.Write(p)
		}
		if i&1 != 0 {
			h.Write(a)
		} else {
			h.Write(p)
		}
		a = h.Sum(a[:0])
	}
	return a
}

// stretch repeats sum to n bytes.
func stretch(sum []byte, n int) []byte {
	out := make([]byte, 0, n)
	for len(out) < n {
		out = append(out, sum[:min(len(sum), n-len(out))]...)
	}
	return out
}

// The order in which the bytes of the sum are written, three by three.
var sha256Order = func() (order [32]byte) {
	a, b, c := byte(0), byte(10), byte(20)
	for i := 0; i < 30; i += 3 {
		order[i], order[i+1], order[i+2] = a, b, c
		a, b, c = c+1, a+1, b+1
	}
	order[30], order[31] = 31, 30
	return order
}()

var sha512Order = func() (order [64]byte) {
	a, b, c := byte(0), byte(21), byte(42)
	for i := 0; i < 63; i += 3 {
		order[i], order[i+1], order[i+2] = a, b, c
		a, b, c = b+1, c+1, a+1
	}
	order[63] = 63
	return order
}()
