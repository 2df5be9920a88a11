package status

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
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
	// Screen is that of a terminal which shows one report in place of another; nil:
	// one report follows the other.
	Screen func() Screen
	Top    bool // rates of the last interval in place of the report
	Pages  int  // how many are shown when watching; 0: no limit
	Out    io.Writer
	Err    io.Writer

	before *Report // of the last interval
}

// Run shows the report, and again until the context ends when watching. It
// returns the exit code of what was shown last.
func (v *Viewer) Run(ctx context.Context) (code int) {
	for n := 1; ; n++ {
		var page bytes.Buffer
		code = v.once(&page)
		text := page.String()
		if v.repaints() {
			text = v.Screen().repaint(text)
		}
		if _, err := io.WriteString(v.Out, text); err != nil || v.Watch == 0 || n == v.Pages {
			return code
		}
		select {
		case <-ctx.Done():
			return code
		case <-time.After(v.Watch):
		}
		if !v.JSON && !v.Metrics && !v.repaints() {
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
	case errors.Is(err, fs.ErrPermission):
		fmt.Fprintf(v.Err, "tandem: only root and the user that started tandem may ask it: %v\n", err)
		return ExitUnknown
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
	if err := json.Unmarshal(harmless(answer.Bytes()), &r); err != nil {
		fmt.Fprintf(v.Err, "tandem: the answer of the process cannot be read: %v\n%s", err, answer.Bytes())
		return ExitUnknown
	}
	if v.Top {
		before := v.before
		v.before = &r
		err = r.WriteTop(out, before, v.Style)
	} else {
		err = r.WriteText(out, v.Style)
	}
	if err != nil {
		return ExitUnknown
	}
	return code
}

// repaints reports whether one report takes the place of another on a terminal.
func (v *Viewer) repaints() bool { return v.Screen != nil && v.Watch > 0 && !v.JSON && !v.Metrics }

// control is a control character in JSON.
var control = regexp.MustCompile(`\\u00[01][0-9a-f]`)

// harmless takes control characters out of JSON, so that no name, of another node for
// instance, gives orders to the terminal.
func harmless(text []byte) []byte { return control.ReplaceAllLiteral(text, []byte("\uFFFD")) }
