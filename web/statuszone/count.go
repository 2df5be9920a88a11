package statuszone

import (
	"crypto/tls"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"tandem/session"
	"tandem/web"
)

// underWay is the tally in which a request counts as one that is being answered.
var underWay = session.NewRecord[tally]()

// of returns the tally that a request counts in.
func (u *use) of(r *web.Request) *tally {
	if u.key == nil {
		return u.zone.tally
	}
	scratch := u.key.Append(&r.Session, r.Scratch())
	t := u.zone.under(scratch)
	r.Unscratch(scratch)
	return t
}

// begin counts a request as one that is being answered.
func begin(r *web.Request) web.Code {
	if r.IsOwn() {
		return web.Declined // its end is not counted either
	}
	if u := serverSlot.Of(r.Server).zone; u.zone.name != "" && underWay.Of(&r.Session) == nil {
		t := u.of(r)
		t.processing.Add(1)
		underWay.Set(&r.Session, t)
	}
	return web.Declined
}

// count counts a request that has been answered.
func count(r *web.Request) web.Code {
	if !r.IsMain() {
		return web.Declined
	}
	took := time.Since(r.Start)
	status := 0
	if r.HeaderSent {
		status = r.Response.Status
	}
	received, sent, number := r.RequestLength(), r.BytesSent(), r.Client().Number
	t := underWay.Of(&r.Session)
	if t != nil {
		t.processing.Add(-1)
		underWay.Set(&r.Session, nil)
	} else {
		t = serverSlot.Of(r.Server).zone.of(r)
	}
	t.add(number, status, received, sent, took)
	if u := locationSlot.Of(r.Location).zone.V; u != nil {
		u.of(r).add(number, status, received, sent, took)
	}
	return web.Declined
}

// handshakes counts handshakes of TLS by how they ended.
type handshakes struct {
	done, reused, timedOut, failed atomic.Uint64
	versions                       [4]atomic.Uint64 // from TLS 1.0 on
}

func countHandshake(srv *web.Server, state *tls.ConnectionState, err error) {
	h := &serverSlot.Of(srv).zone.zone.tally.tls
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		h.timedOut.Add(1)
	case err != nil:
		h.failed.Add(1)
	default:
		h.done.Add(1)
		if state.DidResume {
			h.reused.Add(1)
		}
		if v := int(state.Version) - tls.VersionTLS10; v >= 0 && v < len(h.versions) {
			h.versions[v].Add(1)
		}
	}
}
