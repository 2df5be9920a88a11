package static

import (
	"fmt"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
	"tandem/web/openfile"
	"tandem/web/smallfile"
)

// Index answers a path that ends with a slash with the first of the index
// files that exists there (ngx_http_index_module).
//
// Syntax: index file ...;
// Default: index index.html;
// Context: http, server, location
//
// A name may hold variables. One that begins with a slash is not looked for:
// the request is redirected to it inside the server.
var Index = &web.Module{
	Name: "index",
	Commands: []nc.Command{
		{Name: "index", In: nc.HTTP | nc.Server | nc.Location, Arity: nc.OneMore, Set: readIndex},
	},
	Init: func(h *web.HTTP) error {
		h.Handle(web.Content, serveIndex)
		return nil
	},
}

type indexSettings struct {
	names nc.Value[[]*session.Template]
}

var indexSlot = web.NewLocationSlot(func(c, p *indexSettings) error {
	c.names.Inherit(p.names, nil)
	return nil
})

func readIndex(s *nc.Scope, d *nc.Directive) error {
	b := web.BlockOf(s)
	v := &indexSlot.Of(b.Location).names
	for i, name := range d.Args {
		if name == "" {
			return fmt.Errorf("index \"%s\" in \"index\" directive is invalid", name)
		}
		if name[0] == '/' && i != len(d.Args)-1 {
			s.Warnf(d, "only the last index in \"index\" directive should be absolute")
		}
		t, err := b.HTTP.Template(d, name)
		if err != nil {
			return err
		}
		v.V = append(v.V, t)
	}
	v.Set = true
	return nil
}

var defaultIndex = []*session.Template{session.Literal("index.html")}

func serveIndex(r *web.Request) web.Code {
	if r.Path[len(r.Path)-1] != '/' || r.Method&readMethods == 0 {
		return web.Declined
	}
	names := indexSlot.Of(r.Location).names.V
	if names == nil {
		names = defaultIndex
	}
	buf := r.Scratch()
	defer func() { r.Unscratch(buf) }()
	directoryExists := false
	for _, index := range names {
		if index.IsLiteral() && index.Text[0] == '/' {
			return r.InternalRedirect([]byte(index.Text), r.Args)
		}
		path, ok := r.MapPath(buf[:0])
		buf = path
		if !ok {
			return 500
		}
		directory := len(path)
		path = index.Append(&r.Session, path)
		if len(path) > directory && path[directory] == '/' && !index.IsLiteral() {
			return r.InternalRedirect(r.Keep(path[directory:]), r.Args)
		}
		path = append(path, 0)
		buf = path
		var info openfile.Info
		links := r.Links(path)
		failed := smallfile.Look(r, links, path, &info)
		if failed.OK() {
			leaveFound(r, links, path, &info)
			uri := append(append(r.Scratch(), r.Path...), text(path[directory:])...)
			kept := r.Keep(uri)
			r.Unscratch(uri)
			return r.InternalRedirect(kept, r.Args)
		}
		switch failed.Errno {
		case unix.EMLINK, unix.ELOOP:
			return 403
		case unix.ENOTDIR, unix.ENAMETOOLONG, unix.EACCES:
			return indexFailed(r, path, failed)
		}
		if !directoryExists {
			if code := testDirectory(r, path, directory); code != web.OK {
				return code
			}
			directoryExists = true
		}
		if failed.Errno != unix.ENOENT {
			logFailure(r, errorlog.Crit, path, failed)
			return 500
		}
	}
	return web.Declined
}

// leaveFound leaves what was seen of a file for the handler that the request
// goes to, unless that must look for itself which links the name has.
func leaveFound(r *web.Request, links openfile.Links, path []byte, i *openfile.Info) {
	if !links.Check && i.IsRegular() {
		r.Found.Leave(r.Keep(path), i)
	}
}

// testDirectory looks at the directory that an index was not found in: the
// first n bytes of path.
func testDirectory(r *web.Request, path []byte, n int) web.Code {
	// Without the final slash, unless it is an alias without one or the root.
	if n > 1 && path[n-1] == '/' {
		n--
	}
	last := path[n]
	path[n] = 0
	directory := path[:n+1]
	var info openfile.Info
	failed := r.Links(directory).Stat(directory, &info)
	code := web.OK
	switch {
	case failed.Errno == unix.EMLINK || failed.Errno == unix.ELOOP:
		code = 403
	case failed.Errno == unix.ENOENT:
		path[n] = last
		return indexFailed(r, path, failed)
	case failed.Errno == unix.EACCES:
		// The index would have been forbidden, too, if the directory could
		// not be searched.
	case !failed.OK():
		logFailure(r, errorlog.Crit, directory, failed)
		code = 500
	case !info.IsDir():
		r.Logf(errorlog.Alert, "\"%s\" is not a directory", text(directory))
		code = 500
	}
	path[n] = last
	return code
}

func indexFailed(r *web.Request, path []byte, f openfile.Failure) web.Code {
	if f.Errno == unix.EACCES {
		r.Logf(errorlog.Error, "\"%s\" is forbidden (%s)", text(path), errorlog.Errno(f.Errno))
		return 403
	}
	if r.Core.LogNotFound.V {
		r.Logf(errorlog.Error, "\"%s\" is not found (%s)", text(path), errorlog.Errno(f.Errno))
	}
	return 404
}
