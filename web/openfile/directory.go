package openfile

import (
	"bytes"
	"encoding/binary"
	"iter"
	"unsafe"

	"golang.org/x/sys/unix"
)

// OpenDir opens the directory of that name.
func OpenDir(name []byte) (fd int, f Failure) {
	fd, e := openAt(unix.AT_FDCWD, name, unix.O_RDONLY|unix.O_DIRECTORY)
	return fd, failure("opendir()", e)
}

// StatIn looks at a file in an open directory; at a link itself unless follow.
func StatIn(dir int, name []byte, follow bool, i *Info) Failure {
	flags := unix.AT_SYMLINK_NOFOLLOW
	if follow {
		flags = 0
	}
	return failure("stat()", statAt(dir, name, flags, i))
}

// Entries is what is in a directory, as the kernel tells it (getdents64(2)).
type Entries []byte

// Entry is one of the Entries.
type Entry struct {
	Name []byte // with its final NUL byte
	Type uint8  // unix.DT_REG ..., DT_UNKNOWN where the file system does not say
}

// room is how much the kernel is asked for at a time.
const room = 8 << 10

// AppendEntries appends what is in an open directory to dst.
func AppendEntries(dst Entries, dir int) (Entries, Failure) {
	for {
		if cap(dst)-len(dst) < room {
			dst = append(make(Entries, 0, 2*cap(dst)+room), dst...)
		}
		n, _, e := unix.Syscall(unix.SYS_GETDENTS64, uintptr(dir), uintptr(unsafe.Pointer(unsafe.SliceData(dst[len(dst):cap(dst)]))),
			uintptr(cap(dst)-len(dst)))
		switch {
		case e == unix.EINTR:
		case e != 0:
			return dst, failure("readdir()", e)
		case n == 0:
			return dst, Failure{}
		default:
			dst = dst[:len(dst)+int(n)]
		}
	}
}

// All returns the entries one by one, without . and .. .
func (e Entries) All() iter.Seq[Entry] {
	const length, kind, name = unsafe.Offsetof(unix.Dirent{}.Reclen), unsafe.Offsetof(unix.Dirent{}.Type), unsafe.Offsetof(unix.Dirent{}.Name)
	return func(yield func(Entry) bool) {
		for rest := e; len(rest) > 0; {
			record := rest[:binary.NativeEndian.Uint16(rest[length:])]
			rest = rest[len(record):]
			text := record[name:]
			text = text[:bytes.IndexByte(text, 0)+1]
			if string(text) == ".\x00" || string(text) == "..\x00" {
				continue
			}
			if !yield(Entry{text, record[kind]}) {
				return
			}
		}
	}
}
