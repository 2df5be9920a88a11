// Package datagram receives and sends datagrams many at a time (recvmmsg,
// sendmmsg), and has the kernel join those of one conversation and cut them again
// (UDP_GRO, UDP_SEGMENT) where it can.
package datagram

import (
	"net/netip"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"tandem/internal/sock"
)

// MaxSize is the length of a datagram at most, in bytes.
const MaxSize = 64 << 10

// Datagram is one that has been received. Data is the Reader's: it holds until the
// Reader receives again, and joined datagrams are one after the other in it.
type Datagram struct {
	Data  []byte
	From  netip.AddrPort // zero from a socket that is connected
	Local netip.Addr     // that it was sent to, if the socket has it told
}

// Reader receives datagrams into buffers of its own, so many at a time.
type Reader struct {
	messages []message
	iovs     []unix.Iovec
	names    []unix.RawSockaddrInet6
	controls [][controlSize]byte
	buf      []byte

	next, end int // messages that have been received and not been taken
	from      netip.AddrPort
	local     netip.Addr
	rest      []byte // of a message with several datagrams
	segment   int
}

// message is struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
}

// controlSize has room for where a datagram was sent to, and for how it was joined.
const controlSize = 128

// NewReader returns a Reader of so many messages.
func NewReader(n int) *Reader {
	r := &Reader{messages: make([]message, n), iovs: make([]unix.Iovec, n), names: make([]unix.RawSockaddrInet6, n),
		controls: make([][controlSize]byte, n), buf: make([]byte, n*MaxSize)}
	for i := range r.messages {
		r.iovs[i].Base = &r.buf[i*MaxSize]
		r.iovs[i].SetLen(MaxSize)
		h := &r.messages[i].header
		h.Name, h.Iov, h.Control = (*byte)(unsafe.Pointer(&r.names[i])), &r.iovs[i], &r.controls[i][0]
		h.SetIovlen(1)
	}
	return r
}

// Join has the kernel join datagrams for a socket of UDP. Whether it can is no
// matter: a Reader takes them either way.
func Join(fd int) { _ = unix.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_GRO, 1) }

// Left returns how many messages the Reader has room for without overwriting what
// it has received since Reset.
func (r *Reader) Left() int { return len(r.messages) - r.end }

// Reset has all buffers be used again.
func (r *Reader) Reset() { r.next, r.end, r.rest = 0, 0, nil }

// Receive receives what has come, most messages at most, and returns how many; 0:
// nothing has come. What has been received and not been taken by Next is lost. The
// call does not wait, so the scheduler need not know of it.
func (r *Reader) Receive(fd, most int) (int, error) {
	first := r.end
	most = min(most, len(r.messages)-first)
	for i := first; i < first+most; i++ {
		h := &r.messages[i].header
		h.Namelen, h.Flags = unix.SizeofSockaddrInet6, 0
		h.SetControllen(controlSize)
	}
	for {
		n, _, e := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&r.messages[first])), uintptr(most), unix.MSG_DONTWAIT, 0, 0)
		switch e {
		case 0:
			r.next, r.end, r.rest = first, first+int(n), nil
			return int(n), nil
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return 0, nil
		}
		return 0, os.NewSyscallError("recvmsg", e)
	}
}

// Next takes a datagram; false: there is none.
func (r *Reader) Next() (d Datagram, ok bool) {
	if len(r.rest) == 0 {
		if r.next == r.end {
			return d, false
		}
		r.open(r.next)
		r.next++
	}
	size := len(r.rest)
	if r.segment > 0 {
		size = min(size, r.segment)
	}
	d = Datagram{r.rest[:size:size], r.from, r.local}
	r.rest = r.rest[size:]
	return d, true
}

// open looks at a message.
func (r *Reader) open(i int) {
	m := &r.messages[i]
	at := i * MaxSize
	r.rest = r.buf[at : at+int(m.length)]
	r.from, r.local, r.segment = netip.AddrPort{}, netip.Addr{}, 0
	if m.header.Namelen > 0 {
		r.from = addrOf(&r.names[i])
	}
	for oob := r.controls[i][:m.header.Controllen]; len(oob) >= unix.SizeofCmsghdr; {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
		size := int(h.Len)
		if size < unix.SizeofCmsghdr || size > len(oob) {
			break
		}
		r.control(h.Level, h.Type, oob[unix.CmsgLen(0):size])
		oob = oob[min(unix.CmsgSpace(size-unix.CmsgLen(0)), len(oob)):]
	}
	runtime.KeepAlive(r)
}

// control takes what the kernel tells of a message.
func (r *Reader) control(level, kind int32, data []byte) {
	switch {
	case level == unix.IPPROTO_IP && kind == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
		r.local = netip.AddrFrom4((*unix.Inet4Pktinfo)(unsafe.Pointer(&data[0])).Addr)
	case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
		r.local = netip.AddrFrom16((*unix.Inet6Pktinfo)(unsafe.Pointer(&data[0])).Addr)
	case level == unix.SOL_UDP && kind == unix.UDP_GRO && len(data) >= 4:
		r.segment = int(*(*int32)(unsafe.Pointer(&data[0])))
	}
}

// addrOf returns the address that the kernel has told.
func addrOf(name *unix.RawSockaddrInet6) netip.AddrPort {
	port := *(*[2]byte)(unsafe.Pointer(&name.Port))
	number := uint16(port[0])<<8 | uint16(port[1])
	switch name.Family {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr), number)
	case unix.AF_INET6:
		ip := netip.AddrFrom16(name.Addr)
		if name.Scope_id != 0 {
			ip = ip.WithZone(sock.ZoneName(name.Scope_id))
		}
		return netip.AddrPortFrom(ip, number)
	}
	return netip.AddrPort{}
}
