package web

import (
	"bytes"

	"tandem/internal/escape"
)

// SafeURI splits a URI that a back end or a page gave into path, decoded, and
// arguments. It refuses one that is empty, holds a NUL or leads above its
// beginning, which nginx calls unsafe.
func SafeURI(uri []byte) (path, args []byte, ok bool) {
	path, args, _ = bytes.Cut(uri, []byte("?"))
	if climbs(path) {
		return nil, nil, false
	}
	if bytes.IndexByte(path, '%') >= 0 {
		path, _ = escape.AppendUndone(nil, path, escape.All)
		if climbs(path) {
			return nil, nil, false
		}
	}
	return path, args, true
}

// climbs reports whether a path is empty, holds a NUL or a "..".
func climbs(path []byte) bool {
	if len(path) == 0 || bytes.IndexByte(path, 0) >= 0 {
		return true
	}
	for rest := path; ; {
		segment, after, more := bytes.Cut(rest, []byte("/"))
		if string(segment) == ".." {
			return true
		}
		if !more {
			return false
		}
		rest = after
	}
}
