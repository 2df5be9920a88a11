package openfile

import (
	"io"

	"golang.org/x/sys/unix"
)

// File is a file that Open opened, for reading at any offset. In contrast to an
// os.File it is no more than its descriptor, which must be closed.
type File struct{ fd int }

// NewFile makes a File of a descriptor, which it owns from now on.
func NewFile(fd int) File { return File{fd} }

// Fd returns the descriptor.
func (f *File) Fd() uintptr { return uintptr(f.fd) }

// ReadAt implements io.ReaderAt. The error is nil, io.EOF or a syscall.Errno.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		got, err := unix.Pread(f.fd, p[n:], off+int64(n))
		switch {
		case err == unix.EINTR:
		case err != nil:
			return n, err
		case got == 0:
			return n, io.EOF
		default:
			n += got
		}
	}
	return n, nil
}

// Close closes the file.
func (f *File) Close() { Close(f.fd) }
