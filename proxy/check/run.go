package check

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"tandem/internal/contain"
	"tandem/internal/errorlog"
	"tandem/proxy/exchange"
	"tandem/proxy/upstream"
)

// run checks the peers that the upstream has, each at its own pace, until ctx
// ends.
func (c *healthCheck) run(ctx context.Context) {
	if c.keep != nil {
		defer c.keep.Close()
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	following := make(map[*upstream.Peer]context.CancelFunc)
	for {
		changed := c.group.Changed()
		before := following
		following = make(map[*upstream.Peer]context.CancelFunc)
		for _, p := range c.group.Peers() {
			if p.IsDown() {
				continue
			}
			following[p] = before[p]
			if following[p] == nil {
				peerCtx, stop := context.WithCancel(ctx)
				following[p] = stop
				wg.Go(func() { c.follow(peerCtx, p) })
			}
			delete(before, p)
		}
		for _, stop := range before {
			stop()
		}
		select {
		case <-ctx.Done():
			for _, stop := range following {
				stop()
			}
			return
		case <-changed:
		}
	}
}

// follow checks one peer again and again.
func (c *healthCheck) follow(ctx context.Context, p *upstream.Peer) {
	wait := time.Duration(0)
	for {
		if c.jitter > 0 {
			wait += rand.N(c.jitter)
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		c.once(ctx, p)
		wait = c.interval
	}
}

// once checks a peer once.
func (c *healthCheck) once(ctx context.Context, p *upstream.Peer) {
	s := c.passer.Settings
	// Each step has its own limit; together they have one for back ends that
	// do a little at a time.
	limited, cancel := context.WithTimeout(ctx, s.ConnectTimeout.V+s.SendTimeout.V+s.ReadTimeout.V)
	defer cancel()
	var failure *exchange.Failure
	if err := contain.Run("a health check", func() { failure = c.ask(limited, p) }); err != nil {
		failure = &exchange.Failure{Action: "checking it", Reason: err.Error()}
	}
	if ctx.Err() != nil {
		return
	}
	reason := ""
	if failure != nil {
		reason = failure.Error()
	}
	was, is := c.group.Found(&c.check, p, reason, time.Now())
	if failure != nil {
		// A peer that is known to be unhealthy is no news.
		level := errorlog.Error
		if was == upstream.Unhealthy {
			level = errorlog.Info
		}
		c.log(level, p, reason)
	}
	switch {
	case was == is:
	case is == upstream.Unhealthy:
		c.log(errorlog.Error, p, "peer is unhealthy while "+failure.Action)
	default:
		c.log(errorlog.Notice, p, "peer is healthy")
	}
}

// ask returns what is wrong with a peer, nil for nothing.
func (c *healthCheck) ask(ctx context.Context, p *upstream.Peer) *exchange.Failure {
	uri := c.uri
	if c.grpc != nil {
		uri = healthMethod
	}
	r, err := c.location.OwnRequest(uri, "tandem-health-check")
	if err != nil {
		return &exchange.Failure{Action: "making the request", Reason: err.Error()}
	}
	defer r.End()
	q := exchange.Question{Passer: c.passer, Peer: c.address(p), Pool: c.keep, Connect: c.connect}
	if c.match.wantsBody() {
		q.Body = maxBody
	}
	if c.grpc != nil {
		q.Body, q.Send = maxBody, c.grpc.question()
	}
	x, body, err := q.Ask(ctx, r)
	var failure *exchange.Failure
	switch {
	case errors.As(err, &failure):
		return failure
	case err != nil:
		return &exchange.Failure{Action: "waiting for the whole response", Reason: "upstream timed out"}
	case c.connect:
		return nil
	case c.grpc != nil:
		return c.grpc.judge(&x.Head, body)
	}
	return c.match.judge(r, &x.Head, body)
}

// address is where a peer is asked.
func (c *healthCheck) address(p *upstream.Peer) upstream.Addr {
	if c.port == 0 || p.Addr.Network != "tcp" {
		return p.Addr
	}
	return upstream.TCPAddr(netip.AddrPortFrom(p.Addr.IP.Addr(), c.port))
}

func (c *healthCheck) log(level errorlog.Level, p *upstream.Peer, message string) {
	log := c.location.Core.ErrorLog.V
	if log == nil {
		log = c.location.Server.HTTP.Log
	}
	log.Printf(level, "%s, health check \"%s\" of peer %s in upstream \"%s\"", message, c.check.Name, p.Name, c.upstream)
}
