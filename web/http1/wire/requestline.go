package wire

import (
	"bytes"

	"tandem/internal/hostnames"
	"tandem/web/message"
)

// nginx's words for what is wrong with a request line.
const (
	reasonMethod   = "client sent invalid method"
	reasonRequest  = "client sent invalid request"
	reasonVersion  = "client sent invalid version"
	reasonMethod09 = "client sent invalid method in HTTP/0.9 request"
	reasonLineHost = "client sent invalid host in request line"
)

// badMethod returns the index of what keeps line, possibly the beginning of a
// request line, from beginning one, or -1: only method characters may stand before
// the first space.
func badMethod(line []byte) int {
	for i, c := range line {
		if c == ' ' && i > 0 {
			return -1
		}
		if !message.IsMethodChar(c) {
			return i
		}
	}
	return -1
}

// badLine returns what keeps line, possibly the beginning of a request line, from
// being one, as far as each byte tells: nginx's word for it and where it is, or
// no word.
func badLine(line []byte, checked int) (reason string, at int) {
	if at = badMethod(line); at >= 0 {
		return reasonMethod, at
	}
	fresh := line[checked:]
	at = message.ControlIndex(fresh)
	if tab := bytes.IndexByte(fresh, '\t'); tab >= 0 && (at < 0 || tab < at) {
		at = tab
	}
	if at >= 0 {
		return reasonRequest, checked + at
	}
	return "", 0
}

// readRequestLine is parseRequestLine; of a line that is refused nothing stays
// but the line.
func readRequestLine(h *message.Head, line []byte) *message.BadRequest {
	bad := parseRequestLine(h, line)
	switch {
	case bad == nil:
		h.LineRead = true
	case bad.Reason == reasonLineHost: // all but the host has been understood
	default:
		version, protocol := h.Version, h.Protocol
		h.Reset()
		if version == message.HTTP09 {
			h.Version = version // answered without a head
		}
		if len(protocol) > 0 && protocol[0] == 'H' {
			h.Protocol = protocol[:0] // it has begun
		}
	}
	h.Line = line
	if bad != nil {
		h.Line = untilLineEnd(line)
	}
	return bad
}

// parseRequestLine reads a whole request line without its line end.
//
// "A server that receives a request-target longer than any URI it wishes to
// parse" is the business of the caller; "although the request-line grammar
// rules require that each of the component elements be separated by a single SP
// octet, recipients MAY instead parse on whitespace-delimited word boundaries"
// (RFC 9112 section 3): this one does not.
func parseRequestLine(h *message.Head, line []byte) *message.BadRequest {
	if reason, _ := badLine(line, 0); reason != "" {
		return message.Bad(400, reason)
	}
	i := bytes.IndexByte(line, ' ')
	if i < 0 {
		return message.Bad(400, reasonMethod)
	}
	h.Method = line[:i]
	target := line[i+1:]
	var version []byte
	if i = bytes.IndexByte(target, ' '); i >= 0 {
		target, version = target[:i], target[i+1:]
	}
	if bad := parseTarget(h, target); bad != nil {
		return bad
	}
	if i < 0 {
		h.Version = message.HTTP09
		switch {
		case string(h.Method) != "GET":
			return message.Bad(400, reasonMethod09)
		case h.Scheme != nil: // HTTP/0.9 had no such thing
			return message.Bad(400, reasonRequest)
		}
	} else if bad := parseVersion(h, version); bad != nil {
		return bad
	}
	if h.Authority != nil && !h.SetAuthority(h.Authority) {
		return message.Bad(400, reasonLineHost)
	}
	return nil
}

// parseVersion reads "HTTP/d.d" (RFC 9112 section 2.3). A major version above
// 1 is answered 505, anything else that is not HTTP/1.x 400.
func parseVersion(h *message.Head, v []byte) *message.BadRequest {
	h.Protocol = v
	if len(v) < 6 || string(v[:5]) != "HTTP/" || v[5] < '1' || v[5] > '9' {
		return message.Bad(400, reasonRequest)
	}
	if v[5] > '1' || len(v) > 6 && message.IsDigit(v[6]) {
		return message.Bad(505, reasonVersion)
	}
	if len(v) != len("HTTP/1.1") || v[6] != '.' || !message.IsDigit(v[7]) {
		return message.Bad(400, reasonRequest)
	}
	h.Version = message.HTTP11
	if v[7] == '0' {
		h.Version = message.HTTP10
	}
	return nil
}

// parseTarget tells the four forms of a request target apart (RFC 9112 section
// 3.2). asterisk-form is refused, as nginx does.
func parseTarget(h *message.Head, t []byte) *message.BadRequest {
	switch {
	case h.IsConnect():
		n := authorityLength(t)
		colon := bytes.LastIndexByte(t, ':')
		if n != len(t) || colon < 0 || colon == n-1 || !message.IsDigit(t[n-1]) {
			return message.Bad(400, reasonRequest)
		}
		h.Target, h.Authority = t, t
		return nil
	case len(t) == 0:
		return message.Bad(400, reasonRequest)
	case t[0] == '/':
		h.Target = t
		return nil
	}
	i := 0
	for i < len(t) && (message.IsAlpha(t[i]) || i > 0 && (message.IsDigit(t[i]) || t[i] == '+' || t[i] == '-' || t[i] == '.')) {
		i++
	}
	if i == 0 || len(t)-i < 3 || string(t[i:i+3]) != "://" {
		return message.Bad(400, reasonRequest)
	}
	rest := t[i+3:]
	n := authorityLength(rest)
	if n < len(rest) && rest[n] != '/' && rest[n] != '?' {
		return message.Bad(400, reasonRequest)
	}
	h.Scheme, h.Authority, h.Target = t[:i], rest[:n], rest[n:]
	if len(h.Target) == 0 {
		// The first slash of "://" serves, so that Target stays in the buffer.
		h.Target = t[i+1 : i+2]
	}
	return nil
}

// authorityLength returns how much of b is a host and an optional port: what
// nginx reads there, which is a subset of RFC 3986 without user information.
func authorityLength(b []byte) int {
	i := 0
	if i < len(b) && b[i] == '[' {
		for i++; i < len(b) && hostnames.IsHostChar(b[i]); i++ {
		}
		if i == len(b) || b[i] != ']' {
			return i
		}
		i++
	} else {
		for i < len(b) && (message.IsAlpha(b[i]) || message.IsDigit(b[i]) || b[i] == '.' || b[i] == '-') {
			i++
		}
	}
	if i < len(b) && b[i] == ':' {
		for i++; i < len(b) && message.IsDigit(b[i]); i++ {
		}
	}
	return i
}
