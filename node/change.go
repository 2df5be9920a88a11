package node

import "tandem/node/configuration"

// part is something that a configuration changes. It does what may fail, and
// leaves everything as it is until the change is committed.
type part func(*configuration.Configuration) (change, error)

// change waits for one of its functions to be called; nil ones do nothing.
type change struct {
	commit  func() // cannot fail
	discard func() // gives up what was prepared
}

// changes are those of several parts.
type changes []change

// prepare prepares the parts in their order. If one of them cannot have what the
// configuration says, nothing has changed, and the error says what.
func prepare(c *configuration.Configuration, parts ...part) (changes, error) {
	var ready changes
	for _, p := range parts {
		one, err := p(c)
		if err != nil {
			ready.discard()
			return nil, err
		}
		ready = append(ready, one)
	}
	return ready, nil
}

// commit puts the changes into force, in their order.
func (c changes) commit() {
	for _, one := range c {
		if one.commit != nil {
			one.commit()
		}
	}
}

// discard gives the changes up, the last one first.
func (c changes) discard() {
	for i := len(c) - 1; i >= 0; i-- {
		if c[i].discard != nil {
			c[i].discard()
		}
	}
}
