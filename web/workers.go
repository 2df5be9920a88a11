package web

import "tandem/internal/workers"

// connectionWorkers serve connections that have come, or that go on after a while.
var connectionWorkers = workers.New[*Conn]()

// Run serves a connection that has come, or goes on with it after Wake, until it
// ends or has nothing to do.
func (c *Conn) Run() {
	defer c.contained()
	c.serve()
}
