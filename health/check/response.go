package check

import (
	"bytes"
	"crypto/md5"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"strconv"
	"strings"

	"tandem/internal/regex"
)

// URL is what is asked for, and what the answer is to be.
type URL struct {
	Path   string
	Host   string   // virtualhost; "": that of the checker
	Status []Status // "status_code"; none: 200 to 299
	Digest []byte   // MD5 of the body; nil: any
	// Regex has to match the body, or must not if NoMatch; nil: any body will do.
	Regex   *regex.Regexp
	NoMatch bool
	// Min and Max are where a match may begin, in bytes from the start of the body;
	// Max 0: anywhere.
	Min, Max int
}

// Status is a range of status codes, both ends included.
type Status struct{ First, Last int }

// Limits of an answer: how long its head may be, how much of a body a regular
// expression sees, and how long a body may be at all, in bytes.
const (
	maxHead    = 64 << 10
	maxMatched = 1 << 20
	maxBody    = 64 << 20
)

// Words for what may be wrong while reading, which are keepalived's.
const (
	timeoutHead = "Timeout WEB read"
	timeoutBody = "Timeout HTTP read"
	readFailed  = "Read error with"
	noData      = "Read, no data received from "
)

// response is an answer that is being read.
type response struct {
	url    *URL
	head   []byte
	status int
	length int64 // Content-Length, -1: none
	size   int64 // of the body so far
	sum    hash.Hash
	body   []byte // its beginning, for the regular expression
}

func newResponse(u *URL) *response {
	r := &response{url: u, length: -1}
	if u.Digest != nil {
		r.sum = md5.New()
	}
	return r
}

var (
	errNoData = errors.New("no data")
	errLong   = errors.New("the answer is too long")
)

// read reads an answer until its end, and calls step before it waits. text has
// keepalived's words for an error.
func (r *response) read(c io.Reader, step func()) (text string, err error) {
	buf := make([]byte, 16<<10)
	parsed, any := false, false
	for {
		step()
		n, err := c.Read(buf)
		any = any || n > 0
		if rest := buf[:n]; parsed {
			r.take(rest)
		} else if r.head = append(r.head, rest...); len(r.head) > 0 {
			if end := endOfHead(r.head); end > 0 {
				parsed = true
				r.parse(r.head[:end])
				r.take(r.head[end:])
			}
		}
		switch {
		case err == nil && (!parsed && len(r.head) > maxHead || r.size > maxBody):
			return readFailed, errLong
		case err == nil:
			continue
		case timedOut(err) && !any:
			return timeoutHead, err
		case timedOut(err):
			return timeoutBody, err
		case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			var op *net.OpError
			if errors.As(err, &op) || !parsed {
				return readFailed, err
			}
		case !parsed:
			return noData, errNoData
		}
		return "", nil
	}
}

// endOfHead returns where the body begins, 0: not yet.
func endOfHead(b []byte) int {
	if i := bytes.Index(b, []byte("\r\n\r\n")); i >= 0 {
		return i + 4
	}
	if i := bytes.Index(b, []byte("\n\n")); i >= 0 {
		return i + 2
	}
	return 0
}

// parse reads the status and the length from a head.
func (r *response) parse(head []byte) {
	for n, line := range strings.Split(string(head), "\n") {
		line = strings.TrimRight(line, "\r")
		if n == 0 {
			if _, rest, ok := strings.Cut(line, " "); ok && strings.HasPrefix(line, "HTTP/") {
				code, _, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
				r.status, _ = strconv.Atoi(code) // 0 is no status that is wanted
			}
			continue
		}
		if name, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "Content-Length") {
			if n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64); err == nil && n >= 0 {
				r.length = n
			}
		}
	}
}

// take takes a piece of the body. What is behind the length that the head tells
// does not count for the digest.
func (r *response) take(b []byte) {
	counted := b
	if left := r.length - r.size; r.length >= 0 && int64(len(b)) > left {
		counted = b[:max(left, 0)]
	}
	r.size += int64(len(b))
	if r.sum != nil {
		r.sum.Write(counted)
	}
	if r.url.Regex != nil && len(r.body) < maxMatched {
		r.body = append(r.body, b[:min(len(b), maxMatched-len(r.body))]...)
	}
}

// judge says whether the answer is the one that is wanted: why not, and how
// keepalived names what has been compared.
func (r *response) judge() (text, why string) {
	if !r.url.wants(r.status) {
		return "HTTP status code error to", fmt.Sprintf("status %d", r.status)
	}
	text = "HTTP status code"
	if r.sum != nil {
		if sum := r.sum.Sum(nil); subtle.ConstantTimeCompare(sum, r.url.Digest) != 1 {
			return "MD5 digest error to", fmt.Sprintf("digest %x", sum)
		}
		text = "MD5 digest"
	}
	if r.url.Regex != nil {
		if r.matches() == r.url.NoMatch {
			return "Regex match failed", fmt.Sprintf("the body (%d bytes) and the regex", r.size)
		}
		text = "Regex match"
	}
	return text, ""
}

func (u *URL) wants(status int) bool {
	if len(u.Status) == 0 {
		return status >= 200 && status <= 299
	}
	for _, s := range u.Status {
		if status >= s.First && status <= s.Last {
			return true
		}
	}
	return false
}

// matches reports whether the first match begins where it may.
func (r *response) matches() bool {
	if r.url.Min > len(r.body) {
		return false
	}
	at, err := r.url.Regex.Captures(r.body[r.url.Min:])
	return err == nil && at != nil && (r.url.Max == 0 || r.url.Min+at[0] <= r.url.Max)
}
