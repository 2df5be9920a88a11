package scenario_test

import (
	"context"
	"testing"
	"time"

	"tandem/internal/lab"
	"tandem/internal/scenario"
	"tandem/internal/story"
)

// stage has a pair play a story between network namespaces.
type stage struct {
	pair    *scenario.Pair
	nodes   map[string]*scenario.Node
	restore map[string]func() error // ends that a node's web side is silent
}

// Do implements story.Stage.
func (s *stage) Do(ctx context.Context, what, node string) (err error) {
	n := s.nodes[node]
	switch what {
	case "start":
		err = n.Start()
	case "stop":
		err = n.Stop(ctx)
	case "kill":
		err = n.Kill(ctx)
	case "break":
		s.restore[node], err = n.Host.SwallowPort(80)
	case "mend":
		err = s.restore[node]()
	case "cut":
		err = s.pair.Switch.Split([]*lab.Port{n.Port})
	case "join":
		err = s.pair.Switch.Heal()
	}
	return err
}

// Serves implements story.Stage.
func (s *stage) Serves(ctx context.Context, node string) error {
	return s.pair.Await(ctx, s.nodes[node])
}

// Holds implements story.Stage.
func (s *stage) Holds(ctx context.Context, node string) error {
	return s.nodes[node].Holding.Wait(ctx, true)
}

// TestStory plays for real what node/failover plays in memory.
func TestStory(t *testing.T) {
	p := newPair(t, [2]scenario.Program{tandem(), tandem()}, seed)
	s := &stage{pair: p, nodes: map[string]*scenario.Node{"one": p.Nodes[0], "two": p.Nodes[1]}, restore: map[string]func() error{}}
	// The machine may be busy, and the client goes on asking a little while.
	check(t, story.Play(t.Context(), story.Seed, s, 15*time.Second))
}
