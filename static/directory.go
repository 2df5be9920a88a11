package static

import (
	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
	"tandem/web"
	"tandem/web/openfile"
)

// directory is an open directory and what is in it.
type directory struct {
	name    []byte // ends with a NUL byte
	fd      int
	entries openfile.Entries
}

// readDirectory reads the directory that the request's path, which ends with a
// slash, stands for. code is OK, and then the directory is to be closed, or what
// to answer instead.
func readDirectory(r *web.Request) (d directory, code web.Code) {
	path, ok := r.MapPath(r.Scratch())
	if !ok {
		r.Unscratch(path)
		return d, 500
	}
	if n := len(path); n > 1 {
		path = path[:n-1]
	}
	d = directory{name: append(path, 0), entries: openfile.Entries(r.Scratch())}
	var failed openfile.Failure
	if d.fd, failed = openfile.OpenDir(d.name); failed.OK() {
		if d.entries, failed = openfile.AppendEntries(d.entries, d.fd); failed.OK() {
			return d, web.OK
		}
	}
	defer d.close(r)
	level, code := errorlog.Crit, web.Code(500)
	switch {
	case isMissing(failed.Errno):
		level, code = errorlog.Error, 404
	case failed.Errno == unix.EACCES:
		level, code = errorlog.Error, 403
	}
	logFailure(r, level, d.name, failed)
	return d, code
}

func (d *directory) close(r *web.Request) {
	if d.fd >= 0 {
		openfile.Close(d.fd)
	}
	r.Unscratch(d.entries)
	r.Unscratch(d.name)
}

// logFailure logs why an entry could not be looked at.
func (d *directory) logFailure(r *web.Request, e openfile.Entry, f openfile.Failure) {
	name := append(append(append(r.Scratch(), text(d.name)...), '/'), e.Name...)
	logFailure(r, errorlog.Crit, name, f)
	r.Unscratch(name)
}

// isHidden reports whether an entry is left out of lists.
func isHidden(e openfile.Entry) bool { return e.Name[0] == '.' }
