package check

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/privilege"
)

// Ping is PING_CHECK: an echo request that is answered.
type Ping struct{ Target }

var pingWords = words{up: "ICMP connection to %s success.", down: "ICMP CHECK on service %s", onDown: true, mail: "ICMP"}

// String implements Method.
func (*Ping) String() string { return "PING_CHECK" }

func (*Ping) asks() bool { return true }

// Types of messages (RFC 792, RFC 4443).
const (
	echoRequest, echoReply   = 8, 0
	echoRequest6, echoReply6 = 128, 129
	echoHeader               = 8
	echoPayload              = 128 // in bytes, as keepalived sends
)

func (p *Ping) ask(ctx context.Context, _ int) Answer {
	const failed = "ICMP connection to %s failed."
	s, err := p.open()
	if err != nil {
		return Answer{Unasked: fmt.Sprintf("ICMP connect fail to create socket (%v). Rescheduling.", err)}
	}
	defer s.file.Close()
	stop := context.AfterFunc(ctx, func() { _ = s.file.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	_ = s.file.SetDeadline(time.Now().Add(p.Timeout))
	id, sequence := uint16(rand.Uint32()), uint16(rand.Uint32())
	if _, err := s.file.Write(s.request(id, sequence)); err != nil {
		return Answer{Reason: "sending: " + cause(err), Text: failed}
	}
	buf := make([]byte, 512)
	for {
		n, err := s.file.Read(buf)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return Answer{Reason: "no answer", Text: "ICMP connection to address %s timeout."}
		case err != nil:
			return Answer{Reason: cause(err), Text: failed}
		case s.isReply(buf[:n], id, sequence):
			return Answer{OK: true}
		}
	}
}

// cause leaves out that it was a file.
func cause(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return reason(err)
}

func (*Ping) take(s *state, spec *Spec, a Answer) (Finding, time.Duration) {
	return pingWords.take(s, spec, a.about(spec))
}

// echo is a socket for echo requests.
type echo struct {
	file *os.File
	six  bool
	raw  bool // the kernel leaves the identifier to us, and gives us the IP header
}

// open makes a socket: the kernel's own for pings where it lets us have one
// (net.ipv4.ping_group_range), else a raw one.
func (p *Ping) open() (*echo, error) {
	to := p.address()
	e := &echo{six: to.Addr().Is6()}
	family, protocol := unix.AF_INET, unix.IPPROTO_ICMP
	if e.six {
		family, protocol = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	const flags = unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|flags, protocol)
	if err != nil {
		e.raw = true
		privilege.With(privilege.Of(privilege.NetRaw), func() { fd, err = unix.Socket(family, unix.SOCK_RAW|flags, protocol) })
	}
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if p.Device != "" || p.Mark != 0 {
		err = p.mark(fd)
	}
	if err == nil && p.Bind.IsValid() {
		err = os.NewSyscallError("bind", unix.Bind(fd, sockaddr(p.Bind.Addr())))
	}
	if err == nil {
		// What comes from others is not for us.
		err = os.NewSyscallError("connect", unix.Connect(fd, sockaddr(to.Addr())))
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	e.file = os.NewFile(uintptr(fd), "icmp")
	return e, nil
}

// sockaddr is an address for the kernel.
func sockaddr(a netip.Addr) unix.Sockaddr {
	if a.Is4() {
		return &unix.SockaddrInet4{Addr: a.As4()}
	}
	s := &unix.SockaddrInet6{Addr: a.As16()}
	if a.Zone() != "" {
		if i, err := net.InterfaceByName(a.Zone()); err == nil {
			s.ZoneId = uint32(i.Index)
		}
	}
	return s
}

// request returns an echo request.
func (e *echo) request(id, sequence uint16) []byte {
	b := make([]byte, echoHeader, echoHeader+echoPayload)
	b[0] = echoRequest
	if e.six {
		b[0] = echoRequest6
	}
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], sequence)
	b = append(b, filler(echoPayload)...)
	if !e.six { // for IPv6 the kernel does it
		binary.BigEndian.PutUint16(b[2:], checksum(b))
	}
	return b
}

// checksum is that of RFC 1071.
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// isReply reports whether a message answers a request.
func (e *echo) isReply(b []byte, id, sequence uint16) bool {
	want := byte(echoReply)
	if e.six {
		want = echoReply6
	} else if e.raw {
		if len(b) == 0 || int(b[0]&0x0f)*4 > len(b) {
			return false
		}
		b = b[int(b[0]&0x0f)*4:] // the IP header
	}
	if len(b) < echoHeader || b[0] != want || binary.BigEndian.Uint16(b[6:]) != sequence {
		return false
	}
	return !e.raw || binary.BigEndian.Uint16(b[4:]) == id
}
