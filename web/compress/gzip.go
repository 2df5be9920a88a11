package compress

import (
	"io"
	"time"

	"github.com/klauspost/compress/gzip"

	nc "tandem/nginxconf"
	"tandem/web"
)

// Gzip compresses responses (ngx_http_gzip_filter_module). It is the filter of
// the Brotli and Zstd modules as well: one response is compressed once.
var Gzip = &web.Module{
	Name:      "gzip",
	Commands:  append(append(commonCommands(gzipCoding, "gzip", nc.Bounds(1, 9)), acceptingCommands...), gzipCommands...),
	Variables: []web.Variable{{Name: "gzip_ratio", Get: ratio(gzipCoding)}},
	Init: func(h *web.HTTP) error {
		if h.Any(func(l *web.Location) bool { return conf.Of(l).any }) {
			h.Filter(choose)
		}
		return nil
	},
}

// gzipCommands tune zlib's memory, which clients do not see.
var gzipCommands = []nc.Command{
	{Name: "gzip_window", In: everywhere, Arity: nc.Take1, Set: checkPower(512, 32<<10, "512, 1k, 2k, 4k, 8k, 16k, or 32k")},
	{Name: "gzip_hash", In: everywhere, Arity: nc.Take1, Set: checkPower(512, 128<<10, "512, 1k, 2k, 4k, 8k, 16k, 32k, 64k, or 128k")},
	{Name: "gzip_no_buffer", In: everywhere, Arity: nc.Flag},
	{Name: "postpone_gzipping", In: everywhere, Arity: nc.Take1, Set: func(_ *nc.Scope, d *nc.Directive) error {
		_, err := nc.ParseSize(d.Args[0])
		return err
	}},
}

// checkPower checks a size that is to be a power of two from low to high.
func checkPower(low, high int64, words string) nc.Setter {
	return func(_ *nc.Scope, d *nc.Directive) error {
		n, err := nc.ParseSize(d.Args[0])
		if err == nil && (n < low || n > high || n&(n-1) != 0) {
			err = nc.Complaint("must be " + words)
		}
		return err
	}
}

// osUnix says in the header of a gzip file where it comes from (RFC 1952,
// 2.3.1), as zlib does.
const osUnix = 3

// noTime says that no time stamp is available.
var noTime = time.Unix(0, 0)

func startGzip(level int, _ int64) func(coder, io.Writer) coder {
	return func(used coder, w io.Writer) coder {
		z, ok := used.(*gzip.Writer)
		if ok {
			z.Reset(w)
		} else {
			// The level has been checked: there is no error.
			z, _ = gzip.NewWriterLevel(w, level)
		}
		z.OS, z.ModTime = osUnix, noTime
		return z
	}
}
