package proxy

import (
	"tandem/web"
	"tandem/web/message"
)

var variables = []web.Variable{
	{Name: "proxy_host", Changeable: true, Get: ofCall(func(c *call, dst []byte) ([]byte, bool) {
		return append(dst, c.target.host...), true
	})},
	{Name: "proxy_port", Changeable: true, Get: ofCall(func(c *call, dst []byte) ([]byte, bool) {
		return append(dst, c.target.port...), true
	})},
	{Name: "proxy_add_x_forwarded_for", Get: forwardedFor},
	{Name: "proxy_internal_body_length", Get: ofCall(func(c *call, dst []byte) ([]byte, bool) {
		if c.length < 0 {
			return dst, false
		}
		return appendInt(dst, c.length), true
	})},
	{Name: "proxy_internal_chunked", Get: ofCall(func(c *call, dst []byte) ([]byte, bool) {
		if !c.chunked {
			return dst, false
		}
		return append(dst, "chunked"...), true
	})},
}

// ofCall makes the getter of a variable that exists while a request is
// proxied.
func ofCall(get func(*call, []byte) ([]byte, bool)) web.Getter {
	return func(r *web.Request, dst []byte) ([]byte, bool) {
		c := callSlot.Of(r)
		if c == nil {
			return dst, false
		}
		return get(c, dst)
	}
}

// forwardedFor is the client's X-Forwarded-For with its address appended.
func forwardedFor(r *web.Request, dst []byte) ([]byte, bool) {
	for i := range r.Head.Fields {
		if f := &r.Head.Fields[i]; f.ID == message.XForwardedFor {
			dst = append(append(dst, f.Value...), ", "...)
		}
	}
	return append(dst, r.RemoteText()...), true
}
