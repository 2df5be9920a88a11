package static

import (
	"bytes"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/web"
	"tandem/web/openfile"
)

// AutoIndex answers a path that ends with a slash, where there is no index,
// with a list of what is there (ngx_http_autoindex_module).
//
//	autoindex on | off;                        off
//	autoindex_exact_size on | off;             on
//	autoindex_format html | xml | json | jsonp; html
//	autoindex_localtime on | off;              off
//
// in http, server and location.
var AutoIndex = &web.Module{
	Name: "autoindex",
	Commands: []nc.Command{
		{Name: "autoindex", In: autoIndexContexts, Arity: nc.Flag,
			Set: nc.SetFlag(web.At(autoIndexSlot, func(c *autoIndexSettings) *nc.Value[bool] { return &c.on }))},
		{Name: "autoindex_exact_size", In: autoIndexContexts, Arity: nc.Flag,
			Set: nc.SetFlag(web.At(autoIndexSlot, func(c *autoIndexSettings) *nc.Value[bool] { return &c.exactSize }))},
		{Name: "autoindex_localtime", In: autoIndexContexts, Arity: nc.Flag,
			Set: nc.SetFlag(web.At(autoIndexSlot, func(c *autoIndexSettings) *nc.Value[bool] { return &c.localTime }))},
		{Name: "autoindex_format", In: autoIndexContexts, Arity: nc.Take1,
			Set: nc.SetEnum(web.At(autoIndexSlot, func(c *autoIndexSettings) *nc.Value[listFormat] { return &c.format }),
				nc.Name{Name: "html", Value: int(listHTML)}, nc.Name{Name: "json", Value: int(listJSON)},
				nc.Name{Name: "jsonp", Value: int(listJSONP)}, nc.Name{Name: "xml", Value: int(listXML)})},
	},
	Init: func(h *web.HTTP) error {
		if h.Any(func(l *web.Location) bool { return autoIndexSlot.Of(l).on.V }) {
			h.Handle(web.Content, serveAutoIndex)
		}
		return nil
	},
}

const autoIndexContexts = nc.HTTP | nc.Server | nc.Location

type autoIndexSettings struct {
	on, exactSize, localTime nc.Value[bool]
	format                   nc.Value[listFormat]
}

// listFormat is how a list of files is written.
type listFormat int

const (
	listHTML listFormat = iota
	listJSON
	listJSONP
	listXML
)

var autoIndexSlot = web.NewLocationSlot(func(c, p *autoIndexSettings) error {
	c.on.Inherit(p.on, false)
	c.exactSize.Inherit(p.exactSize, true)
	c.localTime.Inherit(p.localTime, false)
	c.format.Inherit(p.format, listHTML)
	return nil
})

// listed is one file of a list.
type listed struct {
	name     []byte
	isDir    bool
	isFile   bool
	size     int64
	modified int64 // seconds since 1970
}

// kind is the word for it in JSON and XML.
func (l *listed) kind() string {
	switch {
	case l.isDir:
		return "directory"
	case l.isFile:
		return "file"
	}
	return "other"
}

func serveAutoIndex(r *web.Request) web.Code {
	c := autoIndexSlot.Of(r.Location)
	if !c.on.V || r.Path[len(r.Path)-1] != '/' || r.Method&(web.GET|web.HEAD) == 0 {
		return web.Declined
	}
	r.DiscardBody()
	format := c.format.V
	var callback []byte
	if format == listJSONP {
		var ok bool
		if callback, ok = callbackName(r); !ok {
			return 400
		}
		if len(callback) == 0 {
			format = listJSON
		}
	}
	d, code := readDirectory(r)
	if code != web.OK {
		return code
	}
	list, code := appendList(r, &d, r.Scratch(), format, callback)
	d.close(r)
	if code == web.OK && !r.HeaderOnly {
		code = r.SendBody(web.Chunk{Data: list, Last: true})
	}
	r.Unscratch(list)
	return code
}

// appendList begins the response, since the list depends on its charset, and
// appends the list to dst unless nobody asked for it.
func appendList(r *web.Request, d *directory, dst []byte, format listFormat, callback []byte) ([]byte, web.Code) {
	p := &r.Response
	p.Status = 200
	switch format {
	case listJSON:
		p.ContentType = []byte("application/json")
	case listJSONP:
		p.ContentType = []byte("application/javascript")
	case listXML:
		p.ContentType = []byte("text/xml")
		p.Charset = []byte("utf-8")
	default:
		p.ContentType = []byte("text/html")
	}
	if code := r.SendHeader(); code != web.OK || r.HeaderOnly {
		return dst, code
	}
	files, ok := lookAt(r, d)
	if !ok {
		return dst, web.Error
	}
	switch format {
	case listJSON:
		dst = appendJSON(dst, files)
	case listJSONP:
		dst = append(append(append(dst, "/* callback */\r\n"...), callback...), '(')
		dst = append(appendJSON(dst, files), ");"...)
	case listXML:
		dst = appendXML(dst, files)
	default:
		dst = appendHTML(dst, files, r.Path, autoIndexSlot.Of(r.Location), strings.EqualFold(string(p.Charset), "utf-8"))
	}
	return dst, web.OK
}

// lookAt looks at the entries of a directory: directories come first, each kind
// by name. Their names are those of d.
func lookAt(r *web.Request, d *directory) ([]listed, bool) {
	var files []listed
	for e := range d.entries.All() {
		if isHidden(e) {
			continue
		}
		var info openfile.Info
		failed := openfile.StatIn(d.fd, e.Name, true, &info)
		if failed.Errno == unix.ENOENT || failed.Errno == unix.ELOOP {
			// A link that leads nowhere is listed itself.
			if failed = openfile.StatIn(d.fd, e.Name, false, &info); failed.Errno == unix.ENOENT {
				// Gone meanwhile.
				continue
			}
		}
		if !failed.OK() {
			d.logFailure(r, e, failed)
			if failed.Errno == unix.EACCES || failed.Errno == unix.EPERM {
				continue
			}
			return nil, false
		}
		files = append(files, listed{
			name: text(e.Name), isDir: info.IsDir(), isFile: info.IsRegular(), size: info.Size, modified: info.Modified(),
		})
	}
	slices.SortFunc(files, func(a, b listed) int {
		switch {
		case a.isDir && !b.isDir:
			return -1
		case !a.isDir && b.isDir:
			return 1
		}
		return bytes.Compare(a.name, b.name)
	})
	return files, true
}

// maxCallback is how long the name of a JSONP callback may be.
const maxCallback = 128

// callbackName returns the argument callback, if it is a name.
func callbackName(r *web.Request) ([]byte, bool) {
	name, ok := r.Arg("callback")
	if !ok {
		return nil, true
	}
	if len(name) > maxCallback {
		r.Logf(errorlog.Info, "client sent too long callback name: \"%s\"", name)
		return nil, false
	}
	for _, c := range name {
		if letter := c | 0x20; letter >= 'a' && letter <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '.' {
			continue
		}
		r.Logf(errorlog.Info, "client sent invalid callback name: \"%s\"", name)
		return nil, false
	}
	return name, true
}
