package cgi

// Level is the place of a protocol's settings at one level of the
// configuration. Most levels of most configurations have no directive of the
// protocol: they share the settings of the level around them.
type Level[T any] struct {
	settings *T // nil: no directive stands at this level or around it
	complete bool
}

// Own returns the settings that the directives of the level itself write to.
func (l *Level[T]) Own() *T {
	if l.settings == nil {
		l.settings = new(T)
	}
	return l.settings
}

// Settings returns the settings that hold at the level, nil without any.
func (l *Level[T]) Settings() *T { return l.settings }

// Inherit makes the function that completes the settings of a level from those
// around it; inherit does so where there are some.
func Inherit[T any](inherit func(c, p *T) error) func(c, p *Level[T]) error {
	return func(c, p *Level[T]) error {
		if p.settings != nil && !p.complete {
			// The http level, which has no other around it.
			p.complete = true
			if err := inherit(p.settings, new(T)); err != nil {
				return err
			}
		}
		if c.settings == nil {
			*c = *p
			if s, ok := any(p.settings).(interface{ inForce() }); ok && p.settings != nil {
				s.inForce()
			}
			return nil
		}
		outer := p.settings
		if outer == nil {
			outer = new(T)
		}
		c.complete = true
		return inherit(c.settings, outer)
	}
}
