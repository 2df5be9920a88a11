package upstream

import (
	"slices"
	"time"
)

// Servers returns copies of the servers whose peers the group has, in their order,
// backups last.
func (g *Group) Servers() []Server {
	g.mu.Lock()
	defer g.mu.Unlock()
	var seen []*Server
	var list []Server
	g.each(func(p *Peer) {
		if !slices.Contains(seen, p.of) {
			seen = append(seen, p.of)
			list = append(list, *p.of)
		}
	})
	return list
}

// AddServer adds a server, which has its addresses, to those of the group.
func (g *Group) AddServer(srv *Server, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	primary, backup := g.peers()
	if srv.Backup {
		backup = append(backup, peersOf([]Server{*srv}, true)...)
	} else {
		primary = append(primary, peersOf([]Server{*srv}, false)...)
	}
	g.use(primary, backup)
	g.requeue(now)
}

// ChangeServers calls f with each server that has that name, and has its peers be
// as it says then; their addresses, and whether they are backups, do not change. It
// returns how many servers there are. Requests that are under way are not disturbed.
func (g *Group) ChangeServers(name string, f func(*Server), now time.Time) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	var changed []*Server
	g.each(func(p *Peer) {
		if p.of.Name != name {
			return
		}
		if !slices.Contains(changed, p.of) {
			changed = append(changed, p.of)
			f(p.of)
		}
		p.configure(p.of)
	})
	if len(changed) > 0 {
		g.use(g.peers())
		g.requeue(now)
	}
	return len(changed)
}

// RemoveServers takes the servers of that name away, and returns how many peers
// they had. Requests at them go on.
func (g *Group) RemoveServers(name string, now time.Time) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	primary, backup := g.peers()
	before := len(primary) + len(backup)
	of := func(p *Peer) bool { return p.of.Name == name }
	primary, backup = slices.DeleteFunc(primary, of), slices.DeleteFunc(backup, of)
	if removed := before - len(primary) - len(backup); removed > 0 {
		g.use(primary, backup)
		g.requeue(now)
		return removed
	}
	return 0
}

// peers returns copies of the lists of peers.
func (g *Group) peers() (primary, backup []*Peer) {
	if g.backup != nil {
		backup = slices.Clone(g.backup.peers)
	}
	return slices.Clone(g.primary.peers), backup
}
