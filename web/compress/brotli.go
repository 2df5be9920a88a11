package compress

import (
	"io"
	"math/bits"

	"github.com/andybalholm/brotli"

	nc "tandem/nginxconf"
	"tandem/web"
)

// Brotli has the directives of the module ngx_brotli; Gzip's filter acts on
// them.
var Brotli = &web.Module{
	Name: "brotli",
	Commands: append(commonCommands(brotliCoding, "brotli", nc.Bounds(0, 11)),
		nc.Command{Name: "brotli_window", In: everywhere, Arity: nc.Take1, Set: nc.SetSize(of(brotliCoding, func(c *coded) *nc.Value[int64] { return &c.window }), checkWindow)}),
	Variables: []web.Variable{{Name: "brotli_ratio", Get: ratio(brotliCoding)}},
}

// The sizes that the window of Brotli can have (RFC 7932, 9.1), and ngx_brotli's
// default.
const (
	minBrotliWindow     = 1 << 10
	maxBrotliWindow     = 16 << 20
	defaultBrotliWindow = 512 << 10
)

func checkWindow(n int64) error {
	if n < minBrotliWindow || n > maxBrotliWindow || n&(n-1) != 0 {
		return nc.Complaint("must be 1k, 2k, 4k, 8k, 16k, 32k, 64k, 128k, 256k, 512k, 1m, 2m, 4m, 8m or 16m")
	}
	return nil
}

func startBrotli(level int, window int64) func(coder, io.Writer) coder {
	options := brotli.WriterOptions{Quality: level, LGWin: bits.Len64(uint64(window)) - 1}
	return func(used coder, w io.Writer) coder {
		if z, ok := used.(*brotli.Writer); ok {
			z.Reset(w)
			return z
		}
		return brotli.NewWriterOptions(w, options)
	}
}
