package status

import (
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ReadResources returns what this process uses; what the machine does not tell is
// 0.
func ReadResources() Resources {
	r := Resources{Goroutines: runtime.NumGoroutine()}
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	if metrics.Read(sample); sample[0].Value.Kind() == metrics.KindUint64 {
		r.Heap = sample[0].Value.Uint64()
	}
	// proc_pid_statm(5): all pages, then the resident ones.
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if words := strings.Fields(string(text)); len(words) > 1 {
			pages, _ := strconv.ParseUint(words[1], 10, 64)
			r.Resident = pages * uint64(os.Getpagesize())
		}
	}
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		r.Files = len(files) - 1 // without the folder itself
	}
	var used unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &used) == nil {
		r.CPU = (time.Duration(used.Utime.Nano()) + time.Duration(used.Stime.Nano())).Seconds()
	}
	return r
}
