package unruly

import (
	"bufio"
	"fmt"
	"io"
	"net/http/httputil"
	"strings"
)

// reply is a response as it was on the wire.
type reply struct {
	interim []string // heads of interim responses
	status  string   // the status line; "" without a response
	fields  []string
	body    string
	end     string // complete, close (it ends with the connection), cut, or what is wrong
}

// closes reports whether no other response can follow.
func (r *reply) closes() bool {
	for _, f := range r.fields {
		if strings.EqualFold(f, "Connection: close") {
			return true
		}
	}
	return r.end != "complete"
}

// readReply reads a response as strictly as can be.
func readReply(br *bufio.Reader, method string) (r reply) {
	for {
		r.status, r.fields, r.end = readStrictHead(br)
		if r.end != "" {
			return r
		}
		if !strings.HasPrefix(r.status, "HTTP/1.1 1") || strings.HasPrefix(r.status, "HTTP/1.1 101 ") {
			break
		}
		r.interim = append(r.interim, strings.Join(append([]string{r.status}, r.fields...), "\n"))
	}
	length, chunked := -1, false
	for _, f := range r.fields {
		name, value, _ := strings.Cut(f, ": ")
		switch strings.ToLower(name) {
		case "content-length":
			if _, err := fmt.Sscanf(value, "%d", &length); err != nil || fmt.Sprint(length) != value {
				r.end = "bad Content-Length"
				return r
			}
		case "transfer-encoding":
			chunked = value == "chunked"
		}
	}
	code := r.status[9:min(12, len(r.status))]
	var body []byte
	var err error
	r.end = "complete"
	switch {
	case method == "HEAD" || code == "204" || code == "304" || code == "101":
	case chunked && length >= 0:
		r.end = "two lengths"
	case chunked:
		body, err = io.ReadAll(httputil.NewChunkedReader(br))
		if err == nil {
			var trailers []string
			_, trailers, r.end = readStrictLines(br, "trailers")
			r.fields = append(r.fields, trailers...)
			if r.end == "" {
				r.end = "complete"
			}
		}
	case length >= 0:
		body = make([]byte, length)
		n := 0
		n, err = io.ReadFull(br, body)
		body = body[:n]
	default:
		body, err = io.ReadAll(br)
		r.end = "close"
	}
	r.body = string(body)
	if err != nil {
		r.end = "cut"
	}
	return r
}

func readStrictHead(br *bufio.Reader) (first string, fields []string, wrong string) {
	first, wrong = readLine(br)
	switch {
	case wrong != "":
		return "", nil, wrong
	case !strings.HasPrefix(first, "HTTP/1.1 ") || len(first) < len("HTTP/1.1 200"):
		return first, nil, "bad status line"
	}
	return readStrictLines(br, first)
}

// readStrictLines reads header lines up to the empty line.
func readStrictLines(br *bufio.Reader, first string) (_ string, fields []string, wrong string) {
	for {
		line, wrong := readLine(br)
		switch {
		case wrong != "":
			return first, fields, wrong
		case line == "":
			return first, fields, ""
		case !strings.Contains(line, ":") || strings.ContainsAny(line[:1], " \t:"):
			return first, fields, fmt.Sprintf("bad header line %q", line)
		}
		fields = append(fields, line)
	}
}

// readLine reads a line that ends with CRLF and has no other control
// characters that could make two of it.
func readLine(br *bufio.Reader) (line, wrong string) {
	line, err := br.ReadString('\n')
	if err != nil {
		if line != "" {
			return "", "cut head"
		}
		return "", "nothing"
	}
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok || strings.ContainsAny(text, "\r\n\x00") {
		return "", fmt.Sprintf("bad line %q", line)
	}
	return text, ""
}
