package web

import "slices"

// Protocol is a version of HTTP that the server speaks. A module brings it. Where
// a client leaves the choice, the modules' order is the order of preference.
type Protocol struct {
	// ALPN are its names in TLS's negotiation (RFC 7301), the best first.
	ALPN []string
	// Preface is what a client sends first that speaks it without TLS and
	// without asking. Exactly one protocol has none: the one that is spoken when
	// nothing says otherwise.
	Preface string
	// Enabled reports whether a server speaks it. nil: all do.
	Enabled func(*Server) bool
	// Open begins to speak it on a connection whose first bytes have come.
	Open func(*Conn) Dialogue
}

// Dialogue is a protocol at work on one connection.
type Dialogue interface {
	// Serve answers requests until the connection is to end, and returns true.
	// It returns false when there is nothing to do for the moment, after Conn.Park
	// for instance: Conn.Wake then has it called again, on another goroutine.
	Serve() (ended bool)
	// Interrupt, called from any goroutine, tells that no further request is
	// wanted: those that have begun are still answered. It must not wait.
	Interrupt()
	// Close, called from any goroutine, tells that the connection has been cut.
	// It must not wait.
	Close()
}

func (p *Protocol) enabled(srv *Server) bool { return p.Enabled == nil || p.Enabled(srv) }

// ALPN returns the names of the protocols that the server speaks over TLS, in the
// order of its preference.
func (srv *Server) ALPN() []string {
	var names []string
	for _, m := range srv.HTTP.modules {
		if p := m.Protocol; p != nil && p.enabled(srv) {
			names = append(names, p.ALPN...)
		}
	}
	return names
}

// findProtocol returns what the client speaks on a connection whose first bytes are
// there: what TLS has negotiated, or what these bytes say. The error is that of
// waiting for more of them.
func (c *Conn) findProtocol() (*Protocol, error) {
	var usual *Protocol
	for _, m := range c.servers.Default.HTTP.modules {
		p := m.Protocol
		switch {
		case p == nil:
		case p.Preface == "":
			usual = p
		case c.secured != nil:
			if slices.Contains(p.ALPN, c.secured.State.NegotiatedProtocol) {
				return p, nil
			}
		case p.enabled(c.servers.Default):
			if begins, err := c.beginsWith(p.Preface); begins || err != nil {
				return p, err
			}
		}
	}
	return usual, nil
}

// beginsWith reports whether the client begins with the preface. It waits until
// that is certain.
func (c *Conn) beginsWith(preface string) (bool, error) {
	for {
		got := c.Flow.Buffered()
		n := min(len(got), len(preface))
		switch {
		case string(got[:n]) != preface[:n]:
			return false, nil
		case n == len(preface):
			return true, nil
		}
		if err := c.Flow.Fill(0, c.servers.Default.Core.Limits.HeaderTimeout); err != nil {
			return false, err
		}
	}
}
