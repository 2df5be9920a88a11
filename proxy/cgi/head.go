package cgi

import (
	"bytes"
	"fmt"

	"tandem/proxy/answer"
	"tandem/proxy/exchange"
)

// HeadReader reads the head of a response that comes in pieces, between which
// there may be something else.
type HeadReader struct {
	buf  []byte // the head so far, kept between requests
	line int    // where in buf the present line begins
}

// Bytes returns the head as far as it has come.
func (h *HeadReader) Bytes() []byte { return h.buf }

// keepHead is how large a head may be for its memory to be kept.
const keepHead = 16 << 10

// Reset makes h ready for another response.
func (h *HeadReader) Reset() {
	if cap(h.buf) > keepHead {
		h.buf = nil
	}
	h.buf, h.line = h.buf[:0], 0
}

// Read takes the next piece of a response, and returns how much of it belongs
// to the head; done: the head ends there, and x.Head is complete. The error is
// a *answer.BadField.
func (h *HeadReader) Read(x *exchange.Exchange, piece []byte) (n int, done bool, err error) {
	for n < len(piece) {
		end := bytes.IndexByte(piece[n:], '\n') + 1
		if end == 0 {
			end = len(piece) - n
		}
		h.buf = append(h.buf, piece[n:n+end]...)
		n += end
		if int64(len(h.buf)) > x.Settings.BufferSize.V {
			return n, false, &answer.BadField{Reason: "upstream sent too big header"}
		}
		last := len(h.buf) - 1
		if h.buf[last] != '\n' {
			break
		}
		line := h.buf[h.line:last]
		h.line = last + 1
		if done, err = readLine(x, answer.TrimCR(line)); done || err != nil {
			return n, done, err
		}
	}
	return n, false, nil
}

// ReadHead reads a head that is at the beginning of b, as SCGI and uwsgi have
// it: CGI's, with HTTP's status line in front of it or without. It returns the
// length of the head; 0: more is needed. The error is a *answer.BadField.
func ReadHead(x *exchange.Exchange, b []byte) (n int, err error) {
	if !answer.HeadComplete(b) {
		return 0, nil
	}
	for {
		end := n + bytes.IndexByte(b[n:], '\n')
		line := answer.TrimCR(b[n:end])
		first := n == 0
		n = end + 1
		if first {
			if _, ok := x.Head.ParseStatusLine(line); ok {
				continue
			}
		}
		if done, err := readLine(x, line); done || err != nil {
			return n, err
		}
	}
}

// readLine takes a line of the head into x.Head; done: it was the last one.
func readLine(x *exchange.Exchange, line []byte) (done bool, err error) {
	if len(line) == 0 {
		return true, settleStatus(&x.Head)
	}
	f, skip, ok := answer.ParseField(line)
	switch {
	case !ok:
		return false, answer.InvalidField(line)
	case skip:
		return false, nil
	}
	return false, x.AddField(f)
}

// settleStatus finds the status of a response out (RFC 3875 section 6.3.3): it
// is that of the header Status, 302 with a Location, and 200 otherwise.
func settleStatus(h *answer.Head) error {
	value, told := h.Lookup("status")
	_, moved := h.Lookup("location")
	switch {
	case h.Status != 0:
	case told:
		if err := readStatus(h, value); err != nil {
			return err
		}
	case moved:
		h.Status, h.StatusLine = 302, statusFound
	default:
		h.Status, h.StatusLine = 200, statusOK
	}
	if h.Status < 200 && h.Status != 101 {
		// An interim response (RFC 9110 section 15.2) is not something that a
		// script can answer with.
		return UnexpectedStatus(h.Status)
	}
	return nil
}

// UnexpectedStatus is the error of a response with a status that the protocol
// has no use for.
func UnexpectedStatus(status int) *answer.BadField {
	return &answer.BadField{Reason: fmt.Sprintf("upstream sent unexpected status %d", status)}
}

var (
	statusFound = []byte("302 Moved Temporarily")
	statusOK    = []byte("200 OK")
)

// readStatus reads the value of Status: three digits, and words after a space.
func readStatus(h *answer.Head, value []byte) error {
	status := 0
	for i, c := range value[:min(3, len(value))] {
		if c < '0' || c > '9' || i == 0 && c == '0' {
			break
		}
		status = status*10 + int(c-'0')
	}
	if status < 100 || len(value) > 3 && value[3] != ' ' {
		return &answer.BadField{Reason: fmt.Sprintf("upstream sent invalid status \"%s\"", answer.Quote(value))}
	}
	h.Status = status
	if len(value) > 3 {
		h.StatusLine = value
	}
	return nil
}
