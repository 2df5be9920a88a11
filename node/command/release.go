package command

import (
	"errors"
	"fmt"
	"io"

	"tandem/internal/process"
	"tandem/keepalivedconf"
	"tandem/keepalivedconf/text"
	"tandem/node/configuration"
	"tandem/node/failover"
	"tandem/vrrp"
	"tandem/vrrp/handover"
	"tandem/vrrp/netif"
)

// releaseLeftovers is --release: what remains to be done for a process that
// has died, as ExecStopPost of a service. It refuses while the process lives.
func releaseLeftovers(args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, configuration.Modules{})
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
	unlock, err := process.LockPIDFile(name)
	if err != nil {
		return fail(err)
	}
	defer unlock()
	if o.Keepalived == "" {
		return 0
	}
	k, reports := keepalivedconf.Read(o.Keepalived, keepalivedconf.Options{Text: text.Options{ConfigID: o.ConfigID}})
	if len(k.Instances) == 0 {
		configuration.PrintReports(stderr, reports)
		return 0
	}
	if err := configuration.EnterNamespace(k); err != nil {
		return fail(err)
	}
	stack, err := netif.Open()
	if err != nil {
		return fail(err)
	}
	defer stack.Close()
	cleaned, cleanErr := handover.CleanUp(failover.LeftoversFile(name), stack)
	if cleaned {
		fmt.Fprintln(stdout, "tandem: [notice] cleaned up after a process that died while it was about to take over")
	}
	released, err := vrrp.Release(vrrp.FromKeepalived(k, vrrp.Uptime()), vrrp.Machine(stack))
	for _, p := range released {
		fmt.Fprintf(stdout, "tandem: [notice] released %v, left behind by a process that died\n", p.Addr())
	}
	if err := errors.Join(cleanErr, err); err != nil {
		configuration.PrintFailure(stderr, err)
		return 1
	}
	return 0
}
