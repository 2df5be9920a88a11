package web

import (
	"errors"

	"tandem/internal/errorlog"
	"tandem/internal/proxyproto"
)

// readProxyHeader takes the PROXY header off the beginning of a connection, for
// "listen ... proxy_protocol". false: there is none, or it is broken.
func (c *Conn) readProxyHeader() bool {
	if c.gen.Own.has(c.peer) {
		// The process itself has nobody to speak for.
		return true
	}
	for {
		h, n, err := proxyproto.Parse(c.Flow.Buffered())
		switch {
		case err == nil:
			c.proxied = h
			c.Flow.Discard(n)
			return true
		case !errors.Is(err, proxyproto.ErrShort):
			c.Log().Write(errorlog.Error, c.number, []byte(err.Error()+" while reading PROXY protocol, client: "+c.peerText+", server: "+c.servers.addr.String()))
			return false
		}
		if err := c.Flow.Fill(0, c.servers.dflt.Core.Limits.HeaderTimeout); err != nil {
			return false
		}
	}
}

// ProxyHeader returns what the PROXY header of the connection said, nil if
// there was none that told an address.
func (r *Request) ProxyHeader() *proxyproto.Header { return r.client.proxied }

// proxyHeaderVariable is a variable that the PROXY header gives a value.
func proxyHeaderVariable(get func(h *proxyproto.Header, dst []byte) []byte) Getter {
	return func(r *Request, dst []byte) ([]byte, bool) {
		h := r.client.proxied
		if h == nil {
			return dst, false
		}
		return get(h, dst), true
	}
}

var proxyHeaderVariables = []Variable{
	{Name: "proxy_protocol_addr", Get: proxyHeaderVariable(func(h *proxyproto.Header, dst []byte) []byte { return append(dst, h.Source...) })},
	{Name: "proxy_protocol_port", Get: proxyHeaderVariable(func(h *proxyproto.Header, dst []byte) []byte { return AppendPort(dst, h.SourcePort) })},
	{Name: "proxy_protocol_server_addr", Get: proxyHeaderVariable(func(h *proxyproto.Header, dst []byte) []byte { return append(dst, h.Dest...) })},
	{Name: "proxy_protocol_server_port", Get: proxyHeaderVariable(func(h *proxyproto.Header, dst []byte) []byte { return AppendPort(dst, h.DestPort) })},
	{Name: "proxy_protocol_tlv_", Family: proxyTLVVariable},
}

// proxyTLVVariable is $proxy_protocol_tlv_NAME.
func proxyTLVVariable(name string) Getter {
	return func(r *Request, dst []byte) ([]byte, bool) {
		h := r.client.proxied
		if h == nil {
			return dst, false
		}
		value, err := h.TLV(dst, name)
		switch {
		case err == nil:
			return value, true
		case errors.Is(err, proxyproto.ErrNotFound):
		case errors.Is(err, proxyproto.ErrBroken):
			r.Logf(errLevelError, "%v", err)
		default:
			r.Logf(errLevelError, "%v \"%s\"", err, name)
		}
		return dst, false
	}
}
