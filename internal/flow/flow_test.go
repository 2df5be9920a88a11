package flow

import (
	"net"
	"testing"
	"time"

	"tandem/internal/flow/flowtest"
)

// transports runs a test over every kind of transport.
func transports(t *testing.T, test func(t *testing.T, client net.Conn, c *Conn)) {
	over := func(t *testing.T, client, server net.Conn) {
		c := NewConn(server)
		defer c.Release()
		test(t, client, c)
	}
	flowtest.Transports(t, over)
	t.Run("tls on an Underlay", func(t *testing.T) {
		client, server := flowtest.Pair(t)
		_ = client.SetDeadline(time.Now().Add(30 * time.Second))
		client, server = flowtest.TLS(t, client, NewUnderlay(server, nil))
		over(t, client, server)
	})
}
