package preread

import "bytes"

// Hello is what a ClientHello says (RFC 8446 section 4.1.2, RFC 6066 section 3, RFC
// 7301 section 3.1), as far as it is asked for.
type Hello struct {
	ServerName []byte // nil: none
	ALPN       []byte // the protocols that the client speaks, with commas between them
	version    [2]byte
}

// Found says what Parse has found.
type Found uint8

// The outcomes of Parse.
const (
	More Found = iota // it may be one, and is not complete
	None              // it is none that can be understood
	Whole
)

// Protocol returns the highest version of TLS that the client speaks, as OpenSSL
// calls it; "" for one that is not known.
func (h *Hello) Protocol() string {
	switch h.version {
	case [2]byte{0, 2}:
		return "SSLv2"
	case [2]byte{3, 0}:
		return "SSLv3"
	case [2]byte{3, 1}:
		return "TLSv1"
	case [2]byte{3, 2}:
		return "TLSv1.1"
	case [2]byte{3, 3}:
		return "TLSv1.2"
	case [2]byte{3, 4}:
		return "TLSv1.3"
	}
	return ""
}

// The numbers of TLS that are looked for.
const (
	recordHandshake     = 22
	messageClientHello  = 1
	extServerName       = 0
	extALPN             = 16
	extSupportedVersion = 43
	nameHost            = 0
)

// Parse reads a ClientHello at the beginning of what a client has sent, which may
// have been cut into several records. b may be changed afterwards.
func Parse(b []byte) (*Hello, Found) {
	h := new(Hello)
	var message []byte
	for {
		if len(b) < 5 {
			return h, More
		}
		if b[0]&0x80 != 0 && b[2] == messageClientHello && (b[3] == 0 || b[3] == 3) {
			// A ClientHello of version 2, which has no extensions (RFC 5246
			// appendix E.2).
			h.version = [2]byte{b[3], b[4]}
			return h, Whole
		}
		if b[0] != recordHandshake || b[1] != 3 {
			return nil, None
		}
		n := int(b[3])<<8 | int(b[4])
		if len(b) < 5+n {
			return h, More
		}
		// A copy, which what is found is part of.
		message, b = append(message, b[5:5+n]...), b[5+n:]
		found := h.parse(message)
		if found != More {
			return h, found
		}
	}
}

// parse reads the message of a handshake.
func (h *Hello) parse(m []byte) Found {
	if len(m) < 4 {
		return More
	}
	if m[0] != messageClientHello {
		return None
	}
	size := int(m[1])<<16 | int(m[2])<<8 | int(m[3])
	if len(m)-4 < size {
		return More
	}
	r := reader{b: m[4 : 4+size]}
	version := r.take(2)
	r.take(32)          // random
	r.take(r.number(1)) // session id
	r.take(r.number(2)) // cipher suites
	r.take(r.number(1)) // compression methods
	if r.failed {
		return None
	}
	h.version = [2]byte(version)
	if len(r.b) == 0 {
		return Whole
	}
	// nginx goes by the length of the message here, as there is nothing behind.
	r.number(2)
	for len(r.b) > 0 && !r.failed {
		kind, size := r.number(2), r.number(2)
		if kind == extSupportedVersion {
			// As in nginx it is as long as its list says.
			h.takeVersions(r.take(r.number(1)))
			continue
		}
		data := reader{b: r.take(size)}
		switch {
		case r.failed:
		case kind == extServerName && h.ServerName == nil:
			r.failed = !h.takeName(&data)
		case kind == extALPN && h.ALPN == nil:
			r.failed = !h.takeALPN(&data)
		}
	}
	if r.failed {
		return None
	}
	return Whole
}

// takeName takes the first name of a server_name extension.
func (h *Hello) takeName(r *reader) bool {
	list := reader{b: r.take(r.number(2))}
	kind := list.number(1)
	name := list.take(list.number(2))
	if r.failed || list.failed || kind != nameHost {
		return false
	}
	h.ServerName = name
	return true
}

// takeALPN takes the protocols of an application_layer_protocol_negotiation
// extension.
func (h *Hello) takeALPN(r *reader) bool {
	list := reader{b: r.take(r.number(2))}
	if r.failed {
		return false
	}
	var names [][]byte
	for len(list.b) > 0 {
		name := list.take(list.number(1))
		if list.failed || len(name) == 0 {
			return false
		}
		names = append(names, name)
	}
	h.ALPN = bytes.Join(names, []byte(","))
	return len(names) > 0
}

// takeVersions takes the highest of the versions in a supported_versions extension
// (RFC 8446 section 4.2.1), among which clients strew some that nobody knows (RFC
// 8701). Drafts of TLS 1.3 have versions of their own.
func (h *Hello) takeVersions(list []byte) {
	for ; len(list) > 1; list = list[2:] {
		v := [2]byte(list[:2])
		if v[0] == draft {
			v = [2]byte{3, 4}
		}
		if v[0] == 3 && v[1] <= 4 && v[1] > h.version[1] {
			h.version = v
		}
	}
}

// draft is the first byte of a draft's version.
const draft = 0x7f

// reader takes pieces off the front of b. One that is not there fails it for good.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) take(n int) []byte {
	if r.failed || n > len(r.b) {
		r.failed = true
		return nil
	}
	piece := r.b[:n:n]
	r.b = r.b[n:]
	return piece
}

// number takes a number of so many bytes.
func (r *reader) number(size int) int {
	n := 0
	for _, c := range r.take(size) {
		n = n<<8 | int(c)
	}
	return n
}
