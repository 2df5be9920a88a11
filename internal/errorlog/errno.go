package errorlog

import (
	"strconv"
	"syscall"
)

// Errno returns a system error the way nginx's log shows it in parentheses:
// its number and its text, as "2: No such file or directory".
func Errno(e syscall.Errno) string {
	text := []byte(e.Error())
	if c := text[0]; c >= 'a' && c <= 'z' {
		text[0] = c - 0x20
	}
	return strconv.Itoa(int(e)) + ": " + string(text)
}
