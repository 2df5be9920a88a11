package web

import (
	"errors"

	"tandem/internal/errorlog"
	"tandem/internal/proxyproto"
)

// readProxyHeader takes the PROXY header off the beginning of a connection, for
// "listen ... proxy_protocol". false: there is none, or it is broken.
func (c *Conn) readProxyHeader() bool {
	if c.gen.Own.has(c.Peer) {
		// The process itself has nobody to speak for.
		return true
	}
	for {
		h, n, err := proxyproto.Parse(c.Flow.Buffered())
		switch {
		case err == nil:
			c.Proxied = h
			c.Flow.Discard(n)
			return true
		case !errors.Is(err, proxyproto.ErrShort):
			c.Log().Write(errorlog.Error, c.Number, []byte(err.Error()+" while reading PROXY protocol, client: "+c.PeerText+", server: "+c.servers.Addr.String()))
			return false
		}
		if err := c.Flow.Fill(0, c.servers.Default.Core.Limits.HeaderTimeout); err != nil {
			return false
		}
	}
}
