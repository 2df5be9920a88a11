package openfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"tandem/internal/errorlog"
)

// ChangeError says in nginx's words which change of a file failed and why; err is
// of Move.Do or package os.
func ChangeError(err error) string {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return fmt.Sprintf("%s() \"%s\" failed (%s)", callName(path.Op), path.Path, errorlog.Reason(path.Err))
	case errors.As(err, &link):
		return fmt.Sprintf("%s() \"%s\" to \"%s\" failed (%s)", link.Op, link.Old, link.New, errorlog.Reason(link.Err))
	}
	return err.Error()
}

// callName returns the system call that package os means.
func callName(op string) string {
	switch op {
	case "remove", "unlinkat":
		return "unlink"
	case "chtimes":
		return "utimes"
	}
	return op
}
