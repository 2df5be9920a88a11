package web

// successor returns the port of the generation that has replaced the
// connection's own where it can go on; nil if there is none. A client's
// certificate was judged by the old configuration and is to be shown again; a
// client that the new one asks for a certificate is to get to hear of it.
func (c *Conn) successor() (*Generation, *Port) {
	if !c.gen.draining() {
		return nil, nil
	}
	next := c.gen.next
	if next == nil || c.secured != nil && (c.secured.plain || len(c.secured.State.PeerCertificates) > 0) {
		return nil, nil
	}
	for _, p := range next.HTTP.Ports {
		if p.Addr != c.port.Addr {
			continue
		}
		servers := p.At(c.Local)
		if servers.TLS != c.servers.TLS {
			continue
		}
		if s := c.secured; s != nil {
			if srv, _ := byServerName(servers, s.State.ServerName); srv.HTTP.TLS.Asks(&srv.Server) {
				continue
			}
		}
		return next, p
	}
	return nil, nil
}

// Movable reports whether the connection can go on with another generation.
func (c *Conn) Movable() bool {
	next, _ := c.successor()
	return next != nil
}

// Move takes the connection over to the generation that has replaced its own,
// so that a reload ends no connection; false if that cannot be. It is called
// when no request is open.
func (c *Conn) Move() bool {
	moved := false
	for {
		next, port := c.successor()
		if next == nil {
			return moved && !c.gen.draining()
		}
		next.members.Add(c)
		c.gen.members.Remove(c)
		c.gen, c.port, c.servers = next, port, port.At(c.Local)
		if s := c.secured; s != nil {
			s.server, s.name = byServerName(c.servers, s.State.ServerName)
			s.Move(&s.server.Server)
		}
		// Nobody of the old generation interrupts it any more. The new one may
		// have begun to: then it is looked at again.
		if c.Flow != nil {
			c.Flow.Resume()
		}
		moved = true
		if !next.draining() {
			return true
		}
	}
}
