package static

import (
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"

	"tandem/internal/errorlog"
	"tandem/web"
)

// readDirectory reads the directory that the request's path, which ends with a
// slash, stands for. Names that begin with a dot are left out. code is OK or
// what to answer instead.
func readDirectory(r *web.Request) (name string, entries []os.DirEntry, code web.Code) {
	path, ok := r.MapPath(r.Scratch())
	defer r.Unscratch(path)
	if !ok {
		return "", nil, 500
	}
	if n := len(path); n > 1 {
		path = path[:n-1]
	}
	name = string(path)
	d, err := os.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err == nil {
		defer func() { _ = d.Close() }()
		if entries, err = d.ReadDir(-1); err == nil {
			hidden := func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), ".") }
			return name, slices.DeleteFunc(entries, hidden), web.OK
		}
	}
	level, code := errorlog.Crit, web.Code(500)
	switch e := errnoOf(err); {
	case isMissing(e):
		level, code = errorlog.Error, 404
	case e == syscall.EACCES:
		level, code = errorlog.Error, 403
	}
	logDirectoryError(r, level, "opendir()", name, err)
	return name, nil, code
}

func errnoOf(err error) syscall.Errno {
	var e syscall.Errno
	errors.As(err, &e)
	return e
}

func logDirectoryError(r *web.Request, level errorlog.Level, call, name string, err error) {
	r.Logf(level, "%s \"%s\" failed (%s)", call, name, errorlog.Errno(errnoOf(err)))
}
