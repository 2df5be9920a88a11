package static

import (
	"time"

	"tandem/web"
	"tandem/web/openfile"
)

// file is a file that was found: its inode, and its content if it is a small
// regular file, or else a descriptor.
type file struct {
	openfile.Info
	data []byte // all of the content, if fd is -1
	fd   int
	kept *openfile.Kept // what fd belongs to, when it is kept open
}

// openFile opens the file of that name, which ends with a NUL byte, in the way
// that the location's settings ask for.
func openFile(r *web.Request, name []byte) (file, openfile.Failure) {
	links := r.Links(name)
	if links.Check {
		return readFile(r, links, name, false)
	}
	contents, open := cacheSlot.Of(r.HTTP()), r.Core.OpenFileCache.V
	e := contents.lookup(name)
	var k *openfile.Kept
	if e == nil && open != nil {
		k = open.Take(name, r.Start)
	}
	if e == nil && k == nil {
		return readFile(r, links, name, true)
	}
	var now openfile.Info
	var failed openfile.Failure
	if !r.Found.Take(name, &now) {
		failed = e.look(r, links, name, &now)
	}
	if k != nil {
		if failed.OK() && sameFile(&now, &k.Info) && now.Size > smallFile {
			return file{Info: now, fd: int(k.Fd()), kept: k}, failed
		}
		k.Forget()
		k.Release()
	} else if failed.OK() && now == e.Info {
		return file{Info: e.Info, data: e.data, fd: -1}, failed
	}
	if !failed.OK() {
		contents.forget(name)
		return file{fd: -1}, openfile.Failure{Call: "open()", Errno: failed.Errno}
	}
	return readFile(r, links, name, true)
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
	fd, failed := links.Open(name)
	if !failed.OK() {
		return f, failed
	}
	f.fd = fd
	started := time.Now()
	failed = openfile.Fstat(fd, &f.Info)
	if failed.OK() && f.IsRegular() {
		if f.Size > smallFile {
			if c := r.Core.OpenFileCache.V; c != nil && keep {
				f.kept = c.Add(name, &f.Info, fd, r.Core.OpenFileMinUses.V, r.Start)
			}
			return f, failed
		}
		var settled bool
		settled, failed = f.read(started)
		if settled && keep {
			cacheSlot.Of(r.HTTP()).store(name, &f)
		}
	}
	f.close()
	return f, failed
}

// attempts is how often a file is read again that changes under the reader.
const attempts = 4

// read reads the content. What is read belongs together with the Info, which
// was seen at that time: when the file changes meanwhile, it is read again.
// settled means that it can be told from what later changes make of the file.
func (f *file) read(seen time.Time) (settled bool, failed openfile.Failure) {
	for range attempts {
		// One byte more than the size, so that growth is seen.
		data := make([]byte, f.Size+1)
		n, failed := openfile.ReadFull(f.fd, data)
		if !failed.OK() {
			return false, failed
		}
		var after openfile.Info
		if failed = openfile.Fstat(f.fd, &after); !failed.OK() {
			return false, failed
		}
		whole := int64(n) == f.Size
		f.Size = min(int64(n), f.Size)
		f.data = data[:f.Size:f.Size]
		if whole && f.Info == after {
			return isSettled(&f.Info, seen), failed
		}
		if after.Size > smallFile {
			break
		}
		f.Info, seen = after, time.Now()
	}
	// It is being written all the time: what was read last is as near to a
	// state of it as can be had.
	f.Size = int64(len(f.data))
	return false, openfile.Failure{}
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
	f.fd, f.kept = -1, nil
}
