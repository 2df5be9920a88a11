package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
	"tandem/internal/logfile"
	"tandem/internal/privilege"
	"tandem/status"
	"tandem/web"
)

// node is the one process at work: the sockets and log files that outlive
// configurations, and the generation that answers now.
type node struct {
	opts   *options
	stderr io.Writer
	logs   logfile.Set
	set    *web.ListenSet
	stats  web.Stats
	own    web.OwnConnections
	drain  web.Drain
	pid    *pidFile

	signals <-chan os.Signal
	control *status.Socket // nil if it could not be made
	orders  chan *order    // of the control socket's clients
	ended   chan struct{}  // closed when orders are no longer taken
	starter int            // the user that started the process

	conf    *configuration
	inForce atomic.Pointer[configuration] // conf, for other goroutines
	gen     *web.Generation
	vrrp    *failover       // nil without instances
	old     []chan struct{} // of generations that still have connections: closed at their end
	garbage *time.Timer     // gives memory that is not used any more back to the system

	standing standing
}

// serve runs the process in the foreground until a signal ends it; it returns
// the exit code.
func serve(o *options, stderr io.Writer) int {
	n := &node{opts: o, stderr: stderr, orders: make(chan *order), ended: make(chan struct{}), starter: os.Geteuid()}
	n.logs.Report = n.reportLog
	c, errs := load(o, &n.logs, nil)
	if err := c.enterNamespace(); err != nil {
		printStartError(stderr, err)
		return 1
	}
	printErrors(stderr, errs)
	printReports(stderr, c.reports)
	if errs.Failed() {
		return 1
	}
	if c.process.daemon.Set && c.process.daemon.V && !isDaemon() {
		return daemonize(stderr)
	}
	if err := n.start(c); err != nil {
		printStartError(stderr, err)
		return 1
	}
	defer n.removeFiles()
	defer n.logs.Flush(logFlushLimit)
	daemonReady()
	n.garbage = time.AfterFunc(garbageGrace, debug.FreeOSMemory)
	code := n.loop()
	n.conf.runShutdownScript()
	return code
}

// logFlushLimit is how long the end of the process waits for a slow disk.
const logFlushLimit = time.Second

// start brings the first configuration to work: sockets, pid file, limits, and
// then the generation.
func (n *node) start(c *configuration) error {
	signals := catchSignals()
	c.process.setTimeZone()
	n.set = &web.ListenSet{Log: c.log, FreeBind: c.isVirtual}
	// Who is running already says so better than its sockets do.
	pid, err := openPIDFile(c.pidFile(), !c.process.pid.Set)
	if err != nil {
		return err
	}
	opened, err := n.openSockets(c.http.Ports)
	if err != nil {
		pid.giveUp()
		return err
	}
	if err := pid.write(); err != nil {
		opened.Close()
		pid.giveUp()
		return err
	}
	n.pid = pid
	n.listenForOrders(c)
	err = c.process.apply(c.log)
	if err == nil {
		err = c.dropPrivileges()
	}
	if err != nil {
		opened.Close()
		n.removeFiles()
		return err
	}
	n.signals = signals
	n.use(c, opened)
	c.runStartupScript()
	if n.vrrp, err = startFailover(c, &n.own, servingSide{n}, n.events()); err != nil {
		n.set.Close()
		n.removeFiles()
	}
	n.standing.loaded(n)
	return err
}

// use puts a configuration to work on the sockets that were opened for it.
func (n *node) use(c *configuration, opened *web.Opened) {
	n.conf = c
	n.inForce.Store(c)
	c.logs.use()
	n.set.Log = c.log
	n.gen = web.NewGeneration(c.http, &n.stats)
	n.gen.Own, n.gen.Drain = &n.own, &n.drain
	opened.Use(n.gen)
}

// reportLog logs what is wrong with a log, which may well be another one.
func (n *node) reportLog(level errorlog.Level, err error) {
	if c := n.inForce.Load(); c != nil {
		c.log.Printf(level, "%v", err)
	}
}

func (n *node) events() *eventLog {
	return &eventLog{log: func() *errorlog.Log { return n.inForce.Load().log }}
}

func catchSignals() <-chan os.Signal {
	ch := make(chan os.Signal, 8)
	signal.Notify(ch, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH)
	// Not ignored but thrown away: scripts would inherit that it is ignored.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return ch
}

// loop obeys signals until one of them ends the process.
func (n *node) loop() int {
	defer close(n.ended)
	for {
		var sig os.Signal
		select {
		case o := <-n.orders:
			n.obey(o)
			continue
		case sig = <-n.signals:
		}
		switch sig {
		case syscall.SIGHUP:
			n.notice("signal %d (SIGHUP) received, reconfiguring", syscall.SIGHUP)
			n.reload(n.stderr)
		case syscall.SIGUSR1:
			n.reopen()
		case syscall.SIGTERM, syscall.SIGINT:
			n.notice("signal %d (%s) received, exiting", sig, unix.SignalName(sig.(syscall.Signal)))
			n.stop(false)
			return 0
		case syscall.SIGQUIT:
			n.notice("signal %d (%s) received, gracefully shutting down", sig, unix.SignalName(sig.(syscall.Signal)))
			n.stop(true)
			return 0
		case syscall.SIGWINCH:
			n.notice("signal SIGWINCH received: there are no worker processes to shut down, ignored")
		case syscall.SIGUSR2:
			n.notice("signal SIGUSR2 received: a new binary is put to work by a restart, ignored")
		}
	}
}

func (n *node) notice(format string, args ...any) {
	n.conf.log.Printf(errorlog.Notice, format, args...)
}

// reloadFailover takes over the VRRP side, which may begin or end with it.
func (n *node) reloadFailover(c *configuration) error {
	switch {
	case n.vrrp == nil:
		var err error
		n.vrrp, err = startFailover(c, &n.own, servingSide{n}, n.events())
		return err
	case !c.hasInstances():
		n.stopFailover()
		return nil
	}
	return n.vrrp.reload(context.Background(), c)
}

// stopFailover hands the addresses over while the web side goes on serving. A
// second signal ends the wait for a successor.
func (n *node) stopFailover() {
	if n.vrrp == nil {
		return
	}
	// Every wait in it has a bound of its own.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- n.vrrp.stop(ctx) }()
	for {
		select {
		case err := <-done:
			if err != nil {
				n.conf.log.Printf(errorlog.Error, "%v", err)
			}
			n.vrrp = nil
			return
		case sig := <-n.signals:
			if sig == syscall.SIGTERM || sig == syscall.SIGINT || sig == syscall.SIGQUIT {
				cancel()
			}
		}
	}
}

// stop ends the process: the addresses go first, to a node that serves; then
// the web side ends at once, or when the last request is answered.
func (n *node) stop(gracefully bool) {
	n.standing.stop()
	n.stopFailover()
	privilege.Raise(n.set.Close)
	if !gracefully {
		n.gen.Abort()
		return
	}
	n.retire(n.gen, n.conf, nil)
	for _, done := range n.old {
		select {
		case <-done:
		case sig := <-n.signals:
			n.notice("signal %d received while shutting down", sig)
			if sig == syscall.SIGTERM || sig == syscall.SIGINT || sig == syscall.SIGQUIT {
				n.gen.Abort()
				return
			}
		}
	}
}
