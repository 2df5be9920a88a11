package session

import (
	"errors"
	"os"
	"strconv"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/proxyproto"
	"tandem/internal/version"
)

// Common are the variables that http and stream have in common: of the client's
// connection, the process and the time.
var Common = []Variable{
	{Name: "remote_addr", Get: func(s *Session, dst []byte) ([]byte, bool) { return append(dst, s.RemoteText()...), true }},
	{Name: "binary_remote_addr", Get: binaryRemoteAddr},
	{Name: "remote_port", Get: func(s *Session, dst []byte) ([]byte, bool) { return AppendPort(dst, s.RemoteAddr().Port()), true }},
	{Name: "server_addr", Get: func(s *Session, dst []byte) ([]byte, bool) { return s.AppendLocalAddr(dst), true }},
	{Name: "server_port", Get: func(s *Session, dst []byte) ([]byte, bool) { return AppendPort(dst, s.LocalPort()), true }},
	{Name: "connection", Get: func(s *Session, dst []byte) ([]byte, bool) {
		return strconv.AppendUint(dst, s.client.Number, 10), true
	}},

	{Name: "proxy_protocol_addr", Get: ofProxyHeader(func(h *proxyproto.Header, dst []byte) []byte { return append(dst, h.Source...) })},
	{Name: "proxy_protocol_port", Get: ofProxyHeader(func(h *proxyproto.Header, dst []byte) []byte { return AppendPort(dst, h.SourcePort) })},
	{Name: "proxy_protocol_server_addr", Get: ofProxyHeader(func(h *proxyproto.Header, dst []byte) []byte { return append(dst, h.Dest...) })},
	{Name: "proxy_protocol_server_port", Get: ofProxyHeader(func(h *proxyproto.Header, dst []byte) []byte { return AppendPort(dst, h.DestPort) })},
	{Name: "proxy_protocol_tlv_", Family: proxyTLV},

	{Name: "hostname", Get: func(_ *Session, dst []byte) ([]byte, bool) { return append(dst, hostname...), true }},
	{Name: "pid", Get: func(_ *Session, dst []byte) ([]byte, bool) {
		return strconv.AppendInt(dst, int64(os.Getpid()), 10), true
	}},
	{Name: "nginx_version", Get: func(_ *Session, dst []byte) ([]byte, bool) { return append(dst, version.Nginx...), true }},

	{Name: "msec", Get: func(_ *Session, dst []byte) ([]byte, bool) {
		return appendMillis(dst, time.Now().UnixMilli()), true
	}},
	{Name: "time_iso8601", Get: func(_ *Session, dst []byte) ([]byte, bool) { return timeISO8601.append(dst, time.Now()), true }},
	{Name: "time_local", Get: func(_ *Session, dst []byte) ([]byte, bool) { return timeLocal.append(dst, time.Now()), true }},
}

var hostname = func() string {
	name, _ := os.Hostname()
	return name
}()

func binaryRemoteAddr(s *Session, dst []byte) ([]byte, bool) {
	switch addr := s.RemoteAddr().Addr(); {
	case addr.Is4():
		b := addr.As4()
		return append(dst, b[:]...), true
	case addr.Is6():
		b := addr.As16()
		return append(dst, b[:]...), true
	}
	return append(dst, s.RemoteText()...), true
}

// ofProxyHeader is a variable that the PROXY header gives a value.
func ofProxyHeader(get func(h *proxyproto.Header, dst []byte) []byte) Getter {
	return func(s *Session, dst []byte) ([]byte, bool) {
		h := s.client.Proxied
		if h == nil {
			return dst, false
		}
		return get(h, dst), true
	}
}

// proxyTLV is $proxy_protocol_tlv_NAME.
func proxyTLV(name string) Getter {
	return func(s *Session, dst []byte) ([]byte, bool) {
		h := s.client.Proxied
		if h == nil {
			return dst, false
		}
		value, err := h.TLV(dst, name)
		switch {
		case err == nil:
			return value, true
		case errors.Is(err, proxyproto.ErrNotFound):
		case errors.Is(err, proxyproto.ErrBroken):
			s.Logf(errorlog.Error, "%v", err)
		default:
			s.Logf(errorlog.Error, "%v \"%s\"", err, name)
		}
		return dst, false
	}
}

// AppendPort appends a port, nothing for 0.
func AppendPort(dst []byte, port uint16) []byte {
	if port == 0 {
		return dst
	}
	return strconv.AppendUint(dst, uint64(port), 10)
}

// AppendSeconds appends a duration in seconds with milliseconds, 0.000; one that
// is negative counts as 0.
func AppendSeconds(dst []byte, d time.Duration) []byte {
	return appendMillis(dst, max(d.Milliseconds(), 0))
}

// appendMillis appends milliseconds as seconds.
func appendMillis(dst []byte, ms int64) []byte {
	dst = append(strconv.AppendInt(dst, ms/1000, 10), '.')
	return append(dst, byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10))
}
