package command

import (
	"bytes"
	"fmt"
	"io"
	"syscall"

	"tandem/internal/errorlog"
	"tandem/internal/logfile"
	"tandem/internal/process"
	"tandem/node/configuration"
	"tandem/status"
)

// sendSignal is -s: it signals the process that the pid file names. A reload is
// ordered through the control socket, whose answer says how it went.
func sendSignal(o *options, stderr io.Writer) int {
	var said bytes.Buffer
	c, errs := configuration.Load(&o.Source, &logfile.Set{NoFiles: true}, nil)
	configuration.PrintErrors(&said, errs)
	if errs.Failed() {
		_, _ = stderr.Write(said.Bytes())
		return 1
	}
	pid, err := process.ReadPID(c.PIDFile())
	if signal := signalsByName[o.signal]; err == nil && (signal == 0 || signal == syscall.SIGHUP) {
		// What there is to say of the files, the process itself says again.
		code, err := status.Ask(status.Name(c.PIDFile()), o.signal, stderr)
		if err == nil {
			return code
		}
		if err == status.ErrEnded || signal == 0 {
			fmt.Fprintf(stderr, "nginx: [error] %s: %v\n", o.signal, err)
			return 1
		}
	}
	_, _ = stderr.Write(said.Bytes())
	if err == nil {
		if e := syscall.Kill(pid, signalsByName[o.signal]); e != nil {
			err = fmt.Errorf("kill(%d, %d) failed (%s)", pid, signalsByName[o.signal], errorlog.Reason(e))
		}
	}
	if err != nil {
		fmt.Fprintf(stderr, "nginx: [error] %v\n", err)
		return 1
	}
	return 0
}

// signalsByName has no entry for what only the control socket can order.
var signalsByName = map[string]syscall.Signal{
	"stop": syscall.SIGTERM, "quit": syscall.SIGQUIT, "reopen": syscall.SIGUSR1, "reload": syscall.SIGHUP,
}
