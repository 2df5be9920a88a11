// Package contain keeps a panic to what it happened in: a request, a
// connection, a check, a script's run. It is reported with its stack and
// counted, and the rest of the process goes on. What decides about virtual
// addresses is not contained: a process that is wrong about those is to end, and
// the kernel takes the addresses off the machine.
//
// Reports and counts are the process's, as panics are. The runtime's own fatal
// errors, such as writing to a map from two goroutines, end the process still.
package contain

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Panic is a panic that was contained.
type Panic struct {
	What  string // what it happened in
	Value any
	Stack string // in one line: the functions, the innermost first
}

// Error is one line.
func (p *Panic) Error() string {
	return fmt.Sprintf("panic in %s: %s, stack: %s", p.What, strings.ReplaceAll(fmt.Sprint(p.Value), "\n", " "), p.Stack)
}

// within is how long a panic counts for TooMany, and tolerated how many may
// count: one bad request is not the node's failure, several are.
const (
	within    = time.Minute
	tolerated = 4
)

var (
	count  atomic.Uint64
	report atomic.Pointer[func(*Panic)]

	mu     sync.Mutex
	latest [tolerated + 1]time.Time // a ring
	next   int
)

// Report has f told of each panic, on the goroutine where it happened, in place
// of the standard error output.
func Report(f func(*Panic)) { report.Store(&f) }

// Count returns how many panics were contained so far.
func Count() uint64 { return count.Load() }

// TooMany says that there were so many within a minute that something is wrong
// with the process, and is nil otherwise.
func TooMany() error { return tooMany(time.Now()) }

func tooMany(now time.Time) error {
	if count.Load() <= tolerated {
		return nil
	}
	mu.Lock()
	defer mu.Unlock()
	if oldest := latest[next]; now.Sub(oldest) < within { // the next one takes its place
		return fmt.Errorf("%d panics within %v", len(latest), within)
	}
	return nil
}

// Recover is to be deferred: a panic ends the function that defers it as if it
// had returned.
func Recover(what string) {
	if v := recover(); v != nil {
		tell(Caught(what, v))
	}
}

// Run calls f. The error is a *Panic that has been reported, or nil.
func Run(what string, f func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			p := Caught(what, v)
			tell(p)
			err = p
		}
	}()
	f()
	return nil
}

// again is how long Loop waits after a panic.
const again = time.Second

// Loop calls f, which is to go on until ctx ends, and calls it again a second
// after a panic.
func Loop(ctx context.Context, what string, f func()) {
	for Run(what, f) != nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(again):
		}
	}
}

// Caught counts a panic whose value the caller has recovered, and which it
// reports itself.
func Caught(what string, value any) *Panic {
	count.Add(1)
	mu.Lock()
	latest[next] = time.Now()
	next = (next + 1) % len(latest)
	mu.Unlock()
	return &Panic{What: what, Value: value, Stack: stack()}
}

func tell(p *Panic) {
	if f := report.Load(); f != nil {
		(*f)(p)
		return
	}
	fmt.Fprintln(os.Stderr, p)
}

// deepest is how many functions of a stack are told.
const deepest = 24

// stack returns the functions that were under way at the panic: those behind
// the runtime's own.
func stack() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	var b strings.Builder
	panicked, told := false, 0
	for more := true; more && told < deepest; {
		var f runtime.Frame
		f, more = frames.Next()
		if strings.HasPrefix(f.Function, "runtime.") {
			panicked = panicked || f.Function == "runtime.gopanic"
			continue
		}
		if !panicked {
			continue // how it was contained
		}
		if told++; told > 1 {
			b.WriteString(" < ")
		}
		dir, file := filepath.Split(f.File)
		fmt.Fprintf(&b, "%s (%s/%s:%d)", f.Function, filepath.Base(dir), file, f.Line)
	}
	return b.String()
}
