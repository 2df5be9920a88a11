package status

import "io"

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
