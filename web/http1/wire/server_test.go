package wire

import (
	"bytes"
	"errors"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tandem/internal/flow"
	"tandem/web/message"
)

// answer serves s until it closes or misbehaves, and answers every request
// with 200 and its path and body, so that what was understood can be read from
// the answers.
func answer(s net.Conn, lim *message.Limits) {
	f := flow.NewConn(s)
	defer f.Release()
	c := NewConn(f)
	defer c.Release()
	var h message.Head
	var body bytes.Buffer
	buf := make([]byte, 700)
	for {
		if c.WaitRequest(10*time.Second) != nil {
			c.Close()
			return
		}
		err := c.ReadHead(&h, lim)
		var path []byte
		if err == nil {
			var ok bool
			if path, _, ok = message.NormalizePath(nil, h.Target, true); !ok && !h.IsConnect() {
				err = message.Bad(400, reasonRequest)
			}
		}
		body.Reset()
		for err == nil {
			var n int
			n, err = c.ReadBody(buf)
			body.Write(buf[:n])
		}
		var bad *message.BadRequest
		switch {
		case err == io.EOF && c.BodyDone():
			if h.Version == message.HTTP09 {
				_, _ = c.Write([]byte("path " + string(path)))
			} else {
				text := "path " + string(path) + " body " + body.String()
				_, _ = c.Write(AppendStatusLine(nil, 200))
				_, _ = c.Write([]byte("Content-Length: " + strconv.Itoa(len(text)) + "\r\n\r\n" + text))
			}
			if h.KeepAlive() {
				continue
			}
		case errors.As(err, &bad):
			status := bad.Status
			if status == message.StatusHeaderTooLarge {
				status = 400
			}
			_, _ = c.Write(append(AppendStatusLine(nil, status), "Content-Length: 0\r\nConnection: close\r\n\r\n"...))
		}
		c.CloseLinger(time.Second, time.Second)
		return
	}
}

// exchange sends a message in pieces of the given size (0: at once), closes
// the sending half and returns the answers until the other side closes.
func exchange(s net.Conn, sent string, piece int) string {
	_ = s.SetDeadline(time.Now().Add(20 * time.Second))
	go func() {
		for rest := sent; rest != ""; {
			n := len(rest)
			if piece > 0 {
				n = min(n, piece)
			}
			if _, err := io.WriteString(s, rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
		}
		_ = s.(*net.TCPConn).CloseWrite()
	}()
	got, _ := io.ReadAll(s)
	return string(got)
}

var statusCode = regexp.MustCompile(`HTTP/1\.1 (\d{3}) |<h1>(\d{3}) `)

// statuses returns the status codes of a sequence of answers. One without a
// head is 9, or what its error page says.
func statuses(answers string) (codes []int) {
	if answers != "" && !strings.HasPrefix(answers, "HTTP/") {
		if m := statusCode.FindStringSubmatch(answers); m != nil {
			code, _ := strconv.Atoi(m[2])
			return []int{code}
		}
		return []int{9}
	}
	for _, m := range statusCode.FindAllStringSubmatch(answers, -1) {
		if code, err := strconv.Atoi(m[1]); err == nil {
			codes = append(codes, code)
		}
	}
	return codes
}
