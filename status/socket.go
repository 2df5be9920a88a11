// Package status is how a person or a script at the box asks the running
// process: a control socket next to the pid file, open to root (and to the user
// that started the process) only.
//
// The protocol is a line each way. The client sends the name of a command; the
// process answers with lines of text, as the command would print them, and ends
// with "exit CODE". A connection that closes without that line means that the
// process ended.
package status

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/contain"
)

// Commands does what clients ask for. It is called on a goroutine for each
// client; what it writes to out is what the client prints. It returns the
// client's exit code.
type Commands func(command string, out io.Writer) (code int)

// Socket is a control socket that is listened on.
type Socket struct {
	name string
	l    *net.UnixListener
	uid  int // besides root, who may ask

	accepting sync.WaitGroup
}

// Name returns the name of the control socket that belongs to a pid file.
func Name(pidFile string) string { return strings.TrimSuffix(pidFile, ".pid") + ".control" }

// Listen makes the socket, which belongs to the user uid, and answers on it
// until Close. A socket of that name is replaced: the caller holds the pid file,
// so its owner is dead.
func Listen(name string, uid int, commands Commands) (*Socket, error) {
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	var l *net.UnixListener
	err := through(name, func(short string) (err error) {
		// The name gets its mode with the socket, not after it.
		config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
			var err error
			failed := c.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) })
			return errors.Join(failed, err)
		}}
		listener, err := config.Listen(context.Background(), "unix", short)
		if err == nil {
			l = listener.(*net.UnixListener)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("control socket \"%s\": %w", name, err)
	}
	l.SetUnlinkOnClose(false)
	if uid != os.Geteuid() {
		err = os.Lchown(name, uid, -1)
	}
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	s := &Socket{name: name, l: l, uid: uid}
	s.accepting.Go(func() { s.serve(commands) })
	return s, nil
}

// Close removes the socket. Answers that are being given go on.
func (s *Socket) Close() {
	_ = s.l.Close()
	_ = os.Remove(s.name)
	s.accepting.Wait()
}

// through calls f with a short name for the socket's: the kernel takes only 107
// bytes, and test folders and containers have longer ones.
func through(name string, f func(short string) error) error {
	dir, err := os.OpenFile(filepath.Dir(name), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	return f("/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + filepath.Base(name))
}

func (s *Socket) serve(commands Commands) {
	for {
		c, err := s.l.AcceptUnix()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(acceptPause)
			continue
		}
		go func() {
			defer c.Close()
			defer contain.Recover("an order")
			if s.allowed(c) {
				answer(c, commands)
			}
		}()
	}
}

// acceptPause is how long the socket rests when the process is out of
// descriptors.
const acceptPause = 500 * time.Millisecond

// allowed reports whether the client is root or the user that listens.
func (s *Socket) allowed(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var peer *unix.Ucred
	if raw.Control(func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }) != nil || err != nil {
		return false
	}
	return peer.Uid == 0 || int(peer.Uid) == s.uid
}

// askTimeout is how long a client may take to say what it wants, and maxCommand
// how many bytes.
const (
	askTimeout = 10 * time.Second
	maxCommand = 1024
)

func answer(c net.Conn, commands Commands) {
	_ = c.SetReadDeadline(time.Now().Add(askTimeout))
	line, err := bufio.NewReader(io.LimitReader(c, maxCommand)).ReadString('\n')
	if err != nil {
		return
	}
	out := bufio.NewWriter(c)
	code := commands(strings.TrimSuffix(line, "\n"), out)
	fmt.Fprintf(out, "%s%d\n", exitLine, code)
	_ = out.Flush()
}

const exitLine = "exit "

// ErrEnded reports that the process ended before it had answered.
var ErrEnded = errors.New("the process ended before it answered")

// cause is an error without the short name that through has made up.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// Ask has the process behind the socket do a command and copies to out what it
// says. An error that is not ErrEnded means that nobody was reached.
func Ask(name, command string, out io.Writer) (code int, err error) {
	var c net.Conn
	err = through(name, func(short string) (err error) {
		c, err = net.Dial("unix", short)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("control socket \"%s\": %w", name, cause(err))
	}
	defer c.Close()
	if _, err := io.WriteString(c, command+"\n"); err != nil {
		return 0, ErrEnded
	}
	lines := bufio.NewReader(c)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return 0, ErrEnded
		}
		if rest, ok := strings.CutPrefix(line, exitLine); ok {
			if code, err := strconv.Atoi(strings.TrimSuffix(rest, "\n")); err == nil {
				return code, nil
			}
		}
		if _, err := io.WriteString(out, line); err != nil {
			return 0, err
		}
	}
}
