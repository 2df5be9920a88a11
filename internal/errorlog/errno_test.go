package errorlog

import (
	"syscall"
	"testing"
)

func TestErrno(t *testing.T) {
	for e, want := range map[syscall.Errno]string{
		syscall.ENOENT:       "2: No such file or directory",
		syscall.EACCES:       "13: Permission denied",
		syscall.ENAMETOOLONG: "36: File name too long",
		syscall.ECONNREFUSED: "111: Connection refused",
		syscall.EXFULL:       "54: Exchange full",
		syscall.Errno(4000):  "4000: Errno 4000",
	} {
		if got := Errno(e); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
