package openfile

import (
	"bytes"
	"syscall"

	"golang.org/x/sys/unix"
)

// Links says which symbolic links in a name are followed: what
// disable_symlinks comes to for one name. The zero Links follows all.
type Links struct {
	// Check: links are refused.
	Check bool
	// SameOwner: but those are followed whose owner is that of what they lead
	// to.
	SameOwner bool
	// Trusted is the length of the beginning of the name in which links are
	// followed all the same; the byte after it is a slash.
	Trusted int
}

// Stat looks at the file of that name.
func (l Links) Stat(name []byte, i *Info) Failure {
	if !l.Check {
		return failure("stat()", statAt(unix.AT_FDCWD, name, 0, i))
	}
	fd, f := l.Open(name)
	if !f.OK() {
		return f
	}
	defer Close(fd)
	return Fstat(fd, i)
}

// Open opens the file of that name for reading. It does not wait at a FIFO.
func (l Links) Open(name []byte) (fd int, f Failure) {
	if !l.Check {
		fd, e := openAt(unix.AT_FDCWD, name, unix.O_RDONLY)
		return fd, failure("open()", e)
	}
	return l.walk(name)
}

// OpenItself opens the file of that name for reading, unless it is a symbolic link.
// It does not wait at a FIFO.
func OpenItself(name []byte) (fd int, f Failure) {
	fd, e := openAt(unix.AT_FDCWD, name, unix.O_RDONLY|unix.O_NOFOLLOW)
	return fd, failure("open()", e)
}

// search opens a directory on the way, for nothing but to go on from it.
const search = unix.O_PATH | unix.O_DIRECTORY

var slash, dot = []byte("/\x00"), []byte(".\x00")

// walk opens a name component by component. Between two components another
// process may replace whatever it likes: each is opened relative to the
// directory that the one before it turned out to be.
func (l Links) walk(name []byte) (int, Failure) {
	rest := name[:len(name)-1]
	at := unix.AT_FDCWD
	var e syscall.Errno
	switch {
	case l.Trusted > 0:
		name[l.Trusted] = 0
		at, e = openAt(unix.AT_FDCWD, name[:l.Trusted+1], search)
		name[l.Trusted] = '/'
		if e != 0 {
			return -1, failure("open()", e)
		}
		rest = rest[l.Trusted+1:]
	case len(rest) > 0 && rest[0] == '/':
		if at, e = openAt(unix.AT_FDCWD, slash, search); e != 0 {
			return -1, failure("openat()", e)
		}
		rest = rest[1:]
	}
	for {
		i := bytes.IndexByte(rest, '/')
		if i < 0 {
			break
		}
		if i == 0 {
			rest = rest[1:]
			continue
		}
		rest[i] = 0
		next, e := l.step(at, rest[:i+1], search)
		rest[i] = '/'
		closeDir(at)
		if e != 0 {
			return -1, failure("openat()", e)
		}
		at, rest = next, rest[i+1:]
	}
	defer closeDir(at)
	if len(rest) == 0 {
		// A final slash: what was opened last is to be a directory.
		fd, e := openAt(at, dot, unix.O_RDONLY)
		return fd, failure("openat()", e)
	}
	fd, e := l.step(at, name[len(name)-1-len(rest):], unix.O_RDONLY)
	return fd, failure("openat()", e)
}

// step opens one component of a name.
func (l Links) step(at int, component []byte, flags int) (int, syscall.Errno) {
	if !l.SameOwner {
		return openAt(at, component, flags|unix.O_NOFOLLOW)
	}
	fd, e := openAt(at, component, flags)
	if e != 0 {
		return -1, e
	}
	// Whether a link was followed is not known for certain, as it may have
	// been replaced meanwhile. So the owners are compared in any case.
	var itself, target Info
	e = statAt(at, component, unix.AT_SYMLINK_NOFOLLOW, &itself)
	if e == 0 {
		e = Fstat(fd, &target).Errno
	}
	if e == 0 && itself.UID != target.UID {
		e = unix.ELOOP
	}
	if e != 0 {
		Close(fd)
		return -1, e
	}
	return fd, 0
}

func closeDir(fd int) {
	if fd != unix.AT_FDCWD {
		Close(fd)
	}
}
