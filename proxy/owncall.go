package proxy

// ownCall is a request of the process's own, such as a health check: what the
// location says of requests holds for it, but for their method, URI and body.
type ownCall struct {
	call
	keep bool // the connection is used again
}

// AppendRequest appends the request.
func (c *ownCall) AppendRequest(dst []byte) ([]byte, error) {
	r, set := c.Request, c.settings
	c.URI = r.RawURI
	dst = append(append(dst, "GET "...), c.URI...)
	dst, err := c.appendHost(appendVersion(dst, set.version.V))
	if err != nil {
		return dst, err
	}
	c.length = -1
	if dst, err = c.appendSet(dst); err != nil {
		return dst, err
	}
	if !c.keep && !set.headers.Sets("connection") {
		dst = append(dst, "Connection: close\r\n"...)
	}
	return append(c.appendClientHeaders(dst), "\r\n"...), nil
}

// Release does nothing: such calls are too rare to be kept.
func (*ownCall) Release() {}
