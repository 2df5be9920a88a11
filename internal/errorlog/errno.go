package errorlog

import (
	"errors"
	"strconv"
	"syscall"
)

// Errno returns a system error the way nginx's log shows it in parentheses:
// its number and its text, as "2: No such file or directory".
func Errno(e syscall.Errno) string { return string(AppendErrno(nil, e)) }

// AppendErrno appends what Errno returns.
func AppendErrno(dst []byte, e syscall.Errno) []byte {
	dst = strconv.AppendInt(dst, int64(e), 10)
	dst = append(dst, ": "...)
	start := len(dst)
	dst = append(dst, e.Error()...)
	if c := dst[start]; c >= 'a' && c <= 'z' {
		dst[start] = c - 0x20
	}
	return dst
}

// Reason returns the system error inside err as Errno does, or err's own text
// when there is none.
func Reason(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return Errno(errno)
	}
	return err.Error()
}
