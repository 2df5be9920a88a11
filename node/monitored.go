package node

import (
	"fmt"
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

// forget has the next report be a new one.
func (s *snapshot) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report = nil
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
//
// Of orders to hand addresses over or take them over, one is under way at a time:
// clients do not wait for their end, and might give any number.
func (m monitored) Order(command string, out io.Writer) (code int) {
	// Who has given an order is told of what it has changed.
	defer m.n.snapshot.forget()
	if command == "demote" || command == "promote" {
		if !m.n.moving.CompareAndSwap(false, true) {
			fmt.Fprintln(out, "tandem: [error] another order is under way")
			return 1
		}
		defer m.n.moving.Store(false)
	}
	return m.n.order(command, out)
}
