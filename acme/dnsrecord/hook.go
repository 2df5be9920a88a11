package dnsrecord

import (
	"context"
	"fmt"
	"time"

	"tandem/internal/child"
)

// Hook has a program put records: it is called with "add" or "remove", the name of the
// record and its value behind its own arguments, and ends with 0 when that is done.
type Hook struct {
	Args   []string
	Limit  time.Duration // how long it may take; 0: a minute
	Settle time.Duration // how long the zone's servers may take
}

// Add implements acme.Records.
func (h *Hook) Add(ctx context.Context, name, value string) error {
	if err := h.run(ctx, "add", name, value); err != nil {
		return err
	}
	return settle(ctx, h.Settle)
}

// Remove implements acme.Records.
func (h *Hook) Remove(ctx context.Context, name, value string) error {
	return h.run(ctx, "remove", name, value)
}

func (h *Hook) run(ctx context.Context, words ...string) error {
	limit := h.Limit
	if limit == 0 {
		limit = time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	command := (&child.Command{Args: h.Args}).With(words...)
	p, err := child.Start(command)
	if err != nil {
		return fmt.Errorf("\"%s\" cannot be executed: %w", h.Args[0], err)
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Terminate()
		<-p.Done()
		return fmt.Errorf("\"%s %s\" has not ended: %w", h.Args[0], words[0], ctx.Err())
	}
	if r := p.Result(); !r.OK() {
		return fmt.Errorf("\"%s %s\": %v", h.Args[0], words[0], r)
	}
	return nil
}
