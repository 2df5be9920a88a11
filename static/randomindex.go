package static

import (
	"math/rand/v2"

	"golang.org/x/sys/unix"

	nc "tandem/nginxconf"
	"tandem/web"
	"tandem/web/openfile"
)

// RandomIndex answers a path that ends with a slash with any of the files
// there (ngx_http_random_index_module).
//
// Syntax: random_index on | off;
// Default: random_index off;
// Context: location
var RandomIndex = &web.Module{
	Name: "random_index",
	Commands: []nc.Command{{
		Name: "random_index", In: nc.Location, Arity: nc.Flag,
		Set: nc.SetFlag(web.At(randomIndexSlot, func(c *randomIndexSettings) *nc.Value[bool] { return &c.on })),
	}},
	Init: func(h *web.HTTP) error {
		if h.Any(func(l *web.Location) bool { return randomIndexSlot.Of(l).on.V }) {
			h.Handle(web.Content, serveRandomIndex)
		}
		return nil
	},
}

type randomIndexSettings struct{ on nc.Value[bool] }

var randomIndexSlot = web.NewLocationSlot(func(c, p *randomIndexSettings) error {
	c.on.Inherit(p.on, false)
	return nil
})

func serveRandomIndex(r *web.Request) web.Code {
	if !randomIndexSlot.Of(r.Location).on.V || r.Path[len(r.Path)-1] != '/' || r.Method&readMethods == 0 {
		return web.Declined
	}
	uri, code := randomFile(r)
	if code != web.OK {
		return code
	}
	return r.InternalRedirect(uri, r.Args)
}

// randomFile returns the path of any file in the directory that the request's
// path stands for. code is OK or what to answer instead.
func randomFile(r *web.Request) (path []byte, code web.Code) {
	d, code := readDirectory(r)
	if code != web.OK {
		return nil, code
	}
	defer d.close(r)
	var files [][]byte
	for e := range d.entries.All() {
		if isHidden(e) {
			continue
		}
		is := e.Type == unix.DT_REG
		if e.Type == unix.DT_LNK || e.Type == unix.DT_UNKNOWN {
			var info openfile.Info
			failed := openfile.StatIn(d.fd, e.Name, true, &info)
			if !failed.OK() && failed.Errno != unix.ENOENT {
				d.logFailure(r, e, failed)
				return nil, 500
			}
			is = failed.OK() && info.IsRegular()
		}
		if is {
			files = append(files, text(e.Name))
		}
	}
	if len(files) == 0 {
		return nil, web.Declined
	}
	uri := append(append(r.Scratch(), r.Path...), files[rand.IntN(len(files))]...)
	kept := r.Keep(uri)
	r.Unscratch(uri)
	return kept, web.OK
}
