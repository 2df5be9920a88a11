package static

import (
	"errors"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
	nc "tandem/nginxconf"
	"tandem/web"
	"tandem/web/compress"
)

// Precompressed serves files that have been compressed beforehand in place of
// the file that was asked for: /a.css.gz for /a.css. It is nginx's module
// gzip_static, and those of ngx_brotli and zstd-nginx-module.
//
//	gzip_static   on | off | always;   .gz
//	brotli_static on | off | always;   .br
//	zstd_static   on | off | always;   .zst
//
// Of the files that are there, the one whose coding the client prefers is taken;
// between equals zstd, then br, then gzip.
var Precompressed = &web.Module{
	Name: "gzip_static",
	Commands: []nc.Command{
		{Name: "gzip_static", In: anyLevel, Arity: nc.Take1, Set: setWhen(2)},
		{Name: "brotli_static", In: anyLevel | nc.LocationIf, Arity: nc.Take1, Set: setWhen(1)},
		{Name: "zstd_static", In: anyLevel | nc.LocationIf, Arity: nc.Take1, Set: setWhen(0)},
	},
	Init: func(h *web.HTTP) error {
		if h.Any(func(l *web.Location) bool { return precompressedConf.Of(l).any }) {
			h.Handle(web.Content, servePrecompressed)
		}
		return nil
	},
}

const anyLevel = nc.HTTP | nc.Server | nc.Location

// when says to whom a compressed file is served.
type when int

const (
	never when = iota
	ifAccepted
	always
)

// variants are the kinds of compressed files, the one that is taken of several
// that the client likes equally first.
var variants = [...]struct {
	coding, suffix string
	value          []byte
}{{"zstd", ".zst", []byte("zstd")}, {"br", ".br", []byte("br")}, {"gzip", ".gz", []byte("gzip")}}

type precompressedSettings struct {
	when [len(variants)]nc.Value[when]
	any  bool // one of them is not never
}

var precompressedConf = web.NewLocationSlot(func(c, p *precompressedSettings) error {
	for i := range c.when {
		c.when[i].Inherit(p.when[i], never)
		c.any = c.any || c.when[i].V != never
	}
	return nil
})

func setWhen(i int) nc.Setter {
	return nc.SetEnum(web.At(precompressedConf, func(c *precompressedSettings) *nc.Value[when] { return &c.when[i] }),
		nc.Name{Name: "off", Value: int(never)}, nc.Name{Name: "on", Value: int(ifAccepted)}, nc.Name{Name: "always", Value: int(always)})
}

// servePrecompressed is the handler of the content phase.
func servePrecompressed(r *web.Request) web.Code {
	c := precompressedConf.Of(r.Location)
	if !c.any || r.Method&(web.GET|web.HEAD) == 0 || r.Path[len(r.Path)-1] == '/' {
		return web.Declined
	}
	var tried [len(variants)]bool
	for {
		best, quality := -1, 0
		for i := range variants {
			if q := c.quality(r, i); q > quality && !tried[i] {
				best, quality = i, q
			}
		}
		if best < 0 {
			break
		}
		tried[best] = true
		if code := serveVariant(r, best, c.when[best].V); code != web.Declined {
			return code
		}
	}
	c.varyIfThere(r)
	return web.Declined
}

// quality returns the q-value, in thousandths, of a variant; 0 if it is not to
// be served.
func (c *precompressedSettings) quality(r *web.Request, i int) int {
	switch c.when[i].V {
	case ifAccepted:
		return compress.Accepts(r, variants[i].coding)
	case always:
		// Always there is no choice: it comes behind what the client asks for.
		return max(1, compress.Accepts(r, variants[i].coding))
	}
	return 0
}

// varyIfThere notes that the response depends on Accept-Encoding when a
// compressed file is there that this client does not get.
func (c *precompressedSettings) varyIfThere(r *web.Request) {
	if !compress.VarySaid(r) {
		return
	}
	for i := range variants {
		if c.when[i].V != ifAccepted || c.quality(r, i) > 0 {
			continue
		}
		if f, _, err := openVariant(r, i); err == nil {
			f.close()
			compress.Vary(r)
			return
		}
	}
}

// errVariant says that there is no file to serve.
var errVariant = errors.New("no such file")

// openVariant opens the compressed file; code is what to answer when it cannot
// be served.
func openVariant(r *web.Request, i int) (f file, code web.Code, err error) {
	name, ok := r.MapPath(r.Scratch())
	defer func() { r.Unscratch(name) }()
	if !ok {
		return f, 500, errVariant
	}
	name = append(append(name, variants[i].suffix...), 0)
	f, failed := openFile(r, name)
	switch {
	case !failed.OK() && isMissing(failed.Errno):
		return f, web.Declined, errVariant
	case !failed.OK():
		level := errorlog.Crit
		if failed.Errno == unix.EACCES || failed.Errno == unix.EMLINK || failed.Errno == unix.ELOOP {
			level = errorlog.Error
		}
		logFailure(r, level, name, failed)
		return f, web.Declined, errVariant
	case f.IsRegular():
		return f, web.OK, nil
	}
	f.close()
	if f.IsDir() {
		return f, web.Declined, errVariant
	}
	r.Logf(errorlog.Crit, "\"%s\" is not a regular file", text(name))
	return f, 404, errVariant
}

func serveVariant(r *web.Request, i int, w when) web.Code {
	f, code, err := openVariant(r, i)
	if err != nil {
		return code
	}
	defer f.close()
	if w == ifAccepted {
		compress.Vary(r)
	}
	r.DiscardBody()
	r.Response.Add("Content-Encoding", variants[i].value)
	return sendFile(r, &f)
}
