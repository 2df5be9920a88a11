package check

import (
	"context"
	"errors"

	"tandem/proxy/checker"
	"tandem/proxy/exchange"
	"tandem/proxy/upstream"
)

// run checks the peers that the upstream has until ctx ends.
func (c *healthCheck) run(ctx context.Context) {
	if c.keep != nil {
		defer c.keep.Close()
	}
	c.Run(ctx)
}

// ask returns what is wrong with a peer, nil for nothing.
func (c *healthCheck) ask(ctx context.Context, at upstream.Addr) *checker.Failure {
	uri := c.uri
	if c.grpc != nil {
		uri = healthMethod
	}
	r, err := c.location.OwnRequest(uri, "tandem-health-check")
	if err != nil {
		return &checker.Failure{Action: "making the request", Reason: err.Error()}
	}
	defer r.End()
	q := exchange.Question{Passer: c.passer, Peer: at, Pool: c.keep, Connect: c.connect}
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
		return (*checker.Failure)(failure)
	case err != nil:
		return &checker.Failure{Action: "waiting for the whole response", Reason: "upstream timed out"}
	case c.connect:
		return nil
	case c.grpc != nil:
		return c.grpc.judge(&x.Head, body)
	}
	return c.match.judge(r, &x.Head, body)
}
