package static

import (
	nc "tandem/nginxconf"
	"tandem/web"
)

// EmptyGIF answers with a transparent picture of one pixel
// (ngx_http_empty_gif_module).
//
// Syntax: empty_gif;
// Context: location
var EmptyGIF = &web.Module{
	Name: "empty_gif",
	Commands: []nc.Command{{
		Name: "empty_gif", In: nc.Location, Arity: nc.NoArgs,
		Set: func(s *nc.Scope, _ *nc.Directive) error {
			web.BlockOf(s).Location.Handler = serveEmptyGIF
			return nil
		},
	}},
}

// emptyGIF is a GIF 89a of one transparent pixel.
var emptyGIF = []byte("GIF89a" +
	"\x01\x00\x01\x00\x80\x01\x00" + // one by one pixel, two colours
	"\x00\x00\x00\xff\xff\xff" + // black and white
	"\x21\xf9\x04\x01\x00\x00\x01\x00" + // the second is transparent
	"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00" + // where the picture lies
	"\x02\x02\x4c\x01\x00" + // its pixel, compressed
	"\x3b")

// emptyGIFModified is the date that nginx gives it: 28 September 1970.
const emptyGIFModified = 23349600

var imageGIF = []byte("image/gif")

func serveEmptyGIF(r *web.Request) web.Code {
	if r.Method&(web.GET|web.HEAD) == 0 {
		return 405
	}
	r.DiscardBody()
	p := &r.Response
	p.Status = 200
	p.ContentLength = int64(len(emptyGIF))
	p.ContentType = imageGIF
	p.LastModified = emptyGIFModified
	if code := r.SendHeader(); code != web.OK || r.HeaderOnly {
		return code
	}
	return r.SendBody(web.Chunk{Data: emptyGIF, Last: true})
}
