package session_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"tandem/session"
)

// What serves in the background ends with the retirement; the wait is over when the
// last member has gone, and one that does not go is aborted.
func TestGeneration(t *testing.T) {
	var g session.Generation[string]
	var told []string
	tell := func(m string) { told = append(told, m) }
	ended := make(chan struct{})
	g.Begin(func(ctx context.Context) { <-ctx.Done(); close(ended) })
	if !g.Add("a") || g.Retired() || g.Len() != 1 {
		t.Fatal("it is not in force")
	}
	if !g.Retire(func() { tell("first") }, tell) || g.Retire(func() { tell("again") }, tell) {
		t.Error("it is retired once")
	}
	<-ended
	if g.Add("late") || !g.Retired() || !slices.Equal(told, []string{"first", "a"}) {
		t.Errorf("told %v", told)
	}
	g.Remove("late")

	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Wait(over, func(m string) { tell("abort " + m); go g.Remove(m) }); !errors.Is(err, context.Canceled) || told[2] != "abort a" {
		t.Errorf("%v, told %v", err, told)
	}
	if err := g.Wait(t.Context(), tell); err != nil || g.Len() != 0 {
		t.Errorf("%v, %d members", err, g.Len())
	}
}
