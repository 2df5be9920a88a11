package web

import (
	"fmt"
	"strings"

	nc "tandem/nginxconf"
)

// limitExcept is the limit_except block of a location: the settings for all
// methods that it does not name.
type limitExcept struct {
	allowed  Method
	location *Location
}

func readLimitExcept(s *nc.Scope, d *nc.Directive) error {
	b := BlockOf(s)
	c := b.Location.Core
	if c.limitExcept != nil {
		return nc.ErrDuplicate
	}
	le := &limitExcept{}
	for _, name := range d.Args {
		m, ok := Methods[strings.ToUpper(name)]
		if !ok || m == TRACE || m == CONNECT {
			return fmt.Errorf("invalid method %q", name)
		}
		le.allowed |= m
		if m == GET {
			le.allowed |= HEAD
		}
	}
	le.location = b.Location.Nest(d.Pos)
	le.location.IsLimitExcept = true
	c.limitExcept = le
	s.Block(d, nc.LimitExcept, &Block{HTTP: b.HTTP, Server: b.Server, Location: le.location})
	return nil
}

// applyLimitExcept switches to the settings of the location's limit_except
// block if the method is none of those it names.
func (r *Request) applyLimitExcept() {
	if le := r.Core.limitExcept; le != nil && r.Method&le.allowed == 0 {
		r.EnterIf(le.location)
	}
}
