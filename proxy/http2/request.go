// Package http2 is HTTP/2 with back ends as proxy_http_version 2 and grpc_pass have
// it in common: the fields of a request, and what a response is made of. How
// connections and streams come about is package exchange's business.
package http2

import (
	"errors"

	"tandem/proxy/exchange"
	"tandem/proxy/header"
	"tandem/web"
	"tandem/web/message"
)

// ErrInvalid is the error of a request whose fields would hold what HTTP/2 does
// not allow (RFC 9113 section 8.2.1).
var ErrInvalid = errors.New("request to upstream would contain a line break or a NUL in a header")

var (
	fieldMethod    = []byte(":method")
	fieldScheme    = []byte(":scheme")
	fieldPath      = []byte(":path")
	fieldAuthority = []byte(":authority")
	schemeHTTP     = []byte("http")
	schemeHTTPS    = []byte("https")
)

// AppendTarget appends the fields that say what is asked for. Without a host there
// is no :authority.
func AppendTarget(dst []byte, tls bool, method, path, host []byte) ([]byte, error) {
	scheme := schemeHTTP
	if tls {
		scheme = schemeHTTPS
	}
	if header.Splits(method) || header.Splits(path) || header.Splits(host) {
		return dst, ErrInvalid
	}
	dst = exchange.AppendField(dst, fieldMethod, method)
	dst = exchange.AppendField(dst, fieldScheme, scheme)
	dst = exchange.AppendField(dst, fieldPath, path)
	if len(host) > 0 {
		dst = exchange.AppendField(dst, fieldAuthority, host)
	}
	return dst, nil
}

// AppendHeaders appends the fields that the configuration gives, and, if pass is
// set, those of the client that are passed on.
func AppendHeaders(dst []byte, r *web.Request, t *header.Table, pass bool) ([]byte, error) {
	for i := range t.Set {
		one := &t.Set[i]
		if connectionSpecific(one.Name) {
			continue
		}
		value := one.Value.Append(&r.Session, r.Scratch())
		bad := header.Splits(value)
		if len(value) > 0 {
			dst = exchange.AppendField(dst, []byte(one.Name), value)
		}
		r.Unscratch(value)
		if bad {
			return dst, ErrInvalid
		}
	}
	if !pass {
		return dst, nil
	}
	for i := range r.Head.Fields {
		if f := &r.Head.Fields[i]; !t.Drops(f) {
			dst = exchange.AppendField(dst, f.Name, f.Value)
		}
	}
	return dst, nil
}

// connectionSpecific reports whether a field has no place in HTTP/2 (RFC 9113
// section 8.2.2), whatever a configuration that was made for HTTP/1 says.
func connectionSpecific(name string) bool {
	for _, one := range []string{"connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"} {
		if message.EqualLower([]byte(name), one) {
			return true
		}
	}
	return false
}
