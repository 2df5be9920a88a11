package node

import (
	"context"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"tandem/internal/contain"
	"tandem/internal/errorlog"
	"tandem/internal/privilege"
	nc "tandem/nginxconf"
	"tandem/node/configuration"
)

// reload reads the files again and, if they are right, puts the new
// configuration to work at once; otherwise the old one goes on. What is wrong
// is logged and written to out; ok is false if the old configuration stays.
func (n *node) reload(out io.Writer) (ok bool) {
	_ = n.supervisor.Reloading() // what follows is told all the same
	defer n.tell("READY=1")
	// The files belong to root, and so may addresses and logs.
	privilege.Raise(func() { ok = n.reloadRaised(out) })
	if ok {
		n.failedReload.Store(nil)
		n.reloads[0].Add(1)
		n.takeUp(n.inForce.Load().configuration)
	} else {
		now := time.Now()
		n.failedReload.Store(&now)
		n.reloads[1].Add(1)
	}
	return ok
}

func (n *node) reloadRaised(out io.Writer) bool {
	before := n.inForce.Load()
	var c *configuration.Configuration
	var errs nc.Errors
	if err := contain.Run("reading the configuration", func() {
		c, errs = configuration.Load(n.source, &n.logs, before.configuration)
	}); err != nil {
		configuration.PrintFailure(out, err)
		return false
	}
	configuration.PrintErrors(out, errs)
	configuration.PrintReports(out, c.Reports)
	log := before.configuration.Log
	for _, e := range errs {
		log.Printf(configuration.LevelOf(e.Severity), "%v", e)
	}
	news := c.Reports.NewMistakes(before.configuration.Reports)
	for _, r := range news {
		log.Printf(errorlog.Emerg, "keepalived.conf: %s", r)
	}
	if len(news) > 0 {
		refusal := fmt.Sprintf("%s has mistakes that it did not have before: the old configuration stays in force", n.source.Keepalived)
		log.Printf(errorlog.Emerg, "%s", refusal)
		fmt.Fprintf(out, "keepalived: %s\n", refusal)
	}
	if errs.Failed() || len(news) > 0 {
		c.Release()
		return false
	}
	logReports(c)
	warnOfUser(c, before.configuration)
	n.warnOfPrograms(c)
	ready, err := prepare(c, n.lockPart, settingsPart, n.webPart, n.writePart, n.otherPIDFilesPart, foldersPart, n.balancePart, n.failoverPart, n.bfdPart)
	if err != nil {
		configuration.PrintFailure(out, err)
		log.Printf(errorlog.Emerg, "%v", err)
		c.Release()
		return false
	}
	n.changing.Lock()
	ready.commit()
	n.put(c)
	n.changing.Unlock()
	if !c.HasInstances() && n.vrrp != nil {
		n.stopFailover()
		n.put(c)
	}
	n.retire(before.generation, before.configuration, n.generation)
	return true
}

// logReports writes to the error log what of keepalived.conf does not work as it
// is written: nobody may have been there to read what was printed.
func logReports(c *configuration.Configuration) {
	for _, r := range c.Reports {
		if r.Kind.Matters() {
			c.Log.Printf(errorlog.Warn, "keepalived.conf: %s", r)
		}
	}
}

// retire lets a generation finish its requests, at most for
// worker_shutdown_timeout, and then gives up what it held open. Its connections
// go on with next, if there is one.
func (n *node) retire(gen *generation, c *configuration.Configuration, next *generation) {
	n.forgetRetired()
	done := make(chan struct{})
	n.old = append(n.old, done)
	gen.retire(next)
	go func() {
		defer close(done)
		ctx, cancel := shutdownContext(c.Process.ShutdownTimeout.V)
		defer cancel()
		gen.wait(ctx)
		// There is no worker, but tools wait for what nginx says when the last
		// request of an old configuration has been answered.
		n.inForce.Load().configuration.Log.Printf(errorlog.Notice, "worker process %d exited with code 0", os.Getpid())
		c.Release()
		n.garbage.Reset(garbageGrace)
	}()
}

// garbageGrace is how long after the start, and after the end of a generation,
// what reading a configuration has left and what the generation held is given
// back to the system. By then nothing holds it any more, and other reloads may
// have left more. Without this it would stay: who serves allocates next to
// nothing, so that the garbage collector has no reason to run.
const garbageGrace = 1500 * time.Millisecond

// forgetRetired forgets generations that have ended.
func (n *node) forgetRetired() {
	kept := n.old[:0]
	for _, done := range n.old {
		select {
		case <-done:
		default:
			kept = append(kept, done)
		}
	}
	clear(n.old[len(kept):])
	n.old = kept
}

// shutdownContext ends when worker_shutdown_timeout has passed.
func shutdownContext(limit time.Duration) (context.Context, context.CancelFunc) {
	if limit == 0 {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), limit)
}

// reopen opens the log files anew.
func (n *node) reopen() {
	n.notice("signal %d (SIGUSR1) received, reopening logs", syscall.SIGUSR1)
	var errs []error
	privilege.Raise(func() { errs = n.logs.Reopen() })
	for _, err := range errs {
		n.inForce.Load().configuration.Log.Printf(errorlog.Emerg, "%v", err)
	}
}
