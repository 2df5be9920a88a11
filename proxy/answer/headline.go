package answer

import "bytes"

// HeadComplete reports whether b, which begins with a line of the head, holds
// the empty line that ends it.
func HeadComplete(b []byte) bool {
	for {
		switch {
		case len(b) == 0:
			return false
		case b[0] == '\n', len(b) > 1 && b[0] == '\r' && b[1] == '\n':
			return true
		}
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return false
		}
		b = b[i+1:]
	}
}

// TrimCR returns a line without the CR at its end, if it has one.
func TrimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

// ParseStatusLine reads HTTP/1.1 200 OK and returns the version, 11.
func (h *Head) ParseStatusLine(line []byte) (version int, ok bool) {
	if len(line) < len("HTTP/1.1 200") || string(line[:5]) != "HTTP/" {
		return 0, false
	}
	rest := line[5:]
	major, rest, ok := cutNumber(rest, '.')
	if !ok || major < 1 {
		return 0, false
	}
	minor, rest, ok := cutNumber(rest, ' ')
	if !ok {
		return 0, false
	}
	for len(rest) > 0 && rest[0] == ' ' {
		rest = rest[1:]
	}
	if len(rest) < 3 || len(rest) > 3 && rest[3] != ' ' && rest[3] != '.' {
		return 0, false
	}
	status := 0
	for _, d := range rest[:3] {
		if d < '0' || d > '9' {
			return 0, false
		}
		status = status*10 + int(d-'0')
	}
	if status < 100 || bytes.IndexByte(rest, '\r') >= 0 || bytes.IndexByte(rest, 0) >= 0 {
		return 0, false
	}
	h.Status, h.StatusLine = status, rest
	return min(major*10+minor, 99), true
}

// cutNumber reads one to three digits before a separator.
func cutNumber(b []byte, sep byte) (n int, rest []byte, ok bool) {
	for i, d := range b {
		if d == sep && i > 0 {
			return n, b[i+1:], true
		}
		if d < '0' || d > '9' || i == 3 {
			break
		}
		n = n*10 + int(d-'0')
	}
	return 0, nil, false
}

// InvalidField is the error of a line that is no header.
func InvalidField(line []byte) *BadField {
	return &BadField{"upstream sent invalid header: \"" + Quote(line) + "\""}
}

// Quote makes bytes of a back end safe for the log.
func Quote(b []byte) string {
	const limit, hex = 256, "0123456789abcdef"
	var out []byte
	for i, ch := range b {
		if i == limit {
			return string(append(out, "..."...))
		}
		if ch < ' ' || ch == 0x7f {
			out = append(out, '\\', 'x', hex[ch>>4], hex[ch&15])
			continue
		}
		out = append(out, ch)
	}
	return string(out)
}
