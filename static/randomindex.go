package static

import (
	"math/rand/v2"
	"os"

	"tandem/internal/errorlog"
	"tandem/nginxconf"
	"tandem/web"
)

// RandomIndex answers a path that ends with a slash with any of the files
// there (ngx_http_random_index_module).
//
// Syntax: random_index on | off;
// Default: random_index off;
// Context: location
var RandomIndex = &web.Module{
	Name: "random_index",
	Commands: []nginxconf.Command{{
		Name: "random_index", In: nginxconf.Location, Arity: nginxconf.Flag,
		Set: nginxconf.SetFlag(web.At(randomIndexSlot, func(c *randomIndexSettings) *nginxconf.Value[bool] { return &c.on })),
	}},
	Init: func(h *web.HTTP) error {
		if h.Any(func(l *web.Location) bool { return randomIndexSlot.Of(l).on.V }) {
			h.Handle(web.Content, serveRandomIndex)
		}
		return nil
	},
}

type randomIndexSettings struct{ on nginxconf.Value[bool] }

var randomIndexSlot = web.NewLocationSlot(func(c, p *randomIndexSettings) error {
	c.on.Inherit(p.on, false)
	return nil
})

func serveRandomIndex(r *web.Request) web.Code {
	if !randomIndexSlot.Of(r.Location).on.V || r.Path[len(r.Path)-1] != '/' || r.Method&readMethods == 0 {
		return web.Declined
	}
	name, entries, code := readDirectory(r)
	if code != web.OK {
		return code
	}
	var files []string
	for _, e := range entries {
		is := e.Type().IsRegular()
		if e.Type()&os.ModeSymlink != 0 {
			info, err := os.Stat(name + "/" + e.Name())
			if err != nil && !os.IsNotExist(err) {
				logDirectoryError(r, errorlog.Crit, "stat()", name+"/"+e.Name(), err)
				return 500
			}
			is = err == nil && info.Mode().IsRegular()
		}
		if is {
			files = append(files, e.Name())
		}
	}
	if len(files) == 0 {
		return web.Declined
	}
	uri := append(append(r.Scratch(), r.Path...), files[rand.IntN(len(files))]...)
	kept := r.Keep(uri)
	r.Unscratch(uri)
	return r.InternalRedirect(kept, r.Args)
}
