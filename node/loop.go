package node

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
	"tandem/internal/privilege"
)

func catchSignals() <-chan os.Signal {
	ch := make(chan os.Signal, 8)
	signal.Notify(ch, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH,
		SignalJSON, SignalStatsClear)
	// Not ignored but thrown away: scripts would inherit that it is ignored.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return ch
}

// loop obeys signals until one of them ends the process.
func (n *node) loop() {
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
			n.writeData(sig)
		case syscall.SIGTERM, syscall.SIGINT:
			n.notice("signal %d (%s) received, exiting", sig, unix.SignalName(sig.(syscall.Signal)))
			n.stop(false)
			return
		case syscall.SIGQUIT:
			n.notice("signal %d (%s) received, gracefully shutting down", sig, unix.SignalName(sig.(syscall.Signal)))
			n.stop(true)
			return
		case syscall.SIGWINCH:
			n.notice("signal SIGWINCH received and ignored: there are no worker processes to shut down")
		case SignalJSON, SignalStatsClear:
			n.writeData(sig)
		case syscall.SIGUSR2:
			if !n.writeData(sig) {
				n.notice("signal SIGUSR2 received and ignored: a new binary takes a restart")
			}
		}
	}
}

func (n *node) notice(format string, args ...any) {
	n.inForce.Load().configuration.Log.Printf(errorlog.Notice, format, args...)
}

// stop ends the process: the addresses go first, to a node that serves; then
// the web side ends at once, or when the last request is answered.
func (n *node) stop(gracefully bool) {
	n.stopping.Store(true)
	n.tell("STOPPING=1", "STATUS=handing over, then answering the last requests")
	n.stopFailover()
	n.stopBFD()
	n.stopBalance()
	if !gracefully {
		n.abortWeb()
		return
	}
	privilege.Raise(n.set.Close)
	n.retire(n.generation, n.inForce.Load().configuration, nil)
	for _, done := range n.old {
		select {
		case <-done:
		case sig := <-n.signals:
			n.notice("signal %d received while shutting down", sig)
			if sig == syscall.SIGTERM || sig == syscall.SIGINT || sig == syscall.SIGQUIT {
				n.abortWeb()
				return
			}
		}
	}
}
