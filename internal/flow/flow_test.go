package flow

import (
	"net"
	"testing"

	"tandem/internal/flow/flowtest"
)

// transports runs a test over every kind of transport.
func transports(t *testing.T, test func(t *testing.T, client net.Conn, c *Conn)) {
	flowtest.Transports(t, func(t *testing.T, client, server net.Conn) {
		c := NewConn(server)
		defer c.Release()
		test(t, client, c)
	})
}
