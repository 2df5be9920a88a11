package openfile

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
)

func TestErrnoOf(t *testing.T) {
	_, missing := os.Open("/nowhere/at/all")
	for _, c := range []struct {
		err  error
		want syscall.Errno
	}{
		{missing, syscall.ENOENT},
		{fmt.Errorf("while reading: %w", missing), syscall.ENOENT},
		{&os.LinkError{Op: "rename", Err: syscall.EXDEV}, syscall.EXDEV},
		{errors.New("something else"), syscall.EIO},
	} {
		if got := ErrnoOf(c.err); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}
