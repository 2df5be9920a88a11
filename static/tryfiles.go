package static

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
	"tandem/web/openfile"
	"tandem/web/smallfile"
)

// TryFiles goes on with the first of several files or directories that exists
// (ngx_http_try_files_module).
//
// Syntax: try_files file ... uri | =code;
// Default: none
// Context: server, location
//
// A name that ends with a slash stands for a directory. The last parameter is
// where the request is redirected inside the server, or the status to answer,
// if none exists.
var TryFiles = &web.Module{
	Name: "try_files",
	Commands: []nc.Command{
		{Name: "try_files", In: nc.Server | nc.Location, Arity: nc.TwoMore, Set: readTryFiles},
	},
	Init: func(h *web.HTTP) error {
		if h.Any(func(l *web.Location) bool { return tryFilesSlot.Of(l).names != nil }) {
			h.Handle(web.PreContent, tryFiles)
		}
		return nil
	},
}

// tryFilesSettings are those of one level; they are not inherited.
type tryFilesSettings struct {
	names []tryFile
	last  *session.Template // where to go when none exists
	code  web.Code          // or what to answer, if not 0
}

type tryFile struct {
	name      *session.Template
	directory bool
}

var tryFilesSlot = web.NewLocationSlot[tryFilesSettings](nil)

func readTryFiles(s *nc.Scope, d *nc.Directive) error {
	b := web.BlockOf(s)
	c := tryFilesSlot.Of(b.Location)
	if c.names != nil {
		return nc.ErrDuplicate
	}
	names, last := d.Args[:len(d.Args)-1], d.Args[len(d.Args)-1]
	for _, name := range names {
		name, directory := strings.CutSuffix(name, "/")
		t, err := b.HTTP.Template(d, name)
		if err != nil {
			return err
		}
		c.names = append(c.names, tryFile{t, directory})
	}
	if status, ok := strings.CutPrefix(last, "="); ok {
		code, err := strconv.ParseUint(status, 10, 16)
		if err != nil || code > 999 {
			return fmt.Errorf("invalid code \"%s\"", last)
		}
		c.code = web.Code(code)
	}
	var err error
	c.last, err = b.HTTP.Template(d, last)
	return err
}

func tryFiles(r *web.Request) web.Code {
	c := tryFilesSlot.Of(r.Location)
	if c.names == nil {
		return web.Declined
	}
	path, root, ok := r.MapPathRoot(r.Scratch())
	defer func() { r.Unscratch(path) }()
	if !ok {
		return 500
	}
	for i := range c.names {
		f := &c.names[i]
		path = append(appendTried(r, path[:root], f.name), 0)
		var info openfile.Info
		links := r.Links(path)
		if failed := smallfile.Look(r, links, path, &info); !failed.OK() {
			if !isMissing(failed.Errno) {
				logFailure(r, errorlog.Crit, path, failed)
			}
			continue
		}
		if info.IsDir() != f.directory {
			continue
		}
		leaveFound(r, links, path, &info)
		foundFile(r, text(path[root:]), f.directory)
		return web.Declined
	}
	if c.code != 0 {
		return c.code
	}
	path = appendTried(r, path[:root], c.last)
	uri := r.Keep(path[root:])
	if len(uri) > 0 && uri[0] == '@' {
		return r.NamedLocation(uri)
	}
	uri, args, _ := bytes.Cut(uri, []byte("?"))
	return r.InternalRedirect(uri, args)
}

// appendTried appends a name to the root that it is looked for in. What an
// alias stands for is taken off a name that comes from the request.
func appendTried(r *web.Request, root []byte, name *session.Template) []byte {
	path := name.Append(&r.Session, root)
	if name.IsLiteral() {
		return path
	}
	if alias := r.Core.Alias.Name; alias != "" && bytes.HasPrefix(path[len(root):], []byte(alias)) {
		path = append(root, path[len(root)+len(alias):]...)
	}
	return path
}

// foundFile makes what was found, as it is called below root or alias, the path
// of the request.
func foundFile(r *web.Request, name []byte, directory bool) {
	switch {
	case !r.Core.Alias.On:
		r.Path = r.Keep(name)
	case r.Core.Alias.Whole:
		// The alias of a regex location is the name of a file itself.
		if !directory {
			r.Path = r.Keep(name)
			r.AddPathToAlias = true
		}
	default:
		path := append(append(r.Scratch(), r.Core.Alias.Name...), name...)
		r.Path = r.Keep(path)
		r.Unscratch(path)
	}
}
