package web

import (
	"bytes"

	"tandem/web/message"
)

// Challenge returns the status and the header by which the client is asked for
// credentials: for CONNECT those of a proxy (RFC 9110 section 11.7).
func (r *Request) Challenge() (status Code, header string) {
	if r.Method == CONNECT {
		return 407, "Proxy-Authenticate"
	}
	return 401, "WWW-Authenticate"
}

// BasicCredentials returns the user and password that the client gives for the
// "Basic" scheme (RFC 7617): $remote_user, and what auth_basic checks. ok is
// false without them, and for an empty user.
func (r *Request) BasicCredentials() (user, password []byte, ok bool) {
	field := message.Authorization
	if r.Method == CONNECT {
		field = message.ProxyAuthorization
	}
	value := r.Header(field)
	if len(value) < len("Basic ") || !message.EqualFold(value[:len("Basic ")], "Basic ") {
		return nil, nil, false
	}
	scratch, ok := appendDecodedBase64(r.Scratch(), trimLeftSpaces(value[len("Basic "):]))
	defer func() { r.Unscratch(scratch) }()
	colon := bytes.IndexByte(scratch, ':')
	if !ok || colon <= 0 {
		return nil, nil, false
	}
	kept := r.Keep(scratch)
	return kept[:colon], kept[colon+1:], true
}

// appendDecodedBase64 decodes as nginx does: what follows a "=" does not count,
// nor do surplus bits.
func appendDecodedBase64(dst, src []byte) ([]byte, bool) {
	if i := bytes.IndexByte(src, '='); i >= 0 {
		src = src[:i]
	}
	if len(src)%4 == 1 {
		return dst, false
	}
	bits, n := uint32(0), 0
	for _, c := range src {
		var v byte
		switch {
		case c >= 'A' && c <= 'Z':
			v = c - 'A'
		case c >= 'a' && c <= 'z':
			v = c - 'a' + 26
		case c >= '0' && c <= '9':
			v = c - '0' + 52
		case c == '+':
			v = 62
		case c == '/':
			v = 63
		default:
			return dst, false
		}
		if bits, n = bits<<6|uint32(v), n+6; n >= 8 {
			n -= 8
			dst = append(dst, byte(bits>>n))
		}
	}
	return dst, true
}
