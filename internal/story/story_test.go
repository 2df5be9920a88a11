package story_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tandem/internal/story"
)

// notes is a stage that notes what is asked of it.
type notes struct {
	said []string
	left time.Duration // until the time of the last expectation is over
	fail error
}

func (n *notes) Do(_ context.Context, what, node string) error {
	n.said = append(n.said, what+" "+node)
	return nil
}

func (n *notes) Serves(ctx context.Context, node string) error { return n.expect(ctx, "serves "+node) }
func (n *notes) Holds(ctx context.Context, node string) error  { return n.expect(ctx, "holds "+node) }

func (n *notes) expect(ctx context.Context, what string) error {
	n.said = append(n.said, what)
	end, _ := ctx.Deadline()
	n.left = time.Until(end)
	return n.fail
}

func TestPlay(t *testing.T) {
	n := &notes{}
	const script = "# a story\n\nstart a # now\nwithin 40s a holds\nkill a\nwithin 1m b serves\n"
	if err := story.Play(t.Context(), script, n, time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(n.said, ", "); got != "start a, holds a, kill a, serves b" {
		t.Errorf("played: %s", got)
	}
	if n.left < time.Hour || n.left > time.Hour+time.Minute {
		t.Errorf("%v for the last line", n.left)
	}
	n.fail = errors.New("not yet")
	if err := story.Play(t.Context(), script, n, 0); err == nil || err.Error() != "line 4, within 40s a holds: not yet" {
		t.Errorf("an expectation that fails: %v", err)
	}
	for _, wrong := range []string{"dance a", "start", "within a serves", "within soon a serves", "within 1s a sleeps"} {
		if err := story.Play(t.Context(), "\n"+wrong, &notes{}, 0); err == nil || !strings.HasPrefix(err.Error(), "line 2, "+wrong+": ") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
