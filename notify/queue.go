package notify

import (
	"fmt"
	"sync"
	"time"

	"tandem/internal/child"
	"tandem/internal/contain"
)

// scriptLimit is how long a script may keep the next one waiting.
const scriptLimit = time.Minute

// queue runs the scripts of one instance or group, in order and one at a time.
// A script that nothing waits for may go on for ever.
type queue struct {
	log func(text string)
	end <-chan struct{} // closed: nothing may go on
	// more says that something waits.
	more chan struct{}

	mu      sync.Mutex
	waiting []*child.Command
	busy    bool
	limit   time.Duration // for tests; 0: scriptLimit
}

// put adds a script. running counts queues that are busy.
func (q *queue) put(c *child.Command, running *sync.WaitGroup) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, c)
	select {
	case q.more <- struct{}{}:
	default:
	}
	if !q.busy {
		q.busy = true
		running.Go(q.serve)
	}
}

// serve runs what waits until nothing does.
func (q *queue) serve() {
	for {
		q.mu.Lock()
		if len(q.waiting) == 0 {
			q.busy = false
			q.mu.Unlock()
			return
		}
		c := q.waiting[0]
		q.waiting = q.waiting[1:]
		if len(q.waiting) == 0 {
			select {
			case <-q.more: // that was about c
			default:
			}
		}
		q.mu.Unlock()
		_ = contain.Run("a notify script's run", func() { q.run(c) })
	}
}

func (q *queue) run(c *child.Command) {
	select {
	case <-q.end:
		q.log(fmt.Sprintf("notify script %s: not run, because the process is ending", c))
		return
	default:
	}
	p, err := child.Start(c)
	if err != nil {
		q.log(fmt.Sprintf("notify script %s: %v", c, child.Result{Err: err}))
		return
	}
	limit := scriptLimit
	if q.limit > 0 {
		limit = q.limit
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	over, more := false, false
	for {
		select {
		case <-p.Done():
			if r := p.Result(); !r.OK() {
				q.log(fmt.Sprintf("notify script %s: %v", c, r))
			}
			return
		case <-late.C:
			over = true
		case <-q.more:
			more = true
		case <-q.end:
			q.log(fmt.Sprintf("notify script %s: terminated, because the process does not wait any longer", c))
			p.Terminate()
			return
		}
		if over && more {
			q.log(fmt.Sprintf("notify script %s: terminated, because it took more than %v and the next one is waiting", c, limit))
			p.Terminate()
			return
		}
	}
}
