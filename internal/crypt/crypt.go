// Package crypt checks passwords against the hashes that password files of web
// servers hold.
package crypt

import (
	"bytes"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// ErrUnknown reports a hash of no known kind, or one that is malformed.
var ErrUnknown = errors.New("crypt: unknown kind of hash")

// Verify reports whether hash is that of password. It knows
//
//	$apr1$    Apache's MD5
//	$1$       MD5
//	$5$, $6$  SHA-256 and SHA-512
//	$2a$, $2b$, $2y$  bcrypt
//	{SHA}, {SSHA}  SHA-1 without and with salt, in base64
//	{PLAIN}   the password itself
//
// and the traditional DES hash of 13 characters. As for C programs, a password
// ends before its first NUL byte. An error is ErrUnknown.
func Verify(hash string, password []byte) (bool, error) {
	if i := bytes.IndexByte(password, 0); i >= 0 {
		password = password[:i]
	}
	same := func(computed string) (bool, error) {
		return subtle.ConstantTimeCompare([]byte(computed), []byte(hash)) == 1, nil
	}
	kind, rest := split(hash)
	switch kind {
	case "$apr1$", "$1$":
		return same(md5Crypt(kind, rest, password))
	case "$5$", "$6$":
		computed, err := shaCrypt(kind, rest, password)
		if err != nil {
			return false, err
		}
		return same(computed)
	case "$2a$", "$2b$", "$2y$":
		return bcryptVerify(hash, password)
	case "{PLAIN}":
		return same(kind + string(password))
	case "{SHA}":
		sum := sha1.Sum(password)
		return same(kind + base64.StdEncoding.EncodeToString(sum[:]))
	case "{SSHA}":
		decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(rest, "="))
		if err != nil || len(decoded) < sha1.Size {
			return false, ErrUnknown
		}
		sum := sha1.Sum(append(bytes.Clone(password), decoded[sha1.Size:]...))
		return subtle.ConstantTimeCompare(sum[:], decoded[:sha1.Size]) == 1, nil
	case "":
		computed, err := desCrypt(hash, password)
		if err != nil {
			return false, err
		}
		return same(computed)
	}
	return false, ErrUnknown
}

// split cuts "$KIND$" or "{KIND}" off a hash.
func split(hash string) (kind, rest string) {
	end := -1
	switch {
	case strings.HasPrefix(hash, "$"):
		end = strings.IndexByte(hash[1:], '$') + 1
	case strings.HasPrefix(hash, "{"):
		end = strings.IndexByte(hash, '}')
	}
	if end <= 0 {
		return "", hash
	}
	return hash[:end+1], hash[end+1:]
}

// bcryptMax is how many bytes of a password bcrypt looks at.
const bcryptMax = 72

func bcryptVerify(hash string, password []byte) (bool, error) {
	err := bcrypt.CompareHashAndPassword([]byte(hash), password[:min(len(password), bcryptMax)])
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword):
		return false, nil
	default:
		return false, ErrUnknown
	}
}

// itoa64 are the digits that crypt hashes are written with.
const itoa64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// to64 appends n digits of v, lowest first.
func to64(dst []byte, v uint32, n int) []byte {
	for ; n > 0; n-- {
		dst = append(dst, itoa64[v&0x3f])
		v >>= 6
	}
	return dst
}
