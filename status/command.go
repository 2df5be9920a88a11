package status

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Exit codes of the status command.
const (
	ExitHealthy    = 0
	ExitNotHealthy = 1
	ExitNotRunning = 2
	ExitUnknown    = 3 // the process could not be asked, or the command line is wrong
)

// Question is the command that a process answers with its Report.
const Question = "status"

// Renew is the command, with a name behind it, that has a certificate renewed.
const Renew = "renew "

// Purge begins the command that removes entries from the response caches; a key
// follows, or the beginning of keys and an asterisk.
const Purge = "cache purge "

// PurgeBoth is Purge on all nodes of a pair.
const PurgeBoth = "cache purge-both "

// ChangeUpstream begins the command that changes a server of an upstream:
//
//	upstream http|stream NAME add|set|remove SERVER [parameter ...]
const ChangeUpstream = "upstream "

// Answer writes the report as a process answers Question.
func (r *Report) Answer(out io.Writer) (code int) {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
		fmt.Fprintf(out, "status: %v\n", err)
		return ExitUnknown
	}
	if !r.Healthy {
		return ExitNotHealthy
	}
	return ExitHealthy
}

// Viewer shows the report of a process to a person or a program.
type Viewer struct {
	Socket string // name of the control socket
	// Running reports whether a process is alive that should listen there.
	Running func() bool
	JSON    bool          // as the process gives it
	Metrics bool          // as metrics
	Watch   time.Duration // show again each time this has passed; 0: once
	Style   Style
	Clear   bool // clear the terminal before each report when watching
	Out     io.Writer
	Err     io.Writer
}

// Run shows the report, and again until the context ends when watching. It
// returns the exit code of what was shown last.
func (v *Viewer) Run(ctx context.Context) (code int) {
	for {
		var page bytes.Buffer
		code = v.once(&page)
		if v.Clear && v.Watch > 0 {
			_, _ = io.WriteString(v.Out, "\x1b[H\x1b[2J\x1b[3J")
		}
		if _, err := v.Out.Write(page.Bytes()); err != nil || v.Watch == 0 {
			return code
		}
		select {
		case <-ctx.Done():
			return code
		case <-time.After(v.Watch):
		}
		if !v.JSON && !v.Metrics && !v.Clear {
			fmt.Fprintln(v.Out)
		}
	}
}

func (v *Viewer) once(out io.Writer) int {
	question := Question
	if v.Metrics {
		question = Metrics
	}
	var answer bytes.Buffer
	code, err := Ask(v.Socket, question, &answer)
	switch {
	case err != nil && v.Running():
		fmt.Fprintf(v.Err, "tandem: the process runs, but cannot be asked: %v\n", err)
		return ExitUnknown
	case err != nil:
		if v.JSON {
			fmt.Fprintln(out, `{"running": false, "healthy": false}`)
		} else {
			fmt.Fprintf(out, "no tandem is running here (%v)\n", err)
		}
		return ExitNotRunning
	case v.JSON, v.Metrics:
		_, _ = out.Write(answer.Bytes())
		return code
	}
	var r Report
	if err := json.Unmarshal(answer.Bytes(), &r); err != nil {
		fmt.Fprintf(v.Err, "tandem: the answer of the process cannot be read: %v\n%s", err, answer.Bytes())
		return ExitUnknown
	}
	if err := r.WriteText(out, v.Style); err != nil {
		return ExitUnknown
	}
	return code
}
