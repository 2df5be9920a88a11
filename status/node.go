package status

import (
	"bytes"
	"io"
	"strings"
	"time"

	"tandem/internal/contain"
)

// Node is a process that tells of itself and can be told what to do, as those see
// it that show it.
type Node interface {
	// Report says how it stands. It may be a moment old, is shared with others and
	// not to be changed.
	Report() *Report
	// Order does a command of the control socket and returns the exit code that
	// its client would have; what is to be told goes to out.
	Order(command string, out io.Writer) (code int)
}

// promptly is how long Promptly waits for what comes of an order. The client's own
// connection may be one of those whose end the node waits for, to hand over.
const promptly = 250 * time.Millisecond

// Promptly gives a node an order and waits for its end for a moment. What it tells
// is without the beginnings that are for a terminal.
func Promptly(n Node, command string) (code int, text string, ended bool) {
	var out bytes.Buffer
	result := make(chan int, 1)
	go func() {
		code := 1
		_ = contain.Run("an order", func() { code = n.Order(command, &out) })
		result <- code
	}()
	late := time.NewTimer(promptly)
	defer late.Stop()
	select {
	case code := <-result:
		return code, Message(out.String()), true
	case <-late.C:
		return 0, "The order is under way; the state of the node tells what comes of it.", false
	}
}

// Message is what a node has told, without the beginnings that are for a terminal.
func Message(text string) string {
	text = strings.TrimSpace(text)
	for _, name := range []string{"tandem: ", "nginx: ", "keepalived: "} {
		for _, level := range []string{"[error] ", "[notice] ", "[emerg] ", "[warn] "} {
			text = strings.ReplaceAll(text, name+level, "")
		}
	}
	return text
}
