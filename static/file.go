package static

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"tandem/web"
	"tandem/web/openfile"
	"tandem/web/smallfile"
)

// file is a file that was found: its inode, and its content if it is a small
// regular file, or a descriptor if it is a larger one.
type file struct {
	openfile.Info
	data []byte // all of the content, if fd is -1
	fd   int
	kept *openfile.Kept // what fd belongs to, when it is kept open

	borrowed *[smallfile.Largest]byte // what data lies in, when that is not kept
}

// openFile opens the file of that name, which ends with a NUL byte, in the way
// that the location's settings ask for.
func openFile(r *web.Request, name []byte) (file, openfile.Failure) {
	links := r.Links(name)
	if links.Check {
		return readFile(r, links, name, false)
	}
	contents, open := smallfile.Of(r.Realm()), r.Core.OpenFileCache.V
	e := contents.Lookup(name)
	var k *openfile.Kept
	if e == nil && open != nil {
		k = open.Take(name, r.Start)
	}
	if e == nil && k == nil && !contents.WasMissing(name) {
		return readFile(r, links, name, true)
	}
	var now openfile.Info
	var failed openfile.Failure
	if !r.Found.Take(name, &now) {
		failed = e.Look(r, links, name, &now)
	}
	if k != nil {
		if failed.OK() && sameFile(&now, &k.Info) && now.Size > smallfile.Largest {
			return file{Info: now, fd: int(k.Fd()), kept: k}, failed
		}
		k.Forget()
		k.Release()
	} else if e != nil && failed.OK() && now == e.Info {
		return file{Info: e.Info, data: e.Data, fd: -1}, failed
	}
	if !failed.OK() {
		if e != nil {
			contents.Forget(name)
		}
		return file{fd: -1}, openfile.Failure{Call: "open()", Errno: failed.Errno}
	}
	f, failed := readFile(r, links, name, true)
	switch {
	case e == nil:
		contents.NoteFound(name)
	case f.fd >= 0:
		// It has become too large to be kept.
		contents.Forget(name)
	}
	return f, failed
}

// sameFile reports whether what was opened is what a name means now, and might
// be opened still.
func sameFile(a, b *openfile.Info) bool {
	return a.Dev == b.Dev && a.Ino == b.Ino && a.Mode == b.Mode && a.UID == b.UID
}

// readFile opens a file, and reads it if it is small. keep says that it may be
// kept for later requests.
func readFile(r *web.Request, links openfile.Links, name []byte, keep bool) (file, openfile.Failure) {
	f := file{fd: -1}
	contents := smallfile.Of(r.Realm())
	fd, failed := links.Open(name)
	if !failed.OK() {
		if keep && failed.Errno == unix.ENOENT {
			contents.NoteMissing(name)
		}
		return f, failed
	}
	f.fd = fd
	started := time.Now()
	failed = openfile.Fstat(fd, &f.Info)
	switch {
	case !failed.OK():
	case f.IsRegular() && f.Size > smallfile.Largest:
		if c := r.Core.OpenFileCache.V; c != nil && keep {
			f.kept = c.Add(name, &f.Info, fd, r.Core.OpenFileMinUses.V, r.Start)
		}
		return f, failed
	case f.IsRegular():
		var settled bool
		keep = keep && contents.Admits(name, int(f.Size))
		settled, failed = f.read(started, keep)
		if settled && keep {
			contents.Store(name, &f.Info, f.data)
		}
	case f.IsDir() && keep && smallfile.IsSettled(&f.Info, started) && contents.Admits(name, 0):
		// That it may be opened is worth knowing, too.
		contents.Store(name, &f.Info, f.data)
	}
	openfile.Close(fd)
	f.fd = -1
	return f, failed
}

// attempts is how often a file is read again that changes under the reader.
const attempts = 4

// read reads the content. What is read belongs together with the Info, which
// was seen at that time: when the file changes meanwhile, it is read again.
// settled means that it can be told from what later changes make of the file.
// Unless keep is set, the content lies in borrowed memory.
func (f *file) read(seen time.Time, keep bool) (settled bool, failed openfile.Failure) {
	for range attempts {
		var data []byte
		if keep {
			data = make([]byte, f.Size)
		} else {
			data = f.borrow()[:f.Size]
		}
		n, failed := openfile.ReadFull(f.fd, data)
		if !failed.OK() {
			return false, failed
		}
		var after openfile.Info
		if failed = openfile.Fstat(f.fd, &after); !failed.OK() {
			return false, failed
		}
		whole := int64(n) == f.Size
		f.Size = int64(n)
		f.data = data[:n:n]
		if whole && f.Info == after {
			return smallfile.IsSettled(&f.Info, seen), failed
		}
		if after.Size > smallfile.Largest {
			break
		}
		f.Info, seen = after, time.Now()
	}
	// It is being written all the time: what was read last is as near to a
	// state of it as can be had.
	f.Size = int64(len(f.data))
	return false, openfile.Failure{}
}

// buffers is what files are read into that are not kept in memory.
var buffers = sync.Pool{New: func() any { return new([smallfile.Largest]byte) }}

// borrow returns memory for the content, which close gives back.
func (f *file) borrow() *[smallfile.Largest]byte {
	if f.borrowed == nil {
		f.borrowed = buffers.Get().(*[smallfile.Largest]byte)
	}
	return f.borrowed
}

var openFiles = web.NewContext[openfile.File]()

// chunk returns the content as the last piece of a body.
func (f *file) chunk(r *web.Request) web.Chunk {
	if f.fd < 0 {
		return web.Chunk{Data: f.data, Last: true}
	}
	open := openFiles.Take(r)
	*open = openfile.NewFile(f.fd)
	return web.Chunk{File: web.FileSegment{File: open, Len: f.Size}, Last: true}
}

func (f *file) close() {
	switch {
	case f.kept != nil:
		f.kept.Release()
	case f.fd >= 0:
		openfile.Close(f.fd)
	}
	if f.borrowed != nil {
		buffers.Put(f.borrowed)
	}
	f.fd, f.kept, f.borrowed, f.data = -1, nil, nil, nil
}
