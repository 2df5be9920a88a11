package node

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"

	"tandem/internal/errorlog"
	"tandem/internal/privilege"
	"tandem/node/datafiles"
	"tandem/vrrp"
)

// The real-time signals of keepalived, as it numbers them on Linux with glibc.
const (
	SignalJSON       = syscall.Signal(36) // keepalived.json is written
	SignalStatsClear = syscall.Signal(63) // keepalived.stats is written, and counting begins anew
)

// dataDir is where keepalived writes these files: monitoring knows it.
const dataDir = "/tmp"

// dataSignals says what is written at each signal. SIGUSR1 has log files opened
// anew as well, which is nginx's meaning of it.
var dataSignals = map[os.Signal]struct {
	name  string
	write func(*datafiles.Snapshot, io.Writer)
}{
	syscall.SIGUSR1:  {"keepalived.data", (*datafiles.Snapshot).Data},
	syscall.SIGUSR2:  {"keepalived.stats", (*datafiles.Snapshot).Stats},
	SignalStatsClear: {"keepalived.stats", (*datafiles.Snapshot).Stats},
	SignalJSON:       {"keepalived.json", (*datafiles.Snapshot).JSON},
}

// writeData writes the file that keepalived would write at the signal, if there
// are instances to tell of; done says whether there are.
func (n *node) writeData(sig os.Signal) (done bool) {
	if sig == syscall.SIGUSR1 {
		n.writeCheckData()
	}
	f := n.inForce.Load().failover
	file, ok := dataSignals[sig]
	if f == nil || !ok {
		return false
	}
	snapshot, raw, err := n.keepalivedState()
	if err == nil {
		privilege.Raise(func() {
			err = datafiles.Write(dataDir, file.name, func(w io.Writer) { file.write(&snapshot, w) })
		})
	}
	if err != nil {
		n.inForce.Load().configuration.Log.Printf(errorlog.Error, "%s could not be written: %v", file.name, err)
		return true
	}
	if sig == SignalStatsClear {
		n.cleared = raw
	}
	return true
}

// writeCheckData writes the file that keepalived's process for checkers would write,
// if there are virtual servers to tell of.
func (n *node) writeCheckData() {
	force := n.inForce.Load()
	if force.balance == nil {
		return
	}
	const name = "keepalived_check.data"
	checks := datafiles.Checks{Config: force.configuration.Keepalived, Servers: force.balance.Report()}
	var err error
	privilege.Raise(func() { err = datafiles.Write(dataDir, name, checks.Data) })
	if err != nil {
		force.configuration.Log.Printf(errorlog.Error, "%s could not be written: %v", name, err)
	}
}

// keepalivedState is how the instances stand, with counters from the last STATS_CLEAR on;
// raw has those from the start on.
func (n *node) keepalivedState() (s datafiles.Snapshot, raw vrrp.Status, err error) {
	f := n.inForce.Load().failover
	if f == nil {
		return s, raw, errors.New("there is no VRRP instance")
	}
	s.Config, raw, s.Scripts, err = f.Snapshot()
	s.Status = raw
	return s.Since(n.cleared), raw, err
}

// logData logs what keepalived.data would tell: its option --dump-conf.
func (n *node) logData() {
	s, _, err := n.keepalivedState()
	if err != nil {
		return
	}
	var b strings.Builder
	s.Data(&b)
	for line := range strings.Lines(b.String()) {
		n.notice("%s", strings.TrimRight(line, "\n"))
	}
}
