package node

import (
	"io"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"tandem/bfd"
	"tandem/internal/contain"
	"tandem/internal/errorlog"
	"tandem/internal/listen"
	"tandem/internal/logfile"
	"tandem/internal/privilege"
	"tandem/internal/process"
	"tandem/node/balance"
	"tandem/node/configuration"
	"tandem/node/failover"
	"tandem/vrrp"
	"tandem/web"
)

// node is the one process at work: the sockets and log files that outlive
// configurations, and what is in force now.
type node struct {
	source  *configuration.Source
	stderr  io.Writer
	machine func() (*failover.Machine, error)
	logs    logfile.Set
	set     listen.Set
	stats   web.Stats
	own     web.OwnConnections
	drain   web.Drain

	signals    <-chan os.Signal
	supervisor *process.Supervisor // nil: nobody wants to know
	orders     chan *order         // of the control socket's clients
	ended      chan struct{}       // closed when orders are no longer taken
	starter    int                 // the user that started the process

	// changing is held while one force takes the place of another; who looks at
	// several parts of it holds it for reading.
	changing     sync.RWMutex
	inForce      atomic.Pointer[force] // nil before the first
	started      time.Time
	failedReload atomic.Pointer[time.Time] // of the last reload, if it failed
	reloads      [2]atomic.Uint64          // that worked, that failed
	snapshot     snapshot
	moving       atomic.Bool // a client of the web server has the node hand over, or take over
	stopping     atomic.Bool

	// The goroutine's that obeys signals:
	contact    contact
	next       contact                          // between lockPart and writePart
	generation *generation                      // the one that accepts connections
	vrrp       *failover.Failover               // nil without instances
	bfd        *bfd.Speaker                     // nil without instances of BFD
	balance    atomic.Pointer[balance.Balancer] // nil without virtual servers; any goroutine may look at it
	// confinedPrograms: what the configuration runs has no more rights than
	// confine has kept.
	confinedPrograms bool
	old              []chan struct{} // of generations that still have connections: closed at their end
	otherPIDFiles    map[string]bool // those of keepalived that name this process
	cleared          vrrp.Status     // how the instances stood at the last STATS_CLEAR
	garbage          *time.Timer     // gives memory that is not used any more back to the system
}

func newNode(source *configuration.Source, stderr io.Writer, machine func() (*failover.Machine, error)) *node {
	n := &node{
		source: source, stderr: stderr, machine: machine,
		orders: make(chan *order), ended: make(chan struct{}), starter: os.Geteuid(), started: time.Now(),
		garbage: time.AfterFunc(garbageGrace, debug.FreeOSMemory),
	}
	n.logs.Report = n.reportLog
	return n
}

// Run runs the process in the foreground until a signal ends it; it returns
// the exit code.
func Run(source *configuration.Source, stderr io.Writer) int {
	n := newNode(source, stderr, failover.OpenMachine)
	contain.Report(n.reportPanic)
	c, errs := configuration.Load(source, &n.logs, nil)
	if err := configuration.EnterNamespace(c.Keepalived); err != nil {
		configuration.PrintFailure(stderr, err)
		return 1
	}
	configuration.PrintErrors(stderr, errs)
	configuration.PrintReports(stderr, c.Reports)
	if errs.Failed() {
		return 1
	}
	// A service manager watches the process that it has started.
	n.supervisor = process.FindSupervisor()
	if n.supervisor == nil && c.Process.Daemon.Set && c.Process.Daemon.V && !process.IsDaemon() {
		return process.Daemonize(stderr)
	}
	logReports(c)
	if source.Keepalived == "" {
		c.Log.Printf(errorlog.Notice, "there is no %s, and no -k was given: serving without VRRP until the next start", configuration.DefaultKeepalived)
	}
	n.signals = catchSignals()
	setTimeZone(&c.Process)
	if err := n.start(c, n.confine); err != nil {
		configuration.PrintFailure(stderr, err)
		return 1
	}
	defer func() { n.contact.close() }() // those in force by then
	defer func() { privilege.Raise(func() { n.removeOtherPIDFiles(nil) }) }()
	if source.DumpKeepalived {
		n.logData()
	}
	defer n.logs.Flush(logFlushLimit)
	process.DaemonReady()
	n.tell("READY=1")
	ended := make(chan struct{})
	defer close(ended)
	go n.supervise(ended)
	n.loop()
	runShutdownScript(n.inForce.Load().configuration)
	return 0
}

// logFlushLimit is how long the end of the process waits for a slow disk.
const logFlushLimit = time.Second

// start brings the first configuration to work, and has confine take from the
// process what only its start may do. With an error nothing is left of it.
func (n *node) start(c *configuration.Configuration, confine func(*configuration.Configuration) error) error {
	ready, err := prepare(c, n.lockPart, settingsPart, n.webPart, n.writePart, n.otherPIDFilesPart, foldersPart)
	if err != nil {
		return err
	}
	if c.HasVirtualServers() {
		balance.Preload(c.Keepalived)
	}
	if err := confine(c); err != nil {
		ready.discard()
		return err
	}
	// As at a reload, from here on.
	privilege.Raise(ready.commit)
	n.put(c)
	runStartupScript(c)
	if ready, err = prepare(c, n.balancePart); err == nil {
		privilege.Raise(ready.commit)
		n.put(c)
		privilege.Raise(func() { ready, err = prepare(c, n.failoverPart, n.bfdPart) })
	}
	if err != nil {
		n.stopBalance()
		n.abortWeb()
		n.contact.close()
		return err
	}
	ready.commit()
	n.put(c)
	n.takeUp(c)
	return nil
}

// reportPanic logs a panic that ended a part of the process only.
func (n *node) reportPanic(p *contain.Panic) {
	if f := n.inForce.Load(); f != nil {
		f.configuration.Log.Printf(errorlog.Alert, "%v", p)
	}
}

// reportLog logs what is wrong with a log, which may well be another one.
func (n *node) reportLog(level errorlog.Level, err error) {
	if f := n.inForce.Load(); f != nil {
		f.configuration.Log.Printf(level, "%v", err)
	}
}
