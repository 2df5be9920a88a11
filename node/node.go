package node

import (
	"io"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/logfile"
	"tandem/internal/privilege"
	"tandem/internal/process"
	"tandem/node/configuration"
	"tandem/node/failover"
	"tandem/status"
	"tandem/web"
)

// node is the one process at work: the sockets and log files that outlive
// configurations, and the generation that answers now.
type node struct {
	source *configuration.Source
	stderr io.Writer
	logs   logfile.Set
	set    *web.ListenSet
	stats  web.Stats
	own    web.OwnConnections
	drain  web.Drain
	pid    *process.PIDFile

	signals <-chan os.Signal
	control *status.Socket // nil if it could not be made
	orders  chan *order    // of the control socket's clients
	ended   chan struct{}  // closed when orders are no longer taken
	starter int            // the user that started the process

	conf             *configuration.Configuration
	inForce          atomic.Pointer[configuration.Configuration] // conf, for other goroutines
	gen              *web.Generation
	vrrp             *failover.Failover // nil without instances
	confinedPrograms bool               // what the configuration runs has no more rights than confine has kept

	old     []chan struct{} // of generations that still have connections: closed at their end
	garbage *time.Timer     // gives memory that is not used any more back to the system

	standing standing
}

// Run runs the process in the foreground until a signal ends it; it returns
// the exit code.
func Run(source *configuration.Source, stderr io.Writer) int {
	n := &node{source: source, stderr: stderr, orders: make(chan *order), ended: make(chan struct{}), starter: os.Geteuid()}
	n.logs.Report = n.reportLog
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
	if c.Process.Daemon.Set && c.Process.Daemon.V && !process.IsDaemon() {
		return process.Daemonize(stderr)
	}
	if err := n.start(c); err != nil {
		configuration.PrintFailure(stderr, err)
		return 1
	}
	defer n.removeFiles()
	defer n.logs.Flush(logFlushLimit)
	process.DaemonReady()
	n.garbage = time.AfterFunc(garbageGrace, debug.FreeOSMemory)
	code := n.loop()
	runShutdownScript(n.conf)
	return code
}

// logFlushLimit is how long the end of the process waits for a slow disk.
const logFlushLimit = time.Second

// start brings the first configuration to work: sockets, pid file, limits, and
// then the generation.
func (n *node) start(c *configuration.Configuration) error {
	signals := catchSignals()
	setTimeZone(&c.Process)
	n.set = &web.ListenSet{Log: c.Log, FreeBind: c.IsVirtual}
	// Who is running already says so better than its sockets do.
	pid, err := process.OpenPIDFile(c.PIDFile(), !c.Process.PID.Set)
	if err != nil {
		return err
	}
	opened, err := n.openSockets(c.HTTP.Ports)
	if err != nil {
		pid.GiveUp()
		return err
	}
	if err := pid.Write(); err != nil {
		opened.Close()
		pid.GiveUp()
		return err
	}
	n.pid = pid
	n.listenForOrders(c)
	err = apply(&c.Process, c.Log)
	if err == nil {
		err = n.confine(c)
	}
	if err != nil {
		opened.Close()
		n.removeFiles()
		return err
	}
	n.signals = signals
	n.use(c, opened)
	runStartupScript(c)
	// As at a reload, which may begin to take part in VRRP as well.
	privilege.Raise(func() { n.vrrp, err = n.startFailover(c) })
	if err != nil {
		n.set.Close()
		n.removeFiles()
	}
	n.standing.loaded(n)
	return err
}

// use puts a configuration to work on the sockets that were opened for it.
func (n *node) use(c *configuration.Configuration, opened *web.Opened) {
	n.conf = c
	n.inForce.Store(c)
	c.UseLogs()
	n.set.Log = c.Log
	n.gen = web.NewGeneration(c.HTTP, &n.stats)
	n.gen.Own, n.gen.Drain = &n.own, &n.drain
	opened.Use(n.gen)
}

// reportLog logs what is wrong with a log, which may well be another one.
func (n *node) reportLog(level errorlog.Level, err error) {
	if c := n.inForce.Load(); c != nil {
		c.Log.Printf(level, "%v", err)
	}
}
