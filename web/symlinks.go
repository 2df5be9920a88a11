package web

import (
	"bytes"

	"tandem/web/openfile"
)

// Links returns what disable_symlinks says for a file name. The name may end
// with a NUL byte.
func (r *Request) Links(name []byte) openfile.Links {
	s := &r.Core.DisableSymlinks.V
	if !s.Check {
		return openfile.Links{}
	}
	l := openfile.Links{Check: true, SameOwner: s.IfOwner}
	if s.From == nil {
		return l
	}
	if n := len(name); n > 0 && name[n-1] == 0 {
		name = name[:n-1]
	}
	from := s.From.Append(&r.Session, r.Scratch())
	defer r.Unscratch(from)
	switch {
	case len(from) == 0 || !bytes.HasPrefix(name, from):
	case len(from) == len(name):
		return openfile.Links{}
	case name[len(from)] == '/':
		l.Trusted = len(from)
	case from[len(from)-1] == '/':
		l.Trusted = len(from) - 1
	}
	return l
}
