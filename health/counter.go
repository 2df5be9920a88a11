package health

// Counter turns single results into a verdict that does not flap: Fall
// failures in a row make it bad, Rise successes in a row good again. It is
// pure; its owner says when something happened.
type Counter struct {
	Fall, Rise int // at least 1

	good bool
	run  int // results in a row that contradict the verdict
}

// Add counts one result and reports whether the verdict changed.
func (c *Counter) Add(ok bool) (changed bool) {
	if ok == c.good {
		c.run = 0
		return false
	}
	c.run++
	need := c.Rise
	if c.good {
		need = c.Fall
	}
	if c.run < need {
		return false
	}
	c.good, c.run = ok, 0
	return true
}

// Good returns the verdict; a new Counter is bad until Rise successes.
func (c *Counter) Good() bool { return c.good }
