package vserver

import (
	"context"
	"crypto/tls"
	"net/netip"
	"sync"
	"time"

	"tandem/health"
	"tandem/health/check"
	"tandem/internal/task"
	"tandem/vserver/table"
)

// Config is what a Pool runs.
type Config struct {
	Servers []*Server
	Options Options
	Files   map[string]health.File // of FILE_CHECK, by name: where they are
	// Problems are what of the configuration cannot be had.
	Problems []string

	certificates []tls.Certificate // of SSL_GET
}

// Surroundings are what a Pool acts on.
type Surroundings struct {
	// Engines serve what is decided.
	Engines *Engines
	// Tell is told what happens, in order. It must not block.
	Tell func(Event)
	// Log is told of what fails.
	Log func(text string)
	// Held reports which addresses this host has, for ha_suspend.
	Held func() (func(netip.Addr) bool, error)
}

// Pool runs virtual servers: it checks real servers, has the engines serve what
// follows, and tells what happens.
type Pool struct {
	Surroundings
	engine *check.Engine

	mu       sync.Mutex
	config   Config
	state    *State
	checkers map[Place]*running
	began    map[string]time.Time // since when real servers are as they are, by server and name
	files    *task.Group
	suspend  *task.Group
	ended    bool

	changed chan struct{} // the table may be another one
	setting sync.WaitGroup
	end     context.CancelFunc
}

// running is a checker that runs.
type running struct {
	*check.Checker
	server *Server
	real   *Real
	check  *Check
}

// Start runs virtual servers.
func Start(c Config, s Surroundings) *Pool {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Pool{Surroundings: s, engine: check.NewEngine(), changed: make(chan struct{}, 1), end: cancel, began: map[string]time.Time{}}
	p.mu.Lock()
	p.config = c
	p.state = NewState(c.Servers, c.Options)
	p.tell(p.state.Start())
	p.run(nil)
	p.mu.Unlock()
	p.setting.Go(func() { p.keepSet(ctx) })
	return p
}

// Reload goes on with another configuration: what is in it as before goes on as it
// is.
func (p *Pool) Reload(c Config) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.checkers
	for _, r := range before {
		r.Remove()
	}
	p.config = c
	p.tell(p.state.Reload(c.Servers, c.Options))
	p.run(before)
	p.mark()
}

// run begins the checks of the configuration. before are those that ran until now.
func (p *Pool) run(before map[Place]*running) {
	for _, text := range p.config.Problems {
		p.Log(text)
	}
	old := map[string]*check.Checker{}
	for _, r := range before {
		old[r.key()] = r.Checker
	}
	p.checkers = map[Place]*running{}
	p.state.Places(func(at Place, v *Server, r *Real, c *Check) {
		one := &running{server: v, real: r, check: c}
		last := old[one.key()]
		if last == nil {
			p.Tell(Line{"Activating healthchecker for service " + r.Name + " for VS " + v.Name})
		}
		one.Checker = p.engine.Add(&c.Spec, last, func(f check.Finding) { p.found(one, at, f) })
		p.checkers[at] = one
	})
	p.followFiles()
	p.followAddresses()
}

// key is what the check is known by in another configuration.
func (r *running) key() string { return r.server.Name + " " + r.real.Name + " " + r.check.Key }

// found takes in what a check has found.
func (p *Pool) found(r *running, at Place, f check.Finding) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended || p.checkers[at] != r {
		return // it has ended meanwhile
	}
	if events := p.state.Found(at, f); len(events) > 0 {
		p.tell(events)
		p.mark()
	}
}

// tell passes events on.
func (p *Pool) tell(events []Event) {
	for _, e := range events {
		if c, ok := e.(RealChange); ok {
			p.began[c.Server.Name+" "+c.Real.Name] = time.Now()
		}
		p.Tell(e)
	}
}

// mark has the table be set.
func (p *Pool) mark() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// again is how long after a table that could not be set as a whole it is tried
// again.
const again = 5 * time.Second

// keepSet sets the table whenever it is another one, and again while there is
// something that cannot be had.
func (p *Pool) keepSet(ctx context.Context) {
	told := map[string]bool{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.changed:
		case <-timer.C:
		}
		now := map[string]bool{}
		if err := p.set(); err != nil {
			timer.Reset(again)
			for _, line := range lines(err) {
				if !told[line] {
					p.Log(line)
				}
				now[line] = true
			}
		}
		told = now
	}
}

// lines returns what joined errors say, one by one.
func lines(err error) (list []string) {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range all.Unwrap() {
			list = append(list, lines(one)...)
		}
		return list
	}
	return []string{err.Error()}
}

func (p *Pool) set() error {
	p.mu.Lock()
	var tables [2]table.Table
	for _, kind := range []Kind{Kernel, User} {
		tables[kind] = p.state.Table(func(v *Server) bool { return p.Engines.of(v) == kind })
	}
	p.mu.Unlock()
	return p.Engines.set(tables)
}

// Stop takes everything out and ends the checks.
func (p *Pool) Stop() {
	p.mu.Lock()
	p.ended = true
	p.tell(p.state.Stop())
	files, suspend := p.files, p.suspend
	p.mu.Unlock()
	p.end()
	p.setting.Wait()
	if err := p.set(); err != nil {
		for _, line := range lines(err) {
			p.Log(line)
		}
	}
	files.End()
	suspend.End()
	p.engine.Close()
	p.Engines.close(p.Log)
}

// Serves reports whether a virtual server has a quorum; ok is false if there is
// none of that name.
func (p *Pool) Serves(name string) (quorum, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state.Serves(name)
}

// PushBFD tells the checks of a BFD session that it is up or not.
func (p *Pool) PushBFD(session string, up bool, reason string) {
	p.mu.Lock()
	var list []*running
	for _, r := range p.checkers {
		if m, ok := r.check.Spec.Method.(*check.BFD); ok && m.Session == session {
			list = append(list, r)
		}
	}
	p.mu.Unlock()
	for _, r := range list {
		r.Push(check.Answer{OK: up, Reason: reason})
	}
}

// followFiles follows the files of FILE_CHECK.
func (p *Pool) followFiles() {
	p.files.Cancel()
	p.files = task.NewGroup(p.files)
	users := map[string][]*running{}
	for _, r := range p.checkers {
		if r.check.File != "" {
			users[r.check.File] = append(users[r.check.File], r)
		}
	}
	for name, list := range users {
		f := p.config.Files[name]
		f.Log = p.Log
		f.Report = func(value int) {
			for _, r := range list {
				r.Push(check.Answer{OK: true, Status: value})
			}
		}
		p.files.Go(f.Run)
	}
}
