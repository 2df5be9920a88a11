package proxy

import "tandem/proxy/header"

// headers are the headers that the proxy sends in place of the client's.
type headers struct {
	*header.Table
	length  bool // Content-Length is ours
	chunked bool // Transfer-Encoding is ours
	// modifiedSince and noneMatch: the conditions are ours, by which it is asked
	// whether an entry of the cache still holds.
	modifiedSince, noneMatch bool
}

// conditionalHeaders are headers that are not the client's either where the
// response may be kept: it is to be whole, and is for others, too.
var conditionalHeaders = []string{
	"if-modified-since", "if-unmodified-since", "if-none-match", "if-match", "range", "if-range",
}

// compileHeaders joins what the configuration sets with the defaults; cached says
// that the response may be kept.
func compileHeaders(set []header.Setting, cached bool) *headers {
	if !cached {
		t := header.Compile(set)
		return &headers{Table: t, length: !t.Gives("content-length"), chunked: !t.Gives("transfer-encoding")}
	}
	t := header.Compile(set, conditionalHeaders...)
	return &headers{
		Table: t, length: !t.Gives("content-length"), chunked: !t.Gives("transfer-encoding"),
		modifiedSince: !t.Gives("if-modified-since"), noneMatch: !t.Gives("if-none-match"),
	}
}
