// Package rootfile opens files with root's rights where others may have laid
// something in the way: in a folder for logs that belongs to the user of the user
// directive, say, a link to /etc/passwd in place of the log. A symbolic link on
// the way is followed only if root has made it, or whoever runs the process.
package rootfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"tandem/internal/privilege"
)

// mostLinks is the kernel's limit.
const mostLinks = 40

// OpenFile is os.OpenFile but for links that somebody else has made: with one on
// the way the file is opened as the user that the process opens files as, with
// that user's rights, and if there is none the error is ELOOP.
func OpenFile(name string, flags int, perm os.FileMode) (*os.File, error) {
	f, err := openFile(name, flags, perm)
	if errors.Is(err, unix.ELOOP) && privilege.Dropped() {
		privilege.Lower(func() { f, err = os.OpenFile(name, flags, perm) })
	}
	return f, err
}

func openFile(name string, flags int, perm os.FileMode) (*os.File, error) {
	fail := func(err error) (*os.File, error) { return nil, &os.PathError{Op: "open", Path: name, Err: err} }
	full, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	path, ofKernel, err := resolve(full)
	if err != nil {
		return fail(err)
	}
	if ofKernel {
		return os.OpenFile(path, flags, perm)
	}
	// What has become a link since it was looked at is refused.
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: unix.RESOLVE_NO_SYMLINKS}
	if flags&os.O_CREATE != 0 {
		how.Mode = uint64(perm.Perm())
	}
	fd, err := unix.Openat2(unix.AT_FDCWD, path, &how)
	if err == unix.ENOSYS || err == unix.EPERM {
		// An older kernel, or an older container engine's filter.
		return os.OpenFile(path, flags|unix.O_NOFOLLOW, perm)
	}
	if err != nil {
		return fail(err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// resolve follows the links of an absolute name that may be followed. ofKernel
// says that the rest is in /proc, whose links are no names.
func resolve(name string) (path string, ofKernel bool, err error) {
	path = "/"
	rest := strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		word := rest[0]
		rest = rest[1:]
		switch word {
		case "", ".":
			continue
		case "..":
			path = filepath.Dir(path)
			continue
		}
		at := filepath.Join(path, word)
		if at == "/proc" {
			return filepath.Join(append([]string{at}, rest...)...), true, nil
		}
		var st unix.Stat_t
		switch err := unix.Lstat(at, &st); {
		case err == unix.ENOENT:
			return filepath.Join(append([]string{at}, rest...)...), false, nil
		case err != nil:
			return "", false, err
		case st.Mode&unix.S_IFMT != unix.S_IFLNK:
			path = at
			continue
		}
		if links++; links > mostLinks || st.Uid != 0 && int(st.Uid) != os.Geteuid() {
			return "", false, unix.ELOOP
		}
		target, err := os.Readlink(at)
		if err != nil {
			return "", false, err
		}
		if filepath.IsAbs(target) {
			path = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return path, false, nil
}
