package exchange

import (
	nc "tandem/nginxconf"
	"tandem/proxy/answer"
)

// Family is what tells the directives of one protocol from those of another.
type Family struct {
	Prefix string // of the directives: "proxy"
	// NextUpstream are the conditions that *_next_upstream knows.
	NextUpstream []nc.Name
	Answers      answer.Defaults
}

// SendLowat is *_send_lowat, which some protocols have.
func (f *Family) SendLowat() nc.Command {
	// Linux has no SO_SNDLOWAT: nothing to act on.
	return nc.Command{Name: f.Prefix + "_send_lowat", In: nc.HTTP | nc.Server | nc.Location, Arity: nc.Take1}
}
