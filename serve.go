package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
	"tandem/internal/logfile"
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
	pid    *pidFile

	signals <-chan os.Signal

	conf    *configuration
	inForce atomic.Pointer[configuration] // conf, for other goroutines
	gen     *web.Generation
	vrrp    *failover  // nil without instances
	old     []*retired // generations that still have connections
}

// retired is a generation that answers its last requests.
type retired struct {
	done chan struct{}
}

// serve runs the process in the foreground until a signal ends it; it returns
// the exit code.
func serve(o *options, stderr io.Writer) int {
	n := &node{opts: o, stderr: stderr}
	c, errs := load(o, &n.logs)
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
	defer n.pid.remove()
	defer n.logs.Flush(logFlushLimit)
	daemonReady()
	return n.loop()
}

// logFlushLimit is how long the end of the process waits for a slow disk.
const logFlushLimit = time.Second

// start brings the first configuration to work: sockets, pid file, limits, and
// then the generation.
func (n *node) start(c *configuration) error {
	signals := catchSignals()
	n.set = &web.ListenSet{Log: c.log, FreeBind: c.isVirtual}
	opened, err := n.openSockets(c.http.Ports)
	if err != nil {
		return err
	}
	if n.pid, err = createPIDFile(c.pidFile(), !c.process.pid.Set); err != nil {
		opened.Close()
		return err
	}
	if err := c.process.apply(); err != nil {
		opened.Close()
		n.pid.remove()
		return err
	}
	n.signals = signals
	n.use(c, opened)
	if n.vrrp, err = startFailover(c, &n.own, n.events()); err != nil {
		n.set.Close()
		n.pid.remove()
	}
	return err
}

// use puts a configuration to work on the sockets that were opened for it.
func (n *node) use(c *configuration, opened *web.Opened) {
	n.conf = c
	n.inForce.Store(c)
	n.set.Log = c.log
	n.gen = web.NewGeneration(c.http, &n.stats)
	n.gen.Own = &n.own
	opened.Use(n.gen)
}

func (n *node) events() *eventLog {
	return &eventLog{log: func() *errorlog.Log { return n.inForce.Load().log }}
}

// bindTries and bindPause: like nginx, wait a little for a predecessor to give
// up the address.
const (
	bindTries = 5
	bindPause = 500 * time.Millisecond
)

// openSockets opens what is to be listened on.
func (n *node) openSockets(ports []*web.Port) (*web.Opened, error) {
	for try := 1; ; try++ {
		opened, err := n.set.Open(ports)
		if err == nil || !isAddressInUse(err) {
			return opened, err
		}
		if try == bindTries {
			return nil, errors.Join(err, errors.New("still could not bind()"))
		}
		printStartError(n.stderr, err)
		time.Sleep(bindPause)
	}
}

func isAddressInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

// apply puts the settings of the main level into force.
func (p *processSettings) apply() error {
	if p.workingDir.Set {
		if err := os.Chdir(p.workingDir.V); err != nil {
			return fmt.Errorf("chdir(%q) failed: %w", p.workingDir.V, err)
		}
	}
	return raiseFileLimit(uint64(p.nofile.V))
}

// raiseFileLimit makes room for connections: as many descriptors as
// worker_rlimit_nofile says, or as the system allows.
func raiseFileLimit(wanted uint64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	if wanted == 0 {
		limit.Cur = limit.Max
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
		return nil
	}
	limit.Cur = wanted
	limit.Max = max(limit.Max, wanted)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("setrlimit(RLIMIT_NOFILE, %d) failed: %w", wanted, err)
	}
	return nil
}

func catchSignals() <-chan os.Signal {
	ch := make(chan os.Signal, 8)
	signal.Notify(ch, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH)
	signal.Ignore(syscall.SIGPIPE)
	return ch
}

// loop obeys signals until one of them ends the process.
func (n *node) loop() int {
	for sig := range n.signals {
		switch sig {
		case syscall.SIGHUP:
			n.reload()
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
	return 0
}

func (n *node) notice(format string, args ...any) {
	n.conf.log.Printf(errorlog.Notice, format, args...)
}

// reload reads the files again and, if they are right, puts the new
// configuration to work at once; otherwise the old one goes on.
func (n *node) reload() {
	n.notice("signal %d (SIGHUP) received, reconfiguring", syscall.SIGHUP)
	c, errs := load(n.opts, &n.logs)
	printErrors(n.stderr, errs)
	printReports(n.stderr, c.reports)
	for _, e := range errs {
		n.conf.log.Printf(levelOf(e.Severity), "%v", e)
	}
	if errs.Failed() {
		c.release()
		return
	}
	n.set.FreeBind = c.isVirtual
	opened, err := n.set.Open(c.http.Ports)
	if err != nil {
		printStartError(n.stderr, err)
		n.conf.log.Printf(errorlog.Emerg, "%v", err)
		c.release()
		return
	}
	if err := n.reloadFailover(c); err != nil {
		printStartError(n.stderr, err)
		n.conf.log.Printf(errorlog.Emerg, "%v", err)
		opened.Close()
		c.release()
		return
	}
	before, oldConf := n.gen, n.conf
	n.use(c, opened)
	n.retire(before, oldConf)
}

// reloadFailover takes over the VRRP side, which may begin or end with it.
func (n *node) reloadFailover(c *configuration) error {
	switch {
	case n.vrrp == nil:
		var err error
		n.vrrp, err = startFailover(c, &n.own, n.events())
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
	ctx, cancel := context.WithTimeout(context.Background(), n.conf.drainTimeout())
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

// retire lets a generation finish its requests, at most for
// worker_shutdown_timeout, and then gives up what it held open.
func (n *node) retire(gen *web.Generation, c *configuration) {
	r := &retired{done: make(chan struct{})}
	n.old = append(n.old, r)
	gen.Retire()
	go func() {
		defer close(r.done)
		ctx, cancel := c.process.shutdownContext()
		defer cancel()
		_ = gen.Wait(ctx)
		c.release()
	}()
}

// shutdownContext ends when worker_shutdown_timeout has passed.
func (p *processSettings) shutdownContext() (context.Context, context.CancelFunc) {
	if p.shutdownTimeout.V == 0 {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), p.shutdownTimeout.V)
}

// reopen opens the log files anew.
func (n *node) reopen() {
	n.notice("signal %d (SIGUSR1) received, reopening logs", syscall.SIGUSR1)
	for _, err := range n.logs.Reopen() {
		n.conf.log.Printf(errorlog.Emerg, "%v", err)
	}
}

// stop ends the process: the addresses go first, to a node that serves; then
// the web side ends at once, or when the last request is answered.
func (n *node) stop(gracefully bool) {
	n.stopFailover()
	n.set.Close()
	if !gracefully {
		n.gen.Abort()
		return
	}
	n.retire(n.gen, n.conf)
	for _, r := range n.old {
		select {
		case <-r.done:
		case sig := <-n.signals:
			n.notice("signal %d received while shutting down", sig)
			if sig == syscall.SIGTERM || sig == syscall.SIGINT || sig == syscall.SIGQUIT {
				n.gen.Abort()
				return
			}
		}
	}
}
