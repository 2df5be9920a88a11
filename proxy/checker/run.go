package checker

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"tandem/internal/contain"
	"tandem/internal/errorlog"
	"tandem/proxy/upstream"
)

// Ask asks the peer at an address, and returns what is wrong with it, nil for
// nothing.
type Ask func(ctx context.Context, at upstream.Addr) *Failure

// Failure is why a peer is not well.
type Failure struct {
	Action string // what was being done, such as "connecting to upstream"
	Reason string
}

// Error is both, in nginx's words.
func (f *Failure) Error() string { return f.Reason + " while " + f.Action }

// Run checks the peers that the upstream has, each at its own pace, until ctx
// ends.
func (c *Checker) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	following := make(map[*upstream.Peer]context.CancelFunc)
	for {
		changed := c.Group.Changed()
		before := following
		following = make(map[*upstream.Peer]context.CancelFunc)
		for _, p := range c.Group.Peers() {
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
func (c *Checker) follow(ctx context.Context, p *upstream.Peer) {
	wait := time.Duration(0)
	for {
		if c.Jitter > 0 {
			wait += rand.N(c.Jitter)
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		c.once(ctx, p)
		wait = c.Interval
	}
}

// once checks a peer once.
func (c *Checker) once(ctx context.Context, p *upstream.Peer) {
	limited, cancel := context.WithTimeout(ctx, c.Limit)
	defer cancel()
	var failure *Failure
	if err := contain.Run("a health check", func() { failure = c.Ask(limited, c.address(p)) }); err != nil {
		failure = &Failure{Action: "checking it", Reason: err.Error()}
	}
	if ctx.Err() != nil {
		return
	}
	reason := ""
	if failure != nil {
		reason = failure.Error()
	}
	was, is := c.Group.Found(&c.Check, p, reason, time.Now())
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

// address is where a peer is asked.
func (c *Checker) address(p *upstream.Peer) upstream.Addr {
	if c.Port == 0 || p.Addr.Network != "tcp" {
		return p.Addr
	}
	return upstream.TCPAddr(netip.AddrPortFrom(p.Addr.IP.Addr(), c.Port))
}

func (c *Checker) log(level errorlog.Level, p *upstream.Peer, message string) {
	c.Log().Printf(level, "%s, health check \"%s\" of peer %s in upstream \"%s\"", message, c.Check.Name, p.Name, c.Upstream)
}
