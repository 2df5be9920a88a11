package process

import (
	"fmt"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
)

// RaiseFileLimit makes room for connections: wanted descriptors, or
// with 0 as many as the system allows.
func RaiseFileLimit(wanted uint64) error {
	limit := unix.Rlimit{Cur: wanted, Max: wanted}
	if wanted == 0 {
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			return fmt.Errorf("getrlimit(RLIMIT_NOFILE) failed (%s)", errorlog.Reason(err))
		}
		limit.Cur = limit.Max
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("setrlimit(RLIMIT_NOFILE, %d) failed (%s)", wanted, errorlog.Reason(err))
	}
	return nil
}
