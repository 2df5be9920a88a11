package failover

import (
	"context"
	"maps"

	"tandem/health"
	"tandem/keepalivedconf"
	"tandem/vrrp"
)

// Snapshot returns the configuration in force, how its instances stand, and the
// verdicts on its scripts by their names. The error says that the VRRP loop does
// not answer.
func (f *Failover) Snapshot() (*keepalivedconf.Config, vrrp.Status, map[string]health.Verdict, error) {
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
	defer cancel()
	st, err := f.router.Status(ctx)
	return f.inForce.Load().Keepalived, st, f.track.scriptVerdicts(), err
}

// scriptVerdicts returns what the scripts have said last.
func (t *tracking) scriptVerdicts() map[string]health.Verdict {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.verdicts)
}
