package ipvs

import (
	"errors"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink/nl"
)

// Daemon is how the kernel tells other machines of its connections, or hears of
// theirs (keepalived: lvs_sync_daemon).
type Daemon struct {
	Interface string
	// ID is the syncid, 0 to 255. Zero at a backup hears every one.
	ID int
	// MaxLen of a datagram, Port and TTL. Zero is the kernel's own choice.
	MaxLen uint16
	Port   uint16
	TTL    uint8
	// Group is the multicast group. Invalid: the kernel's own choice.
	Group netip.Addr
}

// Role is which daemons run. The numbers are the kernel's (IP_VS_STATE_...).
type Role uint8

// The roles of a machine.
const (
	None   Role = 0
	Master Role = 1 // it tells of its connections
	Backup Role = 2 // it hears of those of others
	Both   Role = 3
)

// String returns the role's name.
func (r Role) String() string {
	return [...]string{"none", "master", "backup", "master and backup"}[r&3]
}

// SetDaemon makes r the daemons that run, as d says. One that already runs so
// goes on; one that runs otherwise is started anew.
func (e *Engine) SetDaemon(d Daemon, r Role) error {
	running, err := e.daemons()
	if err != nil {
		return err
	}
	for _, role := range []Role{Master, Backup} {
		is, runs := running[role]
		if runs && r&role != 0 && d.runsAs(is, role) {
			continue
		}
		if runs {
			if err := e.stopDaemon(role); err != nil {
				return explain("stop the "+role.String()+" sync daemon", err)
			}
		}
		if r&role == 0 {
			continue
		}
		if _, err := e.kernel.execute(cmdNewDaemon, false, daemonAttr(d, uint32(role), true)); err != nil {
			return explain("start the "+role.String()+" sync daemon on "+d.Interface, err)
		}
	}
	return nil
}

// daemons are those that run.
func (e *Engine) daemons() (map[Role]Daemon, error) {
	answers, err := e.kernel.execute(cmdGetDaemon, true)
	if err != nil {
		return nil, explain("list the sync daemons", err)
	}
	running := map[Role]Daemon{}
	for _, message := range answers {
		d, state, err := decodeDaemon(message)
		if err != nil {
			return nil, explain("list the sync daemons", err)
		}
		running[Role(state)] = d
	}
	return running, nil
}

// stopDaemon stops a daemon. One whose thread the kernel has not begun to run
// ends without an answer.
func (e *Engine) stopDaemon(role Role) error {
	_, err := e.kernel.execute(cmdDelDaemon, false, daemonAttr(Daemon{}, uint32(role), false))
	if !errors.Is(err, errSilent) {
		return err
	}
	running, listErr := e.daemons()
	if _, still := running[role]; still || listErr != nil {
		return errors.Join(err, listErr)
	}
	return nil
}

// backupMinLen is the least that the kernel has as MaxLen at a backup.
const backupMinLen = 1024

// runsAs tells whether a running daemon is as d says. What d leaves to the kernel
// may be anything.
func (d Daemon) runsAs(is Daemon, role Role) bool {
	if role == Backup && d.MaxLen != 0 {
		d.MaxLen = max(d.MaxLen, backupMinLen)
	}
	return d.Interface == is.Interface && d.ID == is.ID && (d.MaxLen == 0 || d.MaxLen == is.MaxLen) &&
		(d.Port == 0 || d.Port == is.Port) && (d.TTL == 0 || d.TTL == is.TTL) && (!d.Group.IsValid() || d.Group == is.Group)
}

// Timeouts are how long the kernel remembers connections that are silent, in
// whole seconds.
type Timeouts struct {
	TCP, TCPFIN, UDP time.Duration
}

// SetTimeouts sets the kernel's time-outs. Those that are zero are what they were
// before the first call.
func (e *Engine) SetTimeouts(t Timeouts) error {
	if e.before == nil {
		if t == (Timeouts{}) {
			return nil
		}
		answers, err := e.kernel.execute(cmdGetConfig, false)
		if err != nil {
			return explain("read the time-outs", err)
		}
		if len(answers) != 1 {
			return explain("read the time-outs", errMessage)
		}
		before, err := decodeTimeouts(answers[0])
		if err != nil {
			return explain("read the time-outs", err)
		}
		e.before = &before
	}
	restore := t == (Timeouts{})
	seconds := func(now, before time.Duration) []byte {
		if now == 0 {
			now = before
		}
		return nl.Uint32Attr(uint32(now / time.Second))
	}
	_, err := e.kernel.execute(cmdSetConfig, false,
		nl.NewRtAttr(attrTimeoutTCP, seconds(t.TCP, e.before.TCP)),
		nl.NewRtAttr(attrTimeoutTCPFIN, seconds(t.TCPFIN, e.before.TCPFIN)),
		nl.NewRtAttr(attrTimeoutUDP, seconds(t.UDP, e.before.UDP)))
	if err != nil {
		return explain("set the time-outs", err)
	}
	if restore {
		e.before = nil
	}
	return nil
}
