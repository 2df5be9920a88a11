package web

import (
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web/message"
)

// readEarlyHints reads early_hints string ...: interim responses of back ends
// reach clients if one of the strings is neither empty nor "0".
func readEarlyHints(s *nc.Scope, d *nc.Directive) error {
	b := BlockOf(s)
	v := &b.Location.Core.EarlyHints
	if v.Set {
		return nc.ErrDuplicate
	}
	v.Set = true
	for _, arg := range d.Args {
		t, err := b.HTTP.Template(d, arg)
		if err != nil {
			return err
		}
		v.V = append(v.V, t)
	}
	return nil
}

// SendEarlyHints sends an interim response with status 103 (RFC 8297) before
// the response itself, where early_hints allows it.
func (r *Request) SendEarlyHints(fields []ResponseField) error {
	if !r.IsMain() || r.HeaderSent || r.Head.Version < message.HTTP11 || len(fields) == 0 || !session.AnyTrue(&r.Session, r.Core.EarlyHints.V) {
		return nil
	}
	return r.carrier.SendInterim(103, fields)
}
