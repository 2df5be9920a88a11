package notify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/child"
	"tandem/internal/contain"
	"tandem/internal/privilege"
)

// FIFO is a named pipe that gets a line for every change (notify_fifo).
type FIFO struct {
	Name string
	// Owner is who gets it if it has to be made; nil: nobody else.
	Owner *child.Account
	// Script reads it, and is kept running; nil: none. Its last argument is the
	// FIFO's name.
	Script *child.Command
}

// key tells different ones apart.
func (f *FIFO) key() string {
	key := f.Name
	if f.Owner != nil {
		key += fmt.Sprintf(" %d %d", f.Owner.UID, f.Owner.GID)
	}
	if f.Script != nil {
		key += fmt.Sprintf(" %q %v", f.Script.Args, f.Script.Account)
	}
	return key
}

// fifo is a FIFO in use.
type fifo struct {
	FIFO
	fd   int
	made bool // by us
	full bool // told that lines were lost
	log  func(text string)

	closing chan struct{}
	ended   chan struct{} // closed when the script is gone
}

// restartAfter is the pause before a FIFO's script that has ended is started
// again.
const restartAfter = time.Second

// openFIFO makes the FIFO, if it is not there, and starts its script. The
// reading end is held open as well, so that writing never fails for want of a
// reader.
func openFIFO(c FIFO, log func(text string)) (f *fifo, err error) {
	f = &fifo{FIFO: c, log: log, closing: make(chan struct{}), ended: make(chan struct{})}
	privilege.Raise(func() { err = f.open() })
	if err != nil {
		return nil, err
	}
	if c.Script == nil {
		close(f.ended)
	} else {
		go func() {
			defer close(f.ended)
			contain.Loop(context.Background(), "a FIFO's script", f.keepScript)
		}()
	}
	return f, nil
}

func (f *fifo) open() error {
	switch err := unix.Mkfifo(f.Name, 0o644); {
	case err == nil:
		f.made = true
		if f.Owner != nil && (f.Owner.UID != os.Geteuid() || f.Owner.GID != os.Getegid()) {
			if err := os.Lchown(f.Name, f.Owner.UID, f.Owner.GID); err != nil {
				f.log(fmt.Sprintf("notify FIFO %s: %v", f.Name, err))
			}
		}
	case !errors.Is(err, unix.EEXIST):
		return fmt.Errorf("cannot be made: %w", err)
	}
	fd, err := unix.Open(f.Name, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		f.remove()
		return fmt.Errorf("cannot be opened: %w", err)
	}
	f.fd = fd
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		_ = unix.Close(fd)
		return errors.New("is not a FIFO")
	}
	// Somebody may have put one there to read along.
	if uid := int(st.Uid); uid != os.Geteuid() && (f.Owner == nil || uid != f.Owner.UID) {
		_ = unix.Close(fd)
		return fmt.Errorf("belongs to user %d, who is neither the owner of this process nor the configured user", uid)
	}
	return nil
}

func (f *fifo) remove() {
	if f.made {
		_ = os.Remove(f.Name) // somebody else was faster
	}
}

// write writes a line. It does not wait: when nobody reads, the line is lost.
func (f *fifo) write(line string) {
	_, err := unix.Write(f.fd, []byte(line))
	if err == nil {
		f.full = false
	} else if !f.full {
		f.full = true
		f.log(fmt.Sprintf("notify FIFO %s: nobody reads it, lines are lost (%v)", f.Name, err))
	}
}

// keepScript runs the script until the FIFO is closed.
func (f *fifo) keepScript() {
	command := f.Script.With(f.Name)
	command.Bound = true
	for {
		p, err := child.Start(command)
		if err != nil {
			f.log(fmt.Sprintf("notify FIFO's script %s: %v", command, child.Result{Err: err}))
		} else {
			select {
			case <-f.closing:
				// It has seen the end of the FIFO.
				select {
				case <-p.Done():
				case <-time.After(restartAfter):
					p.Terminate()
				}
				return
			case <-p.Done():
				f.log(fmt.Sprintf("notify FIFO's script %s: %v, it is started again", command, p.Result()))
			}
		}
		select {
		case <-f.closing:
			return
		case <-time.After(restartAfter):
		}
	}
}

// close removes the FIFO if we made it, lets the script read what is in it, and
// ends the script. Nothing may be written any more.
func (f *fifo) close() {
	// A script that opens it again must not find it.
	privilege.Raise(f.remove)
	_ = unix.Close(f.fd)
	close(f.closing)
	<-f.ended
}
