// Package story plays the life of a pair of nodes from a script, on any stage that
// has them: in memory, or in network namespaces.
//
// A script has a line for each step, empty lines and comments (#):
//
//	start NODE                its operator starts it
//	stop NODE                 its operator stops it
//	kill NODE                 its process is killed
//	break NODE                its web side answers nobody any more
//	mend NODE                 it answers again
//	cut NODE                  the others are out of its reach
//	join NODE                 they are in its reach again
//	within TIME NODE serves   it comes to hold the address, alone, and to serve it
//	within TIME NODE holds    it comes to hold the address
package story

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Seed is the story that every pair has to live through.
//
//go:embed seed.story
var Seed string

// Stage has the nodes of a story.
type Stage interface {
	// Do does one thing to a node: start, stop, kill, break, mend, cut or join.
	Do(ctx context.Context, what, node string) error
	// Serves waits until the node holds the address, no other does, and a client
	// is served by it.
	Serves(ctx context.Context, node string) error
	// Holds waits until the node holds the address.
	Holds(ctx context.Context, node string) error
}

var deeds = []string{"start", "stop", "kill", "break", "mend", "cut", "join"}

// Play plays a script to its end, or until something does not happen in time. slack
// is added to each time that the script gives. The error names the line.
func Play(ctx context.Context, script string, on Stage, slack time.Duration) error {
	for n, line := range strings.Split(script, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := step(ctx, words, on, slack); err != nil {
			return fmt.Errorf("line %d, %s: %w", n+1, strings.TrimSpace(line), err)
		}
	}
	return nil
}

func step(ctx context.Context, words []string, on Stage, slack time.Duration) error {
	switch {
	case len(words) == 2 && slices.Contains(deeds, words[0]):
		return on.Do(ctx, words[0], words[1])
	case len(words) == 4 && words[0] == "within":
		limit, err := time.ParseDuration(words[1])
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, limit+slack)
		defer cancel()
		switch words[3] {
		case "serves":
			return on.Serves(ctx, words[2])
		case "holds":
			return on.Holds(ctx, words[2])
		}
	}
	return fmt.Errorf("it is no step of a story")
}
