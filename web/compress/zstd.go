package compress

import (
	"io"

	"github.com/klauspost/compress/zstd"

	nc "tandem/nginxconf"
	"tandem/web"
)

// Zstd has the directives of the zstd-nginx-module; Gzip's filter acts on them.
var Zstd = &web.Module{
	Name:      "zstd",
	Commands:  commonCommands(zstdCoding, "zstd", nc.Bounds(1, 22)),
	Variables: []web.Variable{{Name: "zstd_ratio", Get: ratio(zstdCoding)}},
}

// maxZstdWindow is what browsers accept: "recommend ... to support a Window_Size
// of no more than 8 MB" (RFC 9659, 3).
const maxZstdWindow = 8 << 20

func startZstd(level int, _ int64) func(coder, io.Writer) coder {
	return func(used coder, w io.Writer) coder {
		if z, ok := used.(*zstd.Encoder); ok {
			z.Reset(w)
			return z
		}
		encoderLevel := zstd.EncoderLevelFromZstd(level)
		options := []zstd.EOption{
			zstd.WithEncoderLevel(encoderLevel),
			// One response is compressed by the goroutine that sends it.
			zstd.WithEncoderConcurrency(1),
			zstd.WithLowerEncoderMem(true),
			zstd.WithWindowSize(maxZstdWindow / 8),
		}
		if encoderLevel > zstd.SpeedDefault {
			options[3] = zstd.WithWindowSize(maxZstdWindow)
		}
		// The options are right: there is no error.
		z, _ := zstd.NewWriter(w, options...)
		return z
	}
}
