package main

import (
	"errors"
	"fmt"
	"io"

	"tandem/keepalivedconf"
	"tandem/vrrp"
	"tandem/vrrp/handover"
	"tandem/vrrp/netif"
)

// releaseLeftovers is --release: what remains to be done for a process that
// has died, as ExecStopPost of a service. It refuses while the process lives.
func releaseLeftovers(args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args)
	if err == nil && (o.signal != "" || o.test || o.version) {
		err = fmt.Errorf("--release takes only -p, -c, -g, -k and -i")
	}
	fail := func(err error) int {
		fmt.Fprintf(stderr, "tandem: [error] %v\n", err)
		return 1
	}
	if err != nil {
		return fail(err)
	}
	// Whoever starts meanwhile finds the file locked, and is not disturbed.
	name := o.runningPIDFile()
	unlock, err := lockDeadPIDFile(name)
	if err != nil {
		return fail(err)
	}
	defer unlock()
	if o.keepalived == "" {
		return 0
	}
	k, reports := keepalivedconf.Read(o.keepalived, keepalivedconf.Options{ConfigID: o.configID})
	if len(k.Instances) == 0 {
		printReports(stderr, reports)
		return 0
	}
	c := &configuration{keepalived: k}
	if err := c.enterNamespace(); err != nil {
		return fail(err)
	}
	stack, err := netif.Open()
	if err != nil {
		return fail(err)
	}
	defer stack.Close()
	cleaned, cleanErr := handover.CleanUp(leftoversFile(name), stack)
	if cleaned {
		fmt.Fprintln(stdout, "tandem: [notice] undone what a process has left that died while it was about to take over")
	}
	released, err := vrrp.Release(vrrp.FromKeepalived(k, uptime()), vrrp.Machine(stack))
	for _, p := range released {
		fmt.Fprintf(stdout, "tandem: [notice] released %v, which a process that died has left\n", p.Addr())
	}
	if err := errors.Join(cleanErr, err); err != nil {
		printStartError(stderr, err)
		return 1
	}
	return 0
}
