package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"tandem/internal/errorlog"
	"tandem/internal/rootfile"
)

// PIDFile is the file that tells -s whom to signal. It is locked as long as
// the process lives, so that a second process on the same prefix is noticed
// and the file of a dead one is not.
type PIDFile struct {
	name   string
	f      *os.File
	before []byte // what was in the file
}

// OpenPIDFile opens and locks the file, and leaves in it what it says: it may
// be that of a program which is still running. A default name has its folder
// made.
func OpenPIDFile(name string, isDefault bool) (*PIDFile, error) {
	const flags = os.O_RDWR | os.O_CREATE
	f, err := rootfile.OpenFile(name, flags, 0o644)
	if errors.Is(err, os.ErrNotExist) && isDefault {
		if os.MkdirAll(filepath.Dir(name), 0o755) == nil {
			f, err = rootfile.OpenFile(name, flags, 0o644)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open() \"%s\" failed (%s)", name, errorlog.Reason(err))
	}
	if err := lockPIDFile(f, name); err != nil {
		_ = f.Close()
		return nil, err
	}
	before, _ := io.ReadAll(io.NewSectionReader(f, 0, 1<<10))
	return &PIDFile{name, f, before}, nil
}

// Write puts the process's number into the file.
func (p *PIDFile) Write() error {
	err := p.f.Truncate(0)
	if err == nil {
		_, err = p.f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return err
}

// GiveUp unlocks the file and leaves it as it was before OpenPIDFile.
func (p *PIDFile) GiveUp() {
	if len(p.before) == 0 {
		_ = os.Remove(p.name)
	} else if p.f.Truncate(0) == nil {
		_, _ = p.f.WriteAt(p.before, 0)
	}
	_ = p.f.Close()
}

// Name returns the name of the file.
func (p *PIDFile) Name() string { return p.name }

// Remove takes the file away.
func (p *PIDFile) Remove() {
	_ = os.Remove(p.name)
	_ = p.f.Close()
}

// ReadPID returns the process that a pid file names, in nginx's words when it
// names none.
func ReadPID(name string) (int, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, fmt.Errorf("open() \"%s\" failed (%s)", name, errorlog.Reason(err))
	}
	word := strings.TrimSpace(string(text))
	pid, err := strconv.Atoi(word)
	if err != nil || pid <= 0 {
		return 0, fmt.Errorf("invalid PID number \"%s\" in \"%s\"", word, name)
	}
	return pid, nil
}

// PIDFileHeld reports whether a process lives that holds the pid file.
func PIDFileHeld(name string) bool {
	unlock, err := LockPIDFile(name)
	if err != nil {
		return true
	}
	unlock()
	return false
}

// LockPIDFile takes the place of the process that the pid file names, so
// that no other starts before unlock is called. The error says that it lives. A
// file that does not exist names nobody.
func LockPIDFile(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_RDONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open() \"%s\" failed (%s)", name, errorlog.Reason(err))
	}
	if err := lockPIDFile(f, name); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}

// lockPIDFile locks an open pid file for as long as it is open, or says who
// has locked it.
func lockPIDFile(f *os.File, name string) error {
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(f, 32))
	return fmt.Errorf("another tandem (process %s) is running with the pid file \"%s\"", strings.TrimSpace(string(text)), name)
}

// WritePID writes a pid file that nobody locks: for those who look for the process
// under another name. It takes the place of what was there in one step.
func WritePID(name string) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name))
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
		err = errors.Join(err, f.Chmod(0o644), f.Close(), os.Rename(f.Name(), name))
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}
	if err != nil {
		return fmt.Errorf("writing the pid file \"%s\": %w", name, err)
	}
	return nil
}
