package proxy

import (
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/relay"
	"tandem/proxy/upstream"
	"tandem/stream"
)

// relay has bytes carried both ways until there are no more.
func (x *call) relay() stream.Code {
	x.Doing("proxying connection")
	if err := x.sendFirst(); err != nil {
		x.Failf(errorlog.Info, "send() failed (%s)", errorlog.Reason(err))
		x.close(upstream.Worked)
		return stream.StatusOK
	}
	c := x.c
	o := relay.Options{Timeout: c.timeout.V, HalfClose: c.halfClose.V, Upload: x.rate(c.upload.V), Download: x.rate(c.download.V), Buffer: int(c.buffer.V)}
	resume := x.Leave(x.relayed)
	peer := relay.Side{Conn: x.conn, FD: x.fd, Received: &x.received, Sent: &x.sent}
	x.fd = -1 // it is the Relay's
	r, err := relay.Start(o, x.Side(), peer, x.receivedFirst, func(how relay.End) {
		x.how = how
		// Before the client can know, who may come again at once.
		x.free(upstream.Worked)
		x.Gone()
		resume()
	})
	if err != nil {
		x.close(upstream.Worked)
		return stream.StatusInternal
	}
	x.Carry(r)
	return stream.Pending
}

// relayed tells how it ended.
func (x *call) relayed() stream.Code {
	switch x.how {
	case relay.TimedOut:
		x.Failf(errorlog.Info, "connection timed out (110: Connection timed out)")
	case relay.ClientEnded:
		x.Notef(errorlog.Info, "client disconnected%s", x.appendBytes(nil))
	case relay.PeerEnded:
		x.Notef(errorlog.Info, "upstream disconnected%s", x.appendBytes(nil))
	case relay.Closed:
		x.Notef(errorlog.Info, "disconnected on shutdown")
	}
	x.close(upstream.Worked)
	return stream.StatusOK
}

// sendFirst sends the peer its PROXY header.
func (x *call) sendFirst() error {
	if x.c.proxyProtocol.V == 0 || x.proxied {
		return nil
	}
	_ = x.conn.SetWriteDeadline(time.Now().Add(x.c.timeout.V))
	_, err := x.conn.Write(x.appendProxyHeader(nil))
	_ = x.conn.SetWriteDeadline(time.Time{})
	return err
}

// receivedFirst notes that the peer has sent something.
func (x *call) receivedFirst() {
	now := time.Now()
	x.state().first = now.Sub(x.tried)
	x.selection.HeaderReceived(now)
}
