package syslog

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
)

// Server is a syslog server that lines are sent to.
type Server struct {
	name     string
	options  Options
	family   int
	addr     unix.Sockaddr
	report   func(error)
	reported atomic.Int64 // when, in nanoseconds since 1970

	mu sync.RWMutex // around the descriptor: held for reading while one is used
	fd int          // -1: not connected
}

// Open finds the server's address. The connection is made with the first line.
// report, which may be nil, is told at most once a minute that lines are lost.
func Open(o Options, report func(error)) (*Server, error) {
	addr, err := o.address()
	if err != nil {
		return nil, err
	}
	s := &Server{name: o.Server, options: o, report: report, fd: -1}
	switch a := addr.(type) {
	case *net.UnixAddr:
		s.family, s.addr = unix.AF_UNIX, &unix.SockaddrUnix{Name: a.Name}
	case *net.UDPAddr:
		if ip := a.IP.To4(); ip != nil {
			s.family, s.addr = unix.AF_INET, &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte(ip)}
		} else {
			s.family, s.addr = unix.AF_INET6, &unix.SockaddrInet6{Port: a.Port, Addr: [16]byte(a.IP.To16())}
		}
	}
	return s, nil
}

// Close closes the connection; a later line would open it anew.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disconnect()
}

func (s *Server) disconnect() {
	if s.fd >= 0 {
		_ = unix.Close(s.fd)
		s.fd = -1
	}
}

// Write sends a line of an access log. It does not fail.
func (s *Server) Write(line []byte) (int, error) {
	s.send(s.options.Severity, line)
	return len(line), nil
}

// WriteLevel sends a line of an error log with the severity of its level.
func (s *Server) WriteLevel(level errorlog.Level, line []byte) {
	s.send(int(level)-int(errorlog.Emerg), line)
}

var messages = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

func (s *Server) send(severity int, line []byte) {
	p := messages.Get().(*[]byte)
	*p = s.appendMessage((*p)[:0], time.Now(), severity, line)
	err := s.transmit(*p)
	messages.Put(p)
	if err != nil {
		s.lost(err)
	}
}

// hostname is the name that messages carry: all of it, unlike RFC 3164, 4.1.2,
// and in lower case, as in nginx.
var hostname = sync.OnceValue(func() string {
	name, _ := os.Hostname()
	return strings.ToLower(name)
})

// appendMessage appends a message of RFC 3164: "<PRI>Mmm dd hh:mm:ss HOSTNAME
// TAG: CONTENT".
func (s *Server) appendMessage(dst []byte, now time.Time, severity int, line []byte) []byte {
	dst = append(dst, '<')
	dst = strconv.AppendInt(dst, int64(s.options.Facility*8+severity), 10)
	dst = append(dst, '>')
	dst = now.AppendFormat(dst, time.Stamp)
	dst = append(dst, ' ')
	if !s.options.NoHostname {
		dst = append(append(dst, hostname()...), ' ')
	}
	dst = append(append(dst, s.options.Tag...), ": "...)
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	return append(dst, line...)
}

// transmit hands a message to the socket, which takes it at once or not at all.
func (s *Server) transmit(message []byte) error {
	s.mu.RLock()
	fd := s.fd
	if fd < 0 {
		s.mu.RUnlock()
		var err error
		if fd, err = s.connect(); err != nil {
			return err
		}
	}
	_, err := unix.Write(fd, message)
	s.mu.RUnlock()
	if err == nil || err == unix.EAGAIN {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd == fd {
		s.disconnect()
	}
	return fmt.Errorf("send() failed (%s)", errorlog.Reason(err))
}

// connect makes the socket; on success it returns with mu held for reading.
func (s *Server) connect() (int, error) {
	s.mu.Lock()
	if s.fd < 0 {
		fd, err := unix.Socket(s.family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			s.mu.Unlock()
			return -1, fmt.Errorf("socket() failed (%s)", errorlog.Reason(err))
		}
		if err := unix.Connect(fd, s.addr); err != nil {
			_ = unix.Close(fd)
			s.mu.Unlock()
			return -1, fmt.Errorf("connect() failed (%s)", errorlog.Reason(err))
		}
		s.fd = fd
	}
	s.mu.Unlock()
	s.mu.RLock()
	if s.fd < 0 {
		// Somebody else met an error meanwhile.
		s.mu.RUnlock()
		return -1, fmt.Errorf("send() failed (%s)", errorlog.Errno(unix.ENOTCONN))
	}
	return s.fd, nil
}

// reportEvery is how often lost lines are reported.
const reportEvery = time.Minute

func (s *Server) lost(err error) {
	now := time.Now().UnixNano()
	last := s.reported.Load()
	if s.report == nil || err == unix.EAGAIN || last != 0 && now-last < int64(reportEvery) || !s.reported.CompareAndSwap(last, now) {
		return
	}
	s.report(fmt.Errorf("%w while logging to syslog, server: %s", err, s.name))
}
