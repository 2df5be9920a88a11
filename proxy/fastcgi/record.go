package fastcgi

import "fmt"

// recordType is the type of a record (section 8).
type recordType uint8

const (
	beginRequest recordType = 1
	endRequest   recordType = 3
	params       recordType = 4
	stdin        recordType = 5
	stdout       recordType = 6
	stderr       recordType = 7
)

// What else stands in records (section 8).
const (
	version1   = 1
	headerSize = 8
	maxContent = 1<<16 - 1
	responder  = 1 // the role that a back end is asked to play
	keepConn   = 1 // the flag that leaves closing the connection to us
	// requestID is that of all requests: a connection has one at a time.
	requestID = 1
)

// appendHeader appends the header of a record with n bytes of content, and
// returns how many bytes of padding are to follow these.
func appendHeader(dst []byte, t recordType, n int) (_ []byte, padding int) {
	padding = -n & 7
	return append(dst, version1, byte(t), requestID>>8, requestID&0xff, byte(n>>8), byte(n), byte(padding), 0), padding
}

var zeros [headerSize]byte

// appendBegin appends the record that begins a request.
func appendBegin(dst []byte, flags byte) []byte {
	dst, _ = appendHeader(dst, beginRequest, 8)
	return append(dst, responder>>8, responder&0xff, flags, 0, 0, 0, 0, 0)
}

// appendEnd appends the empty record that ends a stream.
func appendEnd(dst []byte, t recordType) []byte {
	dst, _ = appendHeader(dst, t, 0)
	return dst
}

// appendPair appends a parameter (section 3.4).
func appendPair(dst, name, value []byte) ([]byte, error) {
	dst = appendLength(appendLength(dst, len(name)), len(value))
	return append(append(dst, name...), value...), nil
}

func appendLength(dst []byte, n int) []byte {
	if n < 1<<7 {
		return append(dst, byte(n))
	}
	return append(dst, byte(n>>24)|1<<7, byte(n>>16), byte(n>>8), byte(n))
}

// decoder takes the records of a response apart, wherever they have been cut.
type decoder struct {
	header  [headerSize]byte // of the present record
	have    int              // of header
	left    int              // of the record's content
	padding int              // left after the content
}

// piece is a part of a record.
type piece struct {
	kind    recordType
	data    []byte
	padding int  // bytes of padding behind data
	empty   bool // the record has no content, and begins here
	ended   bool // the record ends here
}

// mayEnd reports whether nothing is missing if nothing more comes: the last
// record is complete, or is the one that ends the request.
func (d *decoder) mayEnd() bool {
	return d.have == 0 || d.have == headerSize && recordType(d.header[1]) == endRequest
}

// next takes the next n bytes off b, which are of one record.
func (d *decoder) next(b []byte) (p piece, n int, err error) {
	begins := d.have < headerSize
	if begins {
		n = copy(d.header[d.have:], b)
		from := d.have
		d.have += n
		if err := d.check(from); err != nil {
			return p, n, err
		}
		if d.have < headerSize {
			return p, n, nil
		}
		d.left = int(d.header[4])<<8 | int(d.header[5])
		d.padding = int(d.header[6])
	}
	p.kind = recordType(d.header[1])
	p.empty = begins && d.left == 0
	size := min(d.left, len(b)-n)
	p.data = b[n : n+size]
	d.left -= size
	n += size
	if d.left == 0 {
		p.padding = min(d.padding, len(b)-n)
		d.padding -= p.padding
		n += p.padding
		if p.ended = d.padding == 0; p.ended {
			d.have = 0
		}
	}
	return p, n, nil
}

// giveBack takes back that the last n bytes of p's data, and the padding behind
// them, have been taken.
func (d *decoder) giveBack(p piece, n int) {
	d.have = headerSize
	d.left += n
	d.padding += p.padding
}

// check looks at the bytes of the header from the given one on, as soon as they
// are there. The error is in nginx's words.
func (d *decoder) check(from int) error {
	for i := from; i < min(d.have, 4); i++ {
		switch c := d.header[i]; {
		case i == 0 && c != version1:
			return fmt.Errorf("upstream sent unsupported FastCGI protocol version: %d", c)
		case i == 1 && recordType(c) != stdout && recordType(c) != stderr && recordType(c) != endRequest:
			return fmt.Errorf("upstream sent invalid FastCGI record type: %d", c)
		case i == 2 && c != requestID>>8:
			return fmt.Errorf("upstream sent unexpected FastCGI request id high byte: %d", c)
		case i == 3 && c != requestID&0xff:
			return fmt.Errorf("upstream sent unexpected FastCGI request id low byte: %d", c)
		}
	}
	return nil
}
