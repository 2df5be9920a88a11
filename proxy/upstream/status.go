package upstream

import "time"

// PeerState is what a peer is to requests, in nginx Plus' words.
type PeerState string

// The states of a peer.
const (
	StateUp        PeerState = "up"
	StateDraining  PeerState = "draining"  // only requests that are bound to it
	StateDown      PeerState = "down"      // as configured
	StateUnavail   PeerState = "unavail"   // out of service because requests failed
	StateChecking  PeerState = "checking"  // a mandatory check has not succeeded yet
	StateUnhealthy PeerState = "unhealthy" // an active check failed
)

// PeerStatus is what is known of a peer at one moment.
type PeerStatus struct {
	Name     string // its address
	Server   string // as written in the configuration
	Backup   bool
	Weight   int
	State    PeerState
	Active   int // requests at the peer now
	MaxConns int // 0: no limit
	Requests uint64
	Fails    uint64    // requests that failed
	Findings []Finding // of the checks, in the order in which they were added
	Traffic  Traffic
	SID      string
}

// Status returns what is known of the peers, backups last, and how many
// requests wait for one.
func (g *Group) Status(now time.Time) (peers []PeerStatus, queued int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.each(func(p *Peer) {
		peers = append(peers, PeerStatus{
			Name: p.Name, Server: p.Server, Weight: p.weight, State: p.state(now, g.primary.single),
			Active: p.conns, MaxConns: p.maxConns, Requests: p.requests, Fails: p.failures,
			Findings: append([]Finding(nil), p.findings...), Traffic: p.told(now), SID: p.SID,
		})
	})
	for i := len(g.primary.peers); i < len(peers); i++ {
		peers[i].Backup = true
	}
	return peers, g.queue.len()
}

// state sums up what keeps requests away. Failures of the only peer do not.
func (p *Peer) state(now time.Time, single bool) PeerState {
	if p.down {
		return StateDown
	}
	state := StateUp
	for i := range p.findings {
		switch p.findings[i].Health {
		case Unhealthy:
			return StateUnhealthy
		case Checking:
			state = StateChecking
		}
	}
	switch {
	case state != StateUp:
	case p.drain:
		state = StateDraining
	case !single && p.failing(now):
		state = StateUnavail
	}
	return state
}
