package hostnames

// IsHostChar says whether c may stand between the brackets of an IP literal
// (RFC 3986 section 3.2.2, IPvFuture included).
func IsHostChar(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || isDigit(c) || c == ':' || isRegNameMark(c)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isRegNameMark says whether c is one of the marks of a reg-name: unreserved
// or sub-delims, without letters and digits.
func isRegNameMark(c byte) bool {
	switch c {
	case '-', '.', '_', '~', '!', '$', '&', '\'', '(', ')', '*', '+', ',', ';', '=':
		return true
	}
	return false
}

// ServerName reads the value of a Host field or an authority: the host to
// choose a server by, in lower case and without its trailing dot, and the port,
// 0 without one. A name with capitals is copied to the end of dst. ok is false
// for what is not a host: an empty one, two dots in a row, a bad port, a
// character that RFC 3986 does not allow.
func ServerName(dst, host []byte) (name []byte, port int, ok bool) {
	name, port, _, ok = AppendServerName(dst, host)
	return name, port, ok
}

// AppendServerName is ServerName that also returns dst with what was added.
func AppendServerName(dst, host []byte) (name []byte, port int, storage []byte, ok bool) {
	end := len(host)
	portAt := -1
	capital := false
	literal := len(host) > 0 && host[0] == '['
	i := 0
	if literal {
		i = 1
	}
	dot := -1 // place of the dot just before
scan:
	for ; i < len(host); i++ {
		c := host[i]
		switch {
		case 'A' <= c && c <= 'Z':
			capital = true
		case c == '.':
			if dot == i-1 && dot >= 0 {
				return nil, 0, dst, false
			}
			dot = i
		case literal && c == ']':
			end = i + 1
			if end < len(host) {
				if host[end] != ':' {
					return nil, 0, dst, false
				}
				portAt = end + 1
			}
			literal = false
			break scan
		case !literal && c == ':':
			end, portAt = i, i+1
			break scan
		case !literal && c == '%':
		case !IsHostChar(c):
			return nil, 0, dst, false
		}
	}
	if literal {
		return nil, 0, dst, false // "]" is missing
	}
	if portAt >= 0 {
		for _, c := range host[portAt:] {
			if !isDigit(c) {
				return nil, 0, dst, false
			}
			if port = port*10 + int(c-'0'); port > 65535 {
				return nil, 0, dst, false
			}
		}
	}
	if dot >= 0 && dot == end-1 {
		end--
	}
	if end == 0 {
		return nil, 0, dst, false
	}
	name = host[:end]
	if capital {
		from := len(dst)
		for _, c := range name {
			if 'A' <= c && c <= 'Z' {
				c |= 0x20
			}
			dst = append(dst, c)
		}
		name = dst[from:]
	}
	return name, port, dst, true
}
