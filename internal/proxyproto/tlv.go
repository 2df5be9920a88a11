package proxyproto

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
)

// Errors of TLV beside ErrNotFound are logged.
var (
	ErrNotFound = errors.New("proxyproto: no such TLV")
	ErrBroken   = errors.New("broken PROXY protocol TLV")
	ErrUnknown  = errors.New("unknown PROXY protocol TLV")
	ErrInvalid  = errors.New("invalid PROXY protocol TLV")
)

const typeSSL = 0x20

var tlvTypes = map[string]int{"alpn": 0x01, "authority": 0x02, "unique_id": 0x05, "ssl": typeSSL, "netns": 0x30}

var sslTypes = map[string]int{"version": 0x21, "cn": 0x22, "cipher": 0x23, "sig_alg": 0x24, "key_alg": 0x25}

// TLV appends the value of an extension: "alpn", "authority", "unique_id",
// "netns", "ssl" as it is, "ssl_verify" as a number, "ssl_version", "ssl_cn",
// "ssl_cipher", "ssl_sig_alg", "ssl_key_alg", and any other by its type in
// hexadecimal, "0xe2" or "ssl_0x26".
func (h *Header) TLV(dst []byte, name string) ([]byte, error) {
	tlvs, types := h.TLVs, tlvTypes
	if rest, ok := strings.CutPrefix(name, "ssl_"); ok {
		ssl, err := lookup(tlvs, typeSSL)
		if err != nil {
			return dst, err
		}
		// One byte that says whether there is TLS and a certificate, and four
		// that are 0 when that was verified.
		if len(ssl) < 5 {
			return dst, ErrNotFound
		}
		if rest == "verify" {
			return strconv.AppendUint(dst, uint64(binary.BigEndian.Uint32(ssl[1:])), 10), nil
		}
		name, tlvs, types = rest, ssl[5:], sslTypes
	}
	kind, ok := types[name]
	if digits, isHex := strings.CutPrefix(name, "0x"); isHex {
		n, err := strconv.ParseUint(digits, 16, 31)
		if err != nil {
			return dst, ErrInvalid
		}
		kind, ok = int(n), true
	}
	if !ok {
		return dst, ErrUnknown
	}
	value, err := lookup(tlvs, kind)
	return append(dst, value...), err
}

func lookup(tlvs []byte, kind int) ([]byte, error) {
	for len(tlvs) > 0 {
		if len(tlvs) < 3 {
			return nil, ErrBroken
		}
		n := int(binary.BigEndian.Uint16(tlvs[1:]))
		if len(tlvs)-3 < n {
			return nil, ErrBroken
		}
		if int(tlvs[0]) == kind {
			return tlvs[3 : 3+n], nil
		}
		tlvs = tlvs[3+n:]
	}
	return nil, ErrNotFound
}
