package userid

import (
	"encoding/base64"
	"encoding/binary"
	"net"
	"os"
	"sync"
	"time"

	"tandem/internal/errorlog"
	"tandem/web"
)

// uid is an identity: service, time, process and number, as the four words of
// memory that nginx keeps it in, which the machine's byte order shows in.
type uid [4]uint32

// appendText appends name=..., the words in hexadecimal.
func (u uid) appendText(dst []byte, name string) []byte {
	const digits = "0123456789ABCDEF"
	dst = append(append(dst, name...), '=')
	for _, word := range u {
		for shift := 28; shift >= 0; shift -= 4 {
			dst = append(dst, digits[word>>shift&15])
		}
	}
	return dst
}

// bytes returns the words as they lie in memory.
func (u uid) bytes() (b [16]byte) {
	for i, word := range u {
		binary.NativeEndian.PutUint32(b[4*i:], word)
	}
	return b
}

// identity is what is known of a request's client.
type identity struct {
	known    bool
	got, set uid    // got[3] or set[3] is 0: none
	cookie   []byte // as sent
	reset    bool   // the client is to forget what it sent
}

var identities = web.NewContext[identity]()

// encodedLen is how many characters of the cookie's value are the identity: 16
// bytes in base64. What follows may be a mark, or garbage in old cookies.
const encodedLen = 22

// identify looks at the client's cookie.
func identify(r *web.Request, c *settings) *identity {
	id := identities.Of(r)
	if id == nil {
		id = identities.Take(r)
	}
	if id.known {
		return id
	}
	id.known = true
	cookie, ok := r.Cookie(c.name.V)
	if !ok {
		return id
	}
	id.cookie = cookie
	if len(cookie) < encodedLen {
		r.Logf(errorlog.Error, "client sent too short userid cookie \"%s\"", cookie)
		return id
	}
	var b [18]byte
	if n, err := base64.RawStdEncoding.Decode(b[:], cookie[:encodedLen]); err != nil || n != 16 {
		r.Logf(errorlog.Error, "client sent invalid userid cookie \"%s\"", cookie)
		return id
	}
	for i := range id.got {
		id.got[i] = binary.NativeEndian.Uint32(b[4*i:])
	}
	return id
}

// give makes an identity for a client that has none, or whose cookie is to be
// reset or lacks the mark.
func (id *identity) give(r *web.Request, c *settings) {
	if id.set[3] != 0 {
		return
	}
	if id.got[3] != 0 {
		value, _ := mainConf.Of(r.Realm()).reset.Append(&r.Session, r.Scratch())
		defer r.Unscratch(value)
		if len(value) == 0 || len(value) == 1 && value[0] == '0' {
			if c.mark.V != 0 && !id.marked(c.mark.V) {
				id.set = id.got
			}
			return
		}
		id.reset = true
		if string(value) == "log" {
			r.Logf(errorlog.Notice, "userid cookie \"%s\" was reset", id.got.appendText(nil, c.name.V))
		}
	}
	id.set = next(r, c)
}

func (id *identity) marked(mark byte) bool {
	return len(id.cookie) > encodedLen+1 && id.cookie[encodedLen] == mark && id.cookie[encodedLen+1] == '='
}

// appendValue appends the value of the cookie: a new identity, or the client's
// own with the mark.
func (id *identity) appendValue(dst []byte, c *settings) []byte {
	if id.got[3] != 0 && !id.reset {
		dst = append(dst, id.cookie[:encodedLen]...)
		return append(dst, c.mark.V, '=')
	}
	b := id.set.bytes()
	dst = base64.StdEncoding.AppendEncode(dst, b[:])
	if c.mark.V != 0 {
		dst[len(dst)-2] = c.mark.V
	}
	return dst
}

// sequence numbers the identities of this process.
var sequence struct {
	mu     sync.Mutex
	start  uint32 // tells processes apart
	v1, v2 uint32
}

const (
	firstV1 = 1
	firstV2 = 0x03030302
	step    = 0x100
)

// next makes an identity that nobody has.
func next(r *web.Request, c *settings) uid {
	now := time.Now()
	s := &sequence
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.start == 0 {
		s.start = uint32(now.Nanosecond()/1000/20)<<16 | uint32(os.Getpid())
		s.v1, s.v2 = firstV1, firstV2
	}
	if c.state.V == version1 {
		u := uid{uint32(c.service.V), uint32(now.Unix()), s.start, s.v1}
		s.v1 += step
		return u
	}
	u := uid{service(r, c), network(uint32(now.Unix())), network(s.start), network(s.v2)}
	if s.v2 += step; s.v2 < firstV2 {
		s.v2 = firstV2
	}
	return u
}

// network returns the number whose bytes in memory are n's in network order.
func network(n uint32) uint32 {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return binary.NativeEndian.Uint32(b[:])
}

// service is the first word: userid_service, or the end of the address that the
// client connected to.
func service(r *web.Request, c *settings) uint32 {
	if c.service.Set {
		return network(uint32(c.service.V))
	}
	addr, ok := r.LocalAddr().(*net.TCPAddr)
	if !ok {
		return 0
	}
	ip := addr.IP
	if v4 := ip.To4(); v4 != nil {
		ip = v4
	}
	return binary.NativeEndian.Uint32(ip[len(ip)-4:])
}
