package exchange

import (
	"net"
	"os"
	"sync"
	"time"

	"tandem/proxy/upstream"
)

// firstStreams is how many requests wait for a connection that is being made: as
// many as h2 opens on one before the back end has said how many it takes.
const firstStreams = 100

// join is reuse that waits for a connection that somebody else is making. Without
// any the caller makes one: dial, if it is not nil, is what others wait for
// meanwhile.
func (x *Exchange) join(pool *upstream.Pool, addr upstream.Addr, tag any) (l link, dial *upstream.Dial, err error) {
	if x.streams == nil {
		return x.reuse(pool, addr, tag), nil, nil
	}
	var end time.Time
	for {
		if l = x.reuse(pool, addr, tag); l != nil {
			return l, nil, nil
		}
		d, own := pool.Dialing(addr, tag, firstStreams)
		if own {
			return nil, d, nil
		}
		if end.IsZero() {
			end = time.Now().Add(x.Settings.ConnectTimeout.V)
		}
		if err = x.await(d, time.Until(end)); err != nil {
			return nil, nil, err
		}
		if d.Failed() {
			return nil, nil, nil
		}
	}
}

// await waits until a connection has been made, for so long, or until the client has
// left.
func (x *Exchange) await(d *upstream.Dial, most time.Duration) error {
	l := leaving{gone: make(chan struct{})}
	x.setLive(&l)
	defer x.setLive(nil)
	if x.clientGone.Load() {
		return net.ErrClosed
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-d.Done():
		return nil
	case <-l.gone:
		return net.ErrClosed
	case <-x.context().Done():
		return net.ErrClosed
	case <-timer.C:
		return os.ErrDeadlineExceeded
	}
}

// leaving is what the client's leaving closes while there is no connection.
type leaving struct {
	once sync.Once
	gone chan struct{}
}

// Close implements io.Closer.
func (l *leaving) Close() error {
	l.once.Do(func() { close(l.gone) })
	return nil
}
