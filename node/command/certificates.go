package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"tandem/node/configuration"
	"tandem/status"
)

const certificatesUsage = `Usage: tandem certificates [--json] [--renew NAME] [-p prefix] [-c filename]
                           [-g directives]

Lists the certificates of the running tandem: until when they are valid, where
they come from, and when those that it gets by itself (ACME) are renewed.

  --json       : as JSON, for programs
  --renew NAME : have a certificate renewed now, by one of its names; on a pair
                 the node that has the addresses does it, whichever is asked
  -p -c -g     : which tandem, as for -s: the one whose pid file they name

Exit code: 0 done, 1 there is no such certificate, 2 no tandem running, 3 it
could not be asked.
`

// certificates is the certificates command.
func certificates(args []string, stdout, stderr io.Writer) int {
	var rest []string
	asJSON, renew := false, ""
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "--json":
			asJSON = true
		case args[i] == "--renew" && i+1 < len(args):
			i++
			renew = args[i]
		case args[i] == "--help", args[i] == "-h", args[i] == "-?":
			fmt.Fprint(stdout, certificatesUsage)
			return 0
		default:
			rest = append(rest, args[i])
		}
	}
	o, err := parseOptions(rest, configuration.Modules{})
	if err == nil && (o.signal != "" || o.test || o.version) {
		err = fmt.Errorf("certificates takes only -p, -c and -g of nginx's options")
	}
	if err != nil {
		fmt.Fprintf(stderr, "tandem: %v\n%s", err, certificatesUsage)
		return status.ExitUnknown
	}
	question := status.Question
	if renew != "" {
		question = status.Renew + renew
	}
	var answer bytes.Buffer
	code, err := status.Ask(status.Name(o.runningPIDFile()), question, &answer)
	if err != nil {
		fmt.Fprintf(stderr, "tandem: no tandem is running here (%v)\n", err)
		return status.ExitNotRunning
	}
	if renew != "" {
		_, _ = stdout.Write(answer.Bytes())
		return code
	}
	var r status.Report
	if err := json.Unmarshal(answer.Bytes(), &r); err != nil {
		fmt.Fprintf(stderr, "tandem: the answer of the process cannot be read: %v\n", err)
		return status.ExitUnknown
	}
	if asJSON {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		err = out.Encode(r.Certificates)
	} else {
		err = r.WriteCertificates(stdout)
	}
	if err != nil {
		return status.ExitUnknown
	}
	return 0
}
