package static

import (
	"os"

	"tandem/web"
	"tandem/web/openfile"
)

// file is a file that was found: its inode, and its content if it is a small
// regular file, or else a descriptor.
type file struct {
	openfile.Info
	data []byte // all of the content, if not nil
	file *os.File
	fd   int // -1 once closed, or owned by file
}

// smallFile is the size in bytes up to which files are read rather than sent
// with sendfile: that costs fewer system calls than it saves copying.
const smallFile = 64 << 10

// openFile opens the file of that name, which ends with a NUL byte, in the way
// that the location's settings ask for.
func openFile(r *web.Request, name []byte) (file, openfile.Failure) {
	f := file{fd: -1}
	fd, failed := r.Links(name).Open(name)
	if !failed.OK() {
		return f, failed
	}
	f.fd = fd
	if failed = openfile.Fstat(fd, &f.Info); !failed.OK() {
		f.close()
		return f, failed
	}
	if !f.IsRegular() {
		f.close()
		return f, failed
	}
	if f.Size <= smallFile {
		failed = f.read()
		f.close()
	}
	return f, failed
}

// attempts is how often a file is read again that changes under the reader.
const attempts = 4

// read reads the content. What is read belongs together with the Info: when
// the file changes meanwhile, it is read again.
func (f *file) read() openfile.Failure {
	for range attempts {
		// One byte more than the size, so that growth is seen.
		data := make([]byte, f.Size+1)
		n, failed := openfile.ReadFull(f.fd, data)
		if !failed.OK() {
			return failed
		}
		before := f.Info
		if failed = openfile.Fstat(f.fd, &f.Info); !failed.OK() {
			return failed
		}
		f.data = data[:n:n]
		if int64(n) == f.Size && f.Info == before {
			return failed
		}
		if f.Size > smallFile {
			break
		}
	}
	// It is being written all the time: what was read last is one of the
	// states it was in.
	f.Size = int64(len(f.data))
	return openfile.Failure{}
}

// chunk returns the content as the last piece of a body.
func (f *file) chunk(name string) web.Chunk {
	if f.data != nil || f.Size == 0 {
		return web.Chunk{Data: f.data, Last: true}
	}
	f.file = os.NewFile(uintptr(f.fd), name)
	f.fd = -1
	return web.Chunk{File: web.FileSegment{File: f.file, Len: f.Size}, Last: true}
}

func (f *file) close() {
	if f.fd >= 0 {
		openfile.Close(f.fd)
		f.fd = -1
	}
	if f.file != nil {
		_ = f.file.Close()
	}
}
