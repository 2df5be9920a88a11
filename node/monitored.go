package node

import (
	"io"
	"sync"
	"time"

	"tandem/status"
)

// monitored is the node as modules of the web server see it that show it.
type monitored struct{ n *node }

// snapshot is a report that several clients share.
type snapshot struct {
	mu     sync.Mutex
	report *status.Report
}

// snapshotAge is how old a report may be: however many clients ask, what a report
// costs is spent only so often.
const snapshotAge = 200 * time.Millisecond

// Report implements status.Node.
func (m monitored) Report() *status.Report {
	s := &m.n.snapshot
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.report == nil || time.Since(s.report.At) >= snapshotAge {
		s.report = m.n.report()
	}
	return s.report
}

// Order implements status.Node.
func (m monitored) Order(command string, out io.Writer) (code int) { return m.n.order(command, out) }
