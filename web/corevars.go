package web

import (
	"bytes"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"tandem/session"
	"tandem/web/message"
)

func text(f func(r *Request) []byte) Getter {
	return func(r *Request, dst []byte) ([]byte, bool) {
		v := f(r)
		return append(dst, v...), v != nil
	}
}

func number(f func(r *Request) int64) Getter {
	return func(r *Request, dst []byte) ([]byte, bool) { return strconv.AppendInt(dst, f(r), 10), true }
}

// The variables of the core module.
var coreVariables = []Variable{
	{Name: "uri", Get: text(func(r *Request) []byte { return r.Path })},
	{Name: "document_uri", Get: text(func(r *Request) []byte { return r.Path })},
	{Name: "request_uri", Get: text(func(r *Request) []byte { return r.RawURI })},
	{Name: "args", Get: text(func(r *Request) []byte { return r.Args }), Set: func(r *Request, v []byte) { r.Args, r.RawPathValid = nonNil(v), false }, Changeable: true},
	{Name: "query_string", Get: text(func(r *Request) []byte { return r.Args })},
	{Name: "is_args", Get: func(r *Request, dst []byte) ([]byte, bool) {
		if len(r.Args) > 0 {
			dst = append(dst, '?')
		}
		return dst, true
	}},
	{Name: "arg_", Family: argVariable},
	{Name: "cookie_", Family: cookieVariable},
	{Name: "http_", Family: requestHeaderVariable},
	{Name: "sent_http_", Family: sentHeaderVariable},
	{Name: "sent_trailer_", Family: sentTrailerVariable},

	{Name: "request", Get: text(func(r *Request) []byte { return nonNil(r.Head.Line) })},
	{Name: "request_method", Get: text(func(r *Request) []byte { return r.Main.MethodName })},
	{Name: "request_filename", Get: func(r *Request, dst []byte) ([]byte, bool) { return r.MapPath(dst) }},
	{Name: "request_length", Get: number(func(r *Request) int64 { return r.RequestLength() })},
	{Name: "request_time", Get: func(r *Request, dst []byte) ([]byte, bool) {
		return session.AppendSeconds(dst, time.Since(r.Start)), true
	}},
	{Name: "request_completion", Get: func(r *Request, dst []byte) ([]byte, bool) {
		if r.Main.done && !r.Main.broken {
			dst = append(dst, "OK"...)
		}
		return dst, true
	}},
	{Name: "request_body", Get: requestBodyVariable},
	{Name: "request_body_file", Get: func(r *Request, dst []byte) ([]byte, bool) {
		return append(dst, r.Main.Body.name...), r.Main.Body.name != ""
	}},
	{Name: "request_id", Get: requestIDVariable, Cached: true},
	{Name: "request_port", Get: func(r *Request, dst []byte) ([]byte, bool) {
		if port := r.Head.ServerPort; port != 0 {
			dst = strconv.AppendInt(dst, int64(port), 10)
		}
		return dst, true
	}},
	{Name: "is_request_port", Get: func(r *Request, dst []byte) ([]byte, bool) {
		if r.Head.ServerPort != 0 {
			dst = append(dst, ':')
		}
		return dst, true
	}},

	{Name: "host", Get: hostVariable},
	{Name: "content_length", Get: contentLengthVariable},
	{Name: "content_type", Get: requestHeaderVariable("content_type")},
	{Name: "remote_user", Get: func(r *Request, dst []byte) ([]byte, bool) {
		user, _, ok := r.BasicCredentials()
		return append(dst, user...), ok
	}, Cached: true},
	{Name: "server_name", Get: func(r *Request, dst []byte) ([]byte, bool) { return append(dst, r.Server.Name()...), true }},
	{Name: "server_protocol", Get: text(func(r *Request) []byte { return r.Head.Protocol })},
	{Name: "scheme", Get: func(r *Request, dst []byte) ([]byte, bool) { return append(dst, r.Scheme()...), true }},
	{Name: "https", Get: func(r *Request, dst []byte) ([]byte, bool) {
		if r.Scheme() == "https" {
			dst = append(dst, "on"...)
		}
		return dst, true
	}},
	{Name: "http2", Get: func(r *Request, dst []byte) ([]byte, bool) {
		switch {
		case r.Version() != message.HTTP2:
		case r.Scheme() == "https":
			dst = append(dst, "h2"...)
		default:
			dst = append(dst, "h2c"...)
		}
		return dst, true
	}},
	{Name: "http3", Get: func(r *Request, dst []byte) ([]byte, bool) {
		if r.Version() == message.HTTP3 {
			dst = append(dst, "h3"...)
		}
		return dst, true
	}},
	{Name: "document_root", Get: func(r *Request, dst []byte) ([]byte, bool) { return r.AppendRoot(dst), true }},
	{Name: "realpath_root", Get: realpathVariable},

	{Name: "status", Get: func(r *Request, dst []byte) ([]byte, bool) { return AppendStatus(dst, r.FinalStatus()), true }},
	{Name: "body_bytes_sent", Get: number(func(r *Request) int64 { return r.BodyBytesSent() })},
	{Name: "bytes_sent", Get: number(func(r *Request) int64 { return r.BytesSent() })},
	{Name: "connection_requests", Get: number(func(r *Request) int64 { return int64(r.Main.ordinal) })},
	{Name: "connection_time", Get: func(r *Request, dst []byte) ([]byte, bool) {
		return session.AppendSeconds(dst, time.Since(r.Client().Start)), true
	}},
	{Name: "pipe", Get: func(r *Request, dst []byte) ([]byte, bool) {
		if r.Main.Pipelined {
			return append(dst, 'p'), true
		}
		return append(dst, '.'), true
	}},
	{Name: "tcpinfo_rtt", Get: tcpInfoVariable(func(i *unix.TCPInfo) uint32 { return i.Rtt })},
	{Name: "tcpinfo_rttvar", Get: tcpInfoVariable(func(i *unix.TCPInfo) uint32 { return i.Rttvar })},
	{Name: "tcpinfo_snd_cwnd", Get: tcpInfoVariable(func(i *unix.TCPInfo) uint32 { return i.Snd_cwnd })},
	{Name: "tcpinfo_rcv_space", Get: tcpInfoVariable(func(i *unix.TCPInfo) uint32 { return i.Rcv_space })},
	{Name: "limit_rate", Get: limitRateVariable, Set: setLimitRate, Changeable: true},
}

var empty = []byte{}

// nonNil makes a value that is empty one that is nevertheless there.
func nonNil(b []byte) []byte {
	if b == nil {
		return empty
	}
	return b
}

func appendThree(dst []byte, n int64) []byte {
	return append(dst, byte('0'+n/100), byte('0'+n/10%10), byte('0'+n%10))
}

// AppendStatus appends a status as three digits.
func AppendStatus(dst []byte, status int) []byte { return appendThree(dst, int64(status%1000)) }

// FinalStatus returns the status that the log shows: what was answered, or
// what would have been.
func (r *Request) FinalStatus() int {
	switch {
	case r.ErrStatus != 0:
		return int(r.ErrStatus)
	case r.Response.Status != 0:
		return r.Response.Status
	case r.Version() == message.HTTP09:
		return 9
	}
	return 0
}

// BytesSent returns the bytes sent to the client since the request began: its
// response and what came before it, such as 100 Continue.
func (r *Request) BytesSent() int64 { return r.carrier.Sent() }

// BodyBytesSent returns BytesSent without the head of the response. As in nginx
// the framing of chunks counts, and so do interim responses.
func (r *Request) BodyBytesSent() int64 { return max(r.BytesSent()-r.Main.HeadBytes, 0) }

// RequestLength returns the bytes of the head, and of the body as far as it has
// been read, with its framing.
func (r *Request) RequestLength() int64 { return int64(r.Head.Size) + r.carrier.BodyTaken() }

// Scheme returns "http" or "https".
func (r *Request) Scheme() string {
	if r.TLS() != nil {
		return "https"
	}
	return "http"
}

func (r *Request) defaultPort() uint16 {
	if r.Scheme() == "https" {
		return 443
	}
	return 80
}

func hostVariable(r *Request, dst []byte) ([]byte, bool) {
	if len(r.Host) > 0 {
		return append(dst, r.Host...), true
	}
	return append(dst, r.Server.Name()...), true
}

func contentLengthVariable(r *Request, dst []byte) ([]byte, bool) {
	if v := r.Header(message.ContentLength); v != nil {
		return append(dst, v...), true
	}
	if r.Main.Body.Read && r.Main.HasBody() {
		return strconv.AppendInt(dst, r.Main.Body.Len, 10), true
	}
	return dst, false
}

func requestBodyVariable(r *Request, dst []byte) ([]byte, bool) {
	b := &r.Main.Body
	if !b.Read || b.File != nil || b.Data == nil {
		return dst, false
	}
	return append(dst, b.Data...), true
}

func argVariable(name string) Getter {
	return func(r *Request, dst []byte) ([]byte, bool) {
		v, ok := r.Arg(name)
		return append(dst, v...), ok
	}
}

// Arg returns the first argument of that name, undecoded; case does not
// matter.
func (r *Request) Arg(name string) ([]byte, bool) {
	rest := r.Args
	if name == "" {
		return nil, false
	}
	for len(rest) > 0 {
		pair := rest
		if i := bytes.IndexByte(rest, '&'); i >= 0 {
			pair, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		if len(pair) > len(name) && pair[len(name)] == '=' && message.EqualFold(pair[:len(name)], name) {
			return pair[len(name)+1:], true
		}
	}
	return nil, false
}

func cookieVariable(name string) Getter {
	return func(r *Request, dst []byte) ([]byte, bool) {
		v, ok := r.Cookie(name)
		return append(dst, v...), ok
	}
}

// Cookie returns the value of a cookie; case does not matter.
func (r *Request) Cookie(name string) ([]byte, bool) {
	if name == "" {
		return nil, false
	}
	for i := range r.Head.Fields {
		if f := &r.Head.Fields[i]; f.ID == message.Cookie {
			if v, ok := cookieIn(f.Value, name); ok {
				return v, true
			}
		}
	}
	return nil, false
}

// cookieIn looks for a cookie in one header, with nginx's tolerance of
// spaces around "=".
func cookieIn(rest []byte, name string) ([]byte, bool) {
	for len(rest) > 0 {
		if len(rest) > len(name) && message.EqualFold(rest[:len(name)], name) {
			rest = trimLeftSpaces(rest[len(name):])
			if len(rest) > 0 && rest[0] == '=' {
				rest = trimLeftSpaces(rest[1:])
				if i := bytes.IndexByte(rest, ';'); i >= 0 {
					rest = rest[:i]
				}
				return rest, true
			}
		}
		i := bytes.IndexByte(rest, ';')
		if i < 0 {
			return nil, false
		}
		rest = trimLeftSpaces(rest[i+1:])
	}
	return nil, false
}

func trimLeftSpaces(b []byte) []byte {
	for len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	return b
}

// requestHeaderVariable is $http_NAME: all headers of that name, joined by
// commas, cookies by semicolons.
func requestHeaderVariable(name string) Getter {
	return func(r *Request, dst []byte) ([]byte, bool) {
		found := false
		for i := range r.Head.Fields {
			f := &r.Head.Fields[i]
			if !message.NameMatches(f.Name, name) {
				continue
			}
			if found {
				if name == "cookie" {
					dst = append(dst, "; "...)
				} else {
					dst = append(dst, ", "...)
				}
			}
			dst, found = append(dst, f.Value...), true
		}
		return dst, found
	}
}

// sentHeaderVariable is $sent_http_NAME.
func sentHeaderVariable(name string) Getter {
	return func(r *Request, dst []byte) ([]byte, bool) {
		p := &r.Response
		switch name {
		case "content_type":
			if len(p.ContentType) == 0 {
				return dst, false
			}
			dst = append(dst, p.ContentType...)
			if len(p.Charset) > 0 && r.HeaderSent {
				dst = append(append(dst, "; charset="...), p.Charset...)
			}
			return dst, true
		case "content_length":
			if p.ContentLength >= 0 {
				return strconv.AppendInt(dst, p.ContentLength, 10), true
			}
			return dst, false
		case "location":
			switch {
			case p.Location != nil && r.HeaderSent:
				return r.appendLocation(dst), true
			case p.Location != nil:
				return append(dst, p.Location...), true
			}
		case "last_modified":
			if p.LastModified != -1 {
				return message.AppendDate(dst, p.LastModified), true
			}
		}
		if adder, ok := r.carrier.(FieldAdder); ok {
			if value, ok := adder.AppendSent(dst, name); ok {
				return value, true
			}
		}
		return appendFields(dst, p.fields, name)
	}
}

func sentTrailerVariable(name string) Getter {
	return func(r *Request, dst []byte) ([]byte, bool) { return appendFields(dst, r.Response.trailers, name) }
}

func appendFields(dst []byte, fields []ResponseField, name string) ([]byte, bool) {
	found := false
	for i := range fields {
		if !message.NameMatches(fields[i].Name, name) {
			continue
		}
		if found {
			dst = append(dst, ", "...)
		}
		dst, found = append(dst, fields[i].Value...), true
	}
	return dst, found
}
