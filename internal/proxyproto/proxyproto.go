// Package proxyproto reads the header that a load balancer puts before the
// bytes of a connection to tell whose connection it passes on: versions 1 and 2
// of HAProxy's PROXY protocol.
package proxyproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
)

// Header is what the sender of a connection says of it.
type Header struct {
	Source, Dest         []byte // addresses in text; in version 1 as they were written
	SourcePort, DestPort uint16
	TLVs                 []byte // the extensions of version 2, see TLV
}

// MaxLen is the length of the longest header that is read.
const MaxLen = 4096

const maxLenV1 = 107

// ErrShort reports that the header goes on beyond the bytes given.
var ErrShort = errors.New("proxyproto: more bytes are needed")

var signature = []byte("\r\n\r\n\x00\r\nQUIT\n")

// Parse reads a header at the beginning of b. n is its length. h is nil for one
// that tells no address: a connection of the sender's own, or of a kind that is
// not known. Errors but ErrShort are in nginx's words.
func Parse(b []byte) (h *Header, n int, err error) {
	if k := min(len(b), len(signature)); bytes.Equal(b[:k], signature[:k]) {
		return parseV2(b)
	}
	return parseV1(b)
}

func parseV1(b []byte) (*Header, int, error) {
	prefix := []byte("PROXY ")
	k := min(len(b), len(prefix))
	if !bytes.Equal(b[:k], prefix[:k]) {
		return nil, 0, broken(b)
	}
	end := bytes.IndexByte(b, '\n')
	switch {
	case !knownKind(b[k:]):
		return nil, 0, broken(b) // nobody need wait for the rest
	case end < 0 && len(b) < maxLenV1:
		return nil, 0, ErrShort
	case end < 0 || end >= maxLenV1 || b[end-1] != '\r':
		return nil, 0, broken(b)
	}
	n, rest := end+1, b[len(prefix):end-1]
	if bytes.HasPrefix(rest, []byte("UNKNOWN")) {
		return nil, n, nil
	}
	words := bytes.Split(rest, []byte(" "))
	if len(words) != 5 || string(words[0]) != "TCP4" && string(words[0]) != "TCP6" || !isAddress(words[1]) || !isAddress(words[2]) {
		return nil, 0, broken(b)
	}
	h := &Header{Source: bytes.Clone(words[1]), Dest: bytes.Clone(words[2])}
	for i, into := range []*uint16{&h.SourcePort, &h.DestPort} {
		port, err := strconv.ParseUint(string(words[3+i]), 10, 16)
		if err != nil {
			return nil, 0, broken(b)
		}
		*into = uint16(port)
	}
	return h, n, nil
}

// knownKind reports whether what follows PROXY is, as far as it has come, the name of
// what version 1 knows.
func knownKind(b []byte) bool {
	for _, kind := range []string{"TCP4 ", "TCP6 ", "UNKNOWN"} {
		if k := min(len(b), len(kind)); string(b[:k]) == kind[:k] {
			return true
		}
	}
	return false
}

// isAddress reports whether only characters of addresses are in text.
func isAddress(text []byte) bool {
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F', c == ':', c == '.':
		default:
			return false
		}
	}
	return true
}

func broken(b []byte) error {
	if i := bytes.IndexAny(b, "\r\n"); i >= 0 {
		b = b[:i]
	}
	return fmt.Errorf("broken header: \"%s\"", b[:min(len(b), maxLenV1)])
}

// Lengths of parts of a version 2 header.
const (
	lenV2     = 16
	lenAddrs4 = 12
	lenAddrs6 = 36
)

func parseV2(b []byte) (*Header, int, error) {
	if len(b) < lenV2 {
		return nil, 0, ErrShort
	}
	if version := b[12] >> 4; version != 2 {
		return nil, 0, fmt.Errorf("unknown PROXY protocol version: %d", version)
	}
	n := lenV2 + int(binary.BigEndian.Uint16(b[14:]))
	if n > MaxLen {
		return nil, 0, errors.New("header is too large")
	}
	if len(b) < n {
		return nil, 0, ErrShort
	}
	const proxy, stream, inet, inet6 = 1, 1, 1, 2
	if b[12]&0xf != proxy || b[13]&0xf != stream {
		return nil, n, nil
	}
	body := b[lenV2:n]
	size, addrs := 4, lenAddrs4
	switch b[13] >> 4 {
	case inet:
	case inet6:
		size, addrs = 16, lenAddrs6
	default:
		return nil, n, nil
	}
	if len(body) < addrs {
		return nil, 0, errors.New("header is too small")
	}
	text := func(b []byte) []byte {
		addr, _ := netip.AddrFromSlice(b)
		return addr.AppendTo(nil)
	}
	return &Header{
		Source:     text(body[:size]),
		Dest:       text(body[size : 2*size]),
		SourcePort: binary.BigEndian.Uint16(body[2*size:]),
		DestPort:   binary.BigEndian.Uint16(body[2*size+2:]),
		TLVs:       bytes.Clone(body[addrs:]),
	}, n, nil
}
