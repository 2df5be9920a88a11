package static

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"tandem/internal/errorlog"
	"tandem/internal/escape"
	nc "tandem/nginxconf"
	"tandem/web"
	"tandem/web/message"
	"tandem/web/openfile"
)

// DAV changes files: the methods PUT, DELETE, MKCOL, COPY and MOVE of WebDAV,
// RFC 4918 (ngx_http_dav_module).
//
//	dav_methods off | method ...;                                   off
//	dav_access users:permissions ...;                               user:rw
//	create_full_put_path on | off;                                  off
//	min_delete_depth number;                                        0
//
// in http, server and location.
var DAV = &web.Module{
	Name: "dav",
	Commands: []nc.Command{
		{Name: "dav_methods", In: davContexts, Arity: nc.OneMore,
			Set: nc.SetBitmask(web.At(davSlot, func(c *davSettings) *nc.Value[davMethods] { return &c.methods }),
				nc.Name{Name: "off", Value: davOff}, nc.Name{Name: "put", Value: int(web.PUT)},
				nc.Name{Name: "delete", Value: int(web.DELETE)}, nc.Name{Name: "mkcol", Value: int(web.MKCOL)},
				nc.Name{Name: "copy", Value: int(web.COPY)}, nc.Name{Name: "move", Value: int(web.MOVE)})},
		{Name: "dav_access", In: davContexts, Arity: nc.Take123,
			Set: nc.SetAccess(web.At(davSlot, func(c *davSettings) *nc.Value[fs.FileMode] { return &c.access }))},
		{Name: "create_full_put_path", In: davContexts, Arity: nc.Flag,
			Set: nc.SetFlag(web.At(davSlot, func(c *davSettings) *nc.Value[bool] { return &c.createPath }))},
		{Name: "min_delete_depth", In: davContexts, Arity: nc.Take1,
			Set: nc.SetNumber(web.At(davSlot, func(c *davSettings) *nc.Value[int] { return &c.minDepth }))},
	},
	Init: func(h *web.HTTP) error {
		if h.Any(func(l *web.Location) bool { return davSlot.Of(l).methods.V&^davOff != 0 }) {
			h.Handle(web.Content, serveDAV)
		}
		return nil
	},
}

const davContexts = nc.HTTP | nc.Server | nc.Location

// davMethods is a set of web.Method.
type davMethods int

// davOff is the word off: no method.
const davOff = 1 << 30

type davSettings struct {
	methods    nc.Value[davMethods]
	access     nc.Value[fs.FileMode] // of files
	createPath nc.Value[bool]
	minDepth   nc.Value[int] // elements of a path that may be deleted
}

var davSlot = web.NewLocationSlot(func(c, p *davSettings) error {
	c.methods.Inherit(p.methods, davOff)
	c.access.Inherit(p.access, 0o600)
	c.createPath.Inherit(p.createPath, false)
	c.minDepth.Inherit(p.minDepth, 0)
	return nil
})

func serveDAV(r *web.Request) web.Code {
	c := davSlot.Of(r.Location)
	if int(c.methods.V)&int(r.Method) == 0 {
		return web.Declined
	}
	switch r.Method {
	case web.PUT:
		return davPut(r, c)
	case web.DELETE:
		return davDelete(r, c)
	case web.MKCOL:
		return davMakeCollection(r, c)
	case web.COPY, web.MOVE:
		return davCopy(r, c)
	}
	return web.Declined
}

// isCollection reports whether a path means a collection: a folder.
func isCollection(path []byte) bool { return len(path) > 0 && path[len(path)-1] == '/' }

// davPut stores the request's body as a file.
func davPut(r *web.Request, c *davSettings) web.Code {
	if isCollection(r.Path) {
		r.Logf(errorlog.Error, "cannot PUT to a collection")
		return 409
	}
	// "An origin server SHOULD respond with a 400 (Bad Request) status code if it
	// receives Content-Range on a PUT for a target resource that does not support
	// partial PUT requests" (RFC 9110, 14.5); nginx says 501.
	if r.Head.Has(message.ContentRange) {
		r.Logf(errorlog.Error, "PUT with range is unsupported")
		return 501
	}
	r.BodyInFile = true
	if code := r.ReadBody(); code != web.OK {
		return code
	}
	path, ok := mapped(r)
	if !ok {
		return 500
	}
	status := 204
	info, err := os.Stat(path)
	if err != nil {
		status = 201
	} else if info.IsDir() {
		r.Logf(errorlog.Error, "\"%s\" could not be created (%s)", path, errorlog.Errno(syscall.EISDIR))
		return 409
	}
	move := openfile.Move{Access: c.access.V, FolderAccess: c.access.V, CreatePath: c.createPath.V}
	if date := r.Header(message.Date); date != nil {
		if t, ok := message.ParseTime(date); ok {
			move.Modified = unixTime(t)
		}
	}
	body := r.TakeBodyFile()
	if err := move.Do(body, path); err != nil {
		r.Logf(errorlog.Crit, "%s", openfile.ChangeError(err))
		_ = os.Remove(body)
		return 500
	}
	if status == 201 {
		setDAVLocation(r)
		r.Response.ContentLength = 0
	}
	r.Response.Status = status
	r.HeaderOnly = true
	return r.SendHeader()
}

// davDelete removes a file, or a folder with all that is in it.
func davDelete(r *web.Request, c *davSettings) web.Code {
	if r.HasBody() {
		r.Logf(errorlog.Error, "DELETE with body is unsupported")
		return 415
	}
	if depth := pathDepth(r.Path); depth < c.minDepth.V {
		r.Logf(errorlog.Error, "insufficient URI depth:%d to DELETE", strings.Count(string(r.Path), "/"))
		return 409
	}
	path, ok := mapped(r)
	if !ok {
		return 500
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		return davError(r, err, 409)
	case err != nil:
		return davError(r, err, 404)
	case info.IsDir() && !isCollection(r.Path):
		r.Logf(errorlog.Error, "DELETE \"%s\" failed (%s)", path, errorlog.Errno(syscall.EISDIR))
		return 409
	case info.IsDir() && davDepth(r, depthInfinity) != depthInfinity:
		r.Logf(errorlog.Error, "\"Depth\" header must be infinity")
		return 400
	case !info.IsDir() && davDepth(r, 0) != 0 && davDepth(r, 0) != depthInfinity:
		r.Logf(errorlog.Error, "\"Depth\" header must be 0 or infinity")
		return 400
	}
	if err := removePath(r, path, info.IsDir()); err != nil {
		return davError(r, err, 404)
	}
	return 204
}

// pathDepth returns how many elements a path has.
func pathDepth(path []byte) int {
	n := 0
	for i, c := range path {
		if c == '/' && i+1 < len(path) {
			n++
		}
	}
	return n
}

// removePath removes a file, or a folder with what is in it.
func removePath(r *web.Request, path string, folder bool) error {
	if !folder {
		return os.Remove(path)
	}
	if path = strings.TrimSuffix(path, "/"); isLink(path) {
		// nginx empties the folder that the link leads to before it fails.
		return &fs.PathError{Op: "rmdir", Path: path + "/", Err: syscall.ENOTDIR}
	}
	return removeFolder(r, path)
}

// removeFolder removes a folder as far as that can be done. As in nginx links to
// folders stay, and those that lead nowhere, so that the folder does, too; what
// is in a folder that a link leads to is left alone.
func removeFolder(r *web.Request, path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path + "/" + e.Name()
		switch {
		case e.IsDir():
			err = removeFolder(r, name)
		case e.Type()&fs.ModeSymlink != 0 && !leadsToFile(name):
			err = &fs.PathError{Op: "rmdir", Path: name, Err: syscall.ENOTDIR}
		default:
			err = os.Remove(name)
		}
		if err != nil {
			davError(r, err, 404)
		}
	}
	if err := syscall.Rmdir(path); err != nil {
		return &fs.PathError{Op: "rmdir", Path: path, Err: err}
	}
	return nil
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

func leadsToFile(link string) bool {
	info, err := os.Stat(link)
	return err == nil && !info.IsDir()
}

// davMakeCollection makes a folder.
func davMakeCollection(r *web.Request, c *davSettings) web.Code {
	if r.HasBody() {
		r.Logf(errorlog.Error, "MKCOL with body is unsupported")
		return 415
	}
	if !isCollection(r.Path) {
		r.Logf(errorlog.Error, "MKCOL can create a collection only")
		return 409
	}
	path, ok := mapped(r)
	if !ok {
		return 500
	}
	if err := os.Mkdir(strings.TrimSuffix(path, "/"), openfile.FolderAccess(c.access.V)); err != nil {
		return davError(r, err, 409)
	}
	setDAVLocation(r)
	return 201
}

// mapped returns the file that the path stands for.
func mapped(r *web.Request) (string, bool) {
	name, ok := r.MapPath(r.Scratch())
	defer func() { r.Unscratch(name) }()
	return string(name), ok
}

func setDAVLocation(r *web.Request) {
	location := escape.AppendURI(r.Scratch(), r.Path, escape.URI)
	r.Response.Location = r.Keep(location)
	r.Unscratch(location)
}

// Values of the Depth header (RFC 4918, 10.2).
const (
	depthInvalid  = -2
	depthInfinity = -1
)

func davDepth(r *web.Request, without int) int {
	value := r.Header(message.Depth)
	switch string(value) {
	case "":
		if value == nil {
			return without
		}
	case "0":
		return 0
	case "1":
		return 1
	case "infinity":
		return depthInfinity
	}
	r.Logf(errorlog.Error, "client sent invalid \"Depth\" header: \"%s\"", value)
	return depthInvalid
}

// davError logs why a change failed, and returns the status that the reason
// deserves; missing is the one for what is not there.
func davError(r *web.Request, err error, missing web.Code) web.Code {
	level, code := errorlog.Error, web.Code(500)
	switch e := openfile.ErrnoOf(err); {
	case isMissing(e):
		code = missing
	case e == syscall.EACCES || e == syscall.EPERM:
		code = 403
	case e == syscall.EEXIST:
		code = 405
	case e == syscall.ENOSPC:
		level, code = errorlog.Crit, 507
	default:
		level = errorlog.Crit
	}
	r.Logf(level, "%s", openfile.ChangeError(err))
	return code
}
