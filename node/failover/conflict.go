package failover

import (
	"fmt"

	"tandem/vrrp"
	"tandem/vrrp/fsm"
)

// noteKeepalived says that a keepalived runs beside this process, if one does:
// it was forgotten when tandem took its place. Both hold the same addresses and
// take them from each other.
func (f *Failover) noteKeepalived(instance string) {
	if f.machine.Keepalived == nil {
		return
	}
	if pid, runs := f.machine.Keepalived(); runs {
		f.log.line(instance, fmt.Sprintf("keepalived (process %d) is running on this machine, too, and removes the addresses that it has in its configuration; "+
			"stop it, as with \"systemctl disable --now keepalived\"", pid))
	}
}

// explainLoss follows the loss of an address with what probably took it. It may
// be called where an event may be waited for.
func (f *Failover) explainLoss(e vrrp.Event) {
	if t, ok := e.(vrrp.Transition); ok && t.Reason.Code == fsm.ByAddressLost {
		f.noteKeepalived(t.Instance)
	}
}
