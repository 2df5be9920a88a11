package process

import (
	"os"

	"golang.org/x/sys/unix"
)

// Dir is a folder that the process may make its working directory. A nil one is
// that which it has.
type Dir struct{ f *os.File }

// OpenDir opens a folder for Enter, which does not fail then. One of Enter and
// Close is to be called.
func OpenDir(name string) (*Dir, error) {
	f, err := os.OpenFile(name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	// What chdir asks for, and opening does not.
	if err := unix.Faccessat(unix.AT_FDCWD, name, unix.X_OK, unix.AT_EACCESS); err != nil {
		_ = f.Close()
		return nil, err
	}
	return &Dir{f}, nil
}

// Enter makes the folder the working directory.
func (d *Dir) Enter() error {
	if d == nil {
		return nil
	}
	defer d.Close()
	return unix.Fchdir(int(d.f.Fd()))
}

// Close gives the folder up.
func (d *Dir) Close() {
	if d != nil {
		_ = d.f.Close()
	}
}
