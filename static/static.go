package static

import (
	"syscall"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
	"tandem/internal/escape"
	"tandem/web"
	"tandem/web/openfile"
)

// Module serves the file that a path stands for under root or alias
// (ngx_http_static_module). It has no directives of its own.
var Module = &web.Module{
	Name: "static",
	Init: func(h *web.HTTP) error {
		h.Handle(web.Content, serveFile)
		return nil
	},
}

// readMethods are the methods that files are served to. POST is among them
// only to be refused after the file has been looked for, as nginx does.
const readMethods = web.GET | web.HEAD | web.POST

func serveFile(r *web.Request) web.Code {
	if r.Method&readMethods == 0 {
		return 405
	}
	if r.Path[len(r.Path)-1] == '/' {
		return web.Declined
	}
	name, ok := r.MapPath(r.Scratch())
	defer func() { r.Unscratch(name) }()
	if !ok {
		return 500
	}
	name = append(name, 0)
	f, failed := openFile(r, name)
	if !failed.OK() {
		return openFailed(r, name, failed)
	}
	defer f.close()
	switch {
	case f.IsDir():
		return redirectToDirectory(r)
	case !f.IsRegular():
		r.Logf(errorlog.Crit, "\"%s\" is not a regular file", text(name))
		return 404
	case r.Method == web.POST:
		return 405
	}
	r.DiscardBody()
	return sendFile(r, &f)
}

// sendFile answers 200 with an open file.
func sendFile(r *web.Request, f *file) web.Code {
	p := &r.Response
	p.Status = 200
	p.ContentLength = f.Size
	p.LastModified = f.Modified()
	r.SetFileETag()
	r.SetContentType()
	r.AllowRanges = true
	if code := r.SendHeader(); code != web.OK || r.HeaderOnly {
		return code
	}
	return r.SendBody(f.chunk(r))
}

// redirectToDirectory answers 301 to the path with a final slash.
func redirectToDirectory(r *web.Request) web.Code {
	location := escape.AppendURI(r.Scratch(), r.Path, escape.URI)
	location = append(location, '/')
	if len(r.Args) > 0 {
		location = append(append(location, '?'), r.Args...)
	}
	r.Response.Location = r.Keep(location)
	r.Unscratch(location)
	return 301
}

// openFailed logs why a file could not be opened, and returns the status that
// the reason deserves.
func openFailed(r *web.Request, name []byte, f openfile.Failure) web.Code {
	code, level := web.Code(500), errorlog.Crit
	switch f.Errno {
	case unix.ENOENT, unix.ENOTDIR, unix.ENAMETOOLONG:
		code, level = 404, errorlog.Error
		if !r.Core.LogNotFound.V {
			return code
		}
	case unix.EACCES, unix.EMLINK, unix.ELOOP:
		code, level = 403, errorlog.Error
	}
	logFailure(r, level, name, f)
	return code
}

// logFailure logs a system call that failed: open() "name" failed (2: No such
// file or directory).
func logFailure(r *web.Request, level errorlog.Level, name []byte, f openfile.Failure) {
	if !r.Log().Enabled(level) {
		return
	}
	b := append(r.Scratch(), f.Call...)
	b = append(append(b, " \""...), text(name)...)
	b = errorlog.AppendErrno(append(b, "\" failed ("...), f.Errno)
	r.LogMessage(level, append(b, ')'))
	r.Unscratch(b)
}

// text returns a file name without the NUL byte at its end.
func text(name []byte) []byte { return name[:len(name)-1] }

// isMissing reports the errors that mean that there is no such file.
func isMissing(e syscall.Errno) bool {
	return e == unix.ENOENT || e == unix.ENOTDIR || e == unix.ENAMETOOLONG
}
