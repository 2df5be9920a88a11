package openfile

import "bytes"

// Found is what a handler saw of a file a moment ago. It spares the handler
// that the request goes on to a second look.
type Found struct {
	name []byte
	info Info
}

// Leave keeps what was seen of a file; name must stay unchanged.
func (f *Found) Leave(name []byte, i *Info) { f.name, f.info = name, *i }

// Take gives what was left of a file of that name, once; ok is false if nothing
// was.
func (f *Found) Take(name []byte, i *Info) (ok bool) {
	if f.name == nil || !bytes.Equal(f.name, name) {
		return false
	}
	*i = f.info
	f.name = nil
	return true
}
