// Package notify tells others what happens in VRRP, as keepalived does: by
// scripts (notify_master and its relatives) and through FIFOs.
//
// keepalived starts scripts and forgets them, so that those of quick changes
// overlap and may end in the wrong order. Here an instance's, and a group's, run
// in order and one at a time.
package notify

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"tandem/internal/child"
	"tandem/vrrp"
	"tandem/vrrp/fsm"
)

// Scripts are what is run when an instance or a group changes. Each may be nil.
type Scripts struct {
	Master, Backup, Fault, Stop, Deleted *child.Command // as they are
	LowerHeard                           *child.Command // notify_master_rx_lower_pri, as it is
	// Any gets INSTANCE or GROUP, the name, the state, and the priority.
	Any *child.Command
	// DeletedEvent: an instance that is no longer configured is told as DELETED,
	// else as FAULT.
	DeletedEvent bool
	// Priorities: changes of the priority are told, through the FIFOs.
	Priorities bool
}

// Config is whom to tell.
type Config struct {
	Instances, Groups map[string]Scripts
	FIFOs             []FIFO
	// StatesOnReload: after a reload every state is written to the FIFOs.
	StatesOnReload bool
	// Patience is how long the end of the process waits for scripts; 0: 5 s.
	Patience time.Duration
}

// Notifier tells. Its methods may be called by several goroutines.
type Notifier struct {
	log func(instance, text string)

	mu       sync.Mutex
	config   Config
	previous Config // for instances that a reload has removed
	fifos    map[string]*fifo
	queues   map[string]*queue
	states   map[string]line // the last, by INSTANCE or GROUP and name
	order    []string        // of states

	end     chan struct{} // closed when scripts may not go on
	running sync.WaitGroup
}

// line is what is told, as a FIFO gets it.
type line struct {
	kind, name, state string
	priority          int
}

func (l line) String() string {
	return fmt.Sprintf("%s \"%s\" %s %d\n", l.kind, l.name, l.state, l.priority)
}

// New makes a notifier that tells nobody yet. log is told about scripts and
// FIFOs that fail.
func New(log func(instance, text string)) *Notifier {
	return &Notifier{log: log, fifos: map[string]*fifo{}, queues: map[string]*queue{}, states: map[string]line{}, end: make(chan struct{})}
}

// Configure takes over whom to tell. It is called before VRRP takes over the
// rest of the same configuration: what was removed is still told to whom the
// configuration before says.
func (n *Notifier) Configure(c Config) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.previous, n.config = n.config, c
	wanted := map[string]bool{}
	for _, f := range c.FIFOs {
		wanted[f.key()] = true
	}
	for key, f := range n.fifos {
		if !wanted[key] {
			go f.close()
			delete(n.fifos, key)
		}
	}
	for _, f := range c.FIFOs {
		if n.fifos[f.key()] != nil {
			continue
		}
		opened, err := openFIFO(f, func(text string) { n.log("", text) })
		if err != nil {
			n.log("", fmt.Sprintf("notify FIFO %s: %v", f.Name, err))
			continue
		}
		n.fifos[f.key()] = opened
	}
}

// Reloaded writes every state to the FIFOs, if the configuration says so.
func (n *Notifier) Reloaded() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.config.StatesOnReload {
		return
	}
	for _, key := range n.order {
		n.write(n.states[key])
	}
}

// Event tells what has happened. It does not wait.
func (n *Notifier) Event(e vrrp.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch e := e.(type) {
	case vrrp.Transition:
		s := n.scripts(e.Instance, func(c Config) map[string]Scripts { return c.Instances })
		state := e.To.String()
		if e.Deleted {
			state = "FAULT"
			if s.DeletedEvent {
				state = "DELETED"
			}
		}
		n.moved(line{"INSTANCE", e.Instance, state, int(e.Priority)}, s)
		if e.Deleted {
			n.forget("INSTANCE " + e.Instance)
		}
	case vrrp.GroupTransition:
		n.moved(line{"GROUP", e.Group, e.To.String(), 0}, n.scripts(e.Group, func(c Config) map[string]Scripts { return c.Groups }))
	case vrrp.PriorityChange:
		if !n.config.Instances[e.Instance].Priorities {
			return
		}
		state := "BACKUP_PRIORITY"
		if e.Role == fsm.Master {
			state = "MASTER_PRIORITY"
		}
		n.write(line{"INSTANCE", e.Instance, state, int(e.Priority)})
	case vrrp.LowerHeard:
		l := line{"INSTANCE", e.Instance, "MASTER_RX_LOWER_PRI", int(e.Priority)}
		n.enqueue(l, n.config.Instances[e.Instance].LowerHeard)
		n.write(l)
	}
}

// Tell runs a script, nil for none, after those that have been told of the same
// name, and writes a line to the FIFOs. It does not wait.
func (n *Notifier) Tell(name string, script *child.Command, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.enqueue(line{name: name}, script)
	for _, f := range n.fifos {
		f.write(text + "\n")
	}
}

// scripts returns those of a name, the old ones if it is gone.
func (n *Notifier) scripts(name string, of func(Config) map[string]Scripts) Scripts {
	if s, ok := of(n.config)[name]; ok {
		return s
	}
	return of(n.previous)[name]
}

// moved tells a change of state: the state's own script first, then the one for
// any, then the FIFOs. keepalived has no state before the first.
func (n *Notifier) moved(l line, s Scripts) {
	own := map[string]*child.Command{
		"MASTER": s.Master, "BACKUP": s.Backup, "FAULT": s.Fault, "STOP": s.Stop, "DELETED": s.Deleted,
	}
	command, known := own[l.state]
	if !known {
		return
	}
	key := l.kind + " " + l.name
	if _, ok := n.states[key]; !ok {
		n.order = append(n.order, key)
	}
	n.states[key] = l
	n.enqueue(l, command)
	if s.Any != nil {
		n.enqueue(l, s.Any.With(l.kind, l.name, l.state, strconv.Itoa(l.priority)))
	}
	n.write(l)
}

func (n *Notifier) forget(key string) {
	delete(n.states, key)
	for i, k := range n.order {
		if k == key {
			n.order = append(n.order[:i:i], n.order[i+1:]...)
			return
		}
	}
}

func (n *Notifier) write(l line) {
	for _, f := range n.fifos {
		f.write(l.String())
	}
}

func (n *Notifier) enqueue(l line, c *child.Command) {
	if c == nil {
		return
	}
	key := l.kind + " " + l.name
	q := n.queues[key]
	if q == nil {
		q = &queue{more: make(chan struct{}, 1), log: func(text string) { n.log(l.name, text) }, end: n.end}
		n.queues[key] = q
	}
	q.put(c, &n.running)
}

// defaultPatience is keepalived's child_wait_time.
const defaultPatience = 5 * time.Second

// Close waits until the scripts have ended that were started or are due, at most
// for the configuration's Patience, and ends those that have not. No events may
// come any more.
func (n *Notifier) Close() {
	n.mu.Lock()
	patience := n.config.Patience
	fifos := n.fifos
	n.fifos = nil
	n.mu.Unlock()
	if patience == 0 {
		patience = defaultPatience
	}
	var closing sync.WaitGroup
	for _, f := range fifos {
		closing.Go(f.close)
	}
	ended := make(chan struct{})
	go func() {
		n.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(patience):
		close(n.end)
		<-ended
	}
	closing.Wait()
}
