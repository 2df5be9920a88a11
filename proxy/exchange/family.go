package exchange

import (
	"slices"
	"strings"

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

// Only returns those of Commands that a protocol has which does not have all, by
// their names behind the prefix: "_bind".
func (f *Family) Only(get func(*nc.Scope) *Settings, names ...string) []nc.Command {
	return slices.DeleteFunc(f.Commands(get), func(c nc.Command) bool {
		return !slices.Contains(names, strings.TrimPrefix(c.Name, f.Prefix))
	})
}

// SendLowat is *_send_lowat, which some protocols have.
func (f *Family) SendLowat() nc.Command {
	// Linux has no SO_SNDLOWAT: no effect.
	return nc.Command{Name: f.Prefix + "_send_lowat", In: nc.HTTP | nc.Server | nc.Location, Arity: nc.Take1}
}
