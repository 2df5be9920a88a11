// Package http1 speaks HTTP/1 with clients (RFC 9112): one request after another
// on a connection. What it looks like on the wire is known to package wire.
package http1

import "tandem/web"

// Module is the protocol that is spoken when nothing says otherwise.
var Module = &web.Module{Name: "http1", Protocol: &web.Protocol{
	ALPN: []string{"http/1.1", "http/1.0", "http/0.9"},
	Open: open,
}}
