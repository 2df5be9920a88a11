package exchange

import nc "tandem/nginxconf"

// Family is what tells the directives of one protocol from those of another.
type Family struct {
	Prefix string // of the directives: "proxy"
	// NextUpstream are the conditions that *_next_upstream knows.
	NextUpstream []nc.Name
	// Hidden are the response headers that clients do not get to see unless
	// *_pass_header names them, beside those that concern this server. They
	// are among those that something is done with.
	Hidden []string
	// OwnServer: a response that says nothing of Server or Date, while these
	// are passed on, goes to the client without.
	OwnServer bool
}

// SendLowat is *_send_lowat, which some protocols have.
func (f *Family) SendLowat() nc.Command {
	// Linux has no SO_SNDLOWAT: nothing to act on.
	return nc.Command{Name: f.Prefix + "_send_lowat", In: nc.HTTP | nc.Server | nc.Location, Arity: nc.Take1}
}
