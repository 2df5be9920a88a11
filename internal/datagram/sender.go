package datagram

import (
	"net/netip"
	"os"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sender sends datagrams, as many at a time as have been added. It is for one
// goroutine at a time.
type Sender struct {
	queue    []queued
	messages []message
	iovs     []unix.Iovec
	names    []unix.RawSockaddrInet6
	controls [][senderControl]byte
	first    []int // the first datagram of each message
	apart    bool  // the kernel does not cut datagrams of this socket
}

// queued is a datagram that waits.
type queued struct {
	data []byte
	to   netip.AddrPort
	from netip.Addr
}

const (
	// most is how many datagrams are sent at once, and mostJoined how many of them
	// as one message, which the kernel cuts (UDP_MAX_SEGMENTS).
	most       = 64
	mostJoined = 64
	// mostBytes is how long such a message may be.
	mostBytes = 65000
	// senderControl has room for the address to send from, and for the size.
	senderControl = 64
)

// Add has a datagram be sent: to an address, or the zero one if the socket is
// connected; from an address of this host, or any. data is not to be changed before
// Flush. Full: Flush has to be called before the next one.
func (s *Sender) Add(data []byte, to netip.AddrPort, from netip.Addr) (full bool) {
	s.queue = append(s.queue, queued{data, to, from})
	return len(s.queue) >= most
}

// Len returns how many datagrams wait.
func (s *Sender) Len() int { return len(s.queue) }

// Flush sends what has been added. The error is that of the last datagram that
// could not be sent; the others have been.
func (s *Sender) Flush(fd int) (failed error) {
	queue := s.queue
	defer func() {
		clear(s.queue)
		s.queue = s.queue[:0]
	}()
	for len(queue) > 0 {
		s.arrange(queue)
		sent, e := s.send(fd)
		done := len(queue)
		if sent < len(s.messages) {
			done = s.first[sent]
		}
		if e != 0 {
			end := len(queue)
			if sent+1 < len(s.messages) {
				end = s.first[sent+1]
			}
			if end-done > 1 && (e == unix.EIO || e == unix.EINVAL || e == unix.EMSGSIZE) {
				s.apart = true // a card that cannot, or datagrams that are fragmented on their way
			} else {
				failed = os.NewSyscallError("sendmsg", e)
				done = end
			}
		}
		queue = queue[done:]
	}
	return failed
}

// arrange makes messages of datagrams: those of one size that go the same way are
// one.
func (s *Sender) arrange(queue []queued) {
	if s.iovs == nil {
		s.iovs, s.names, s.controls = make([]unix.Iovec, most), make([]unix.RawSockaddrInet6, most), make([][senderControl]byte, most)
	}
	queue = queue[:min(len(queue), most)]
	s.messages, s.first = s.messages[:0], s.first[:0]
	for i := range queue {
		if len(queue[i].data) > 0 {
			s.iovs[i].Base = &queue[i].data[0]
		} else {
			s.iovs[i].Base = nil
		}
		s.iovs[i].SetLen(len(queue[i].data))
	}
	for i := 0; i < len(queue); {
		n := s.joined(queue[i:])
		m := len(s.messages)
		h := unix.Msghdr{Iov: &s.iovs[i]}
		h.SetIovlen(n)
		if to := queue[i].to; to.IsValid() {
			h.Name, h.Namelen = (*byte)(unsafe.Pointer(&s.names[m])), nameOf(&s.names[m], to)
		}
		oob := appendLocal(s.controls[m][:0], queue[i].from)
		if n > 1 {
			oob = appendSegment(oob, len(queue[i].data))
		}
		if len(oob) > 0 {
			h.Control = &s.controls[m][0]
			h.SetControllen(len(oob))
		}
		s.messages, s.first = append(s.messages, message{header: h}), append(s.first, i)
		i += n
	}
}

// joined returns how many of the datagrams are one message: they have one size, but
// for the last, which may be shorter.
func (s *Sender) joined(queue []queued) int {
	first := &queue[0]
	size := len(first.data)
	if s.apart || size == 0 {
		return 1
	}
	n, bytes := 1, size
	for n < len(queue) && n < mostJoined {
		q := &queue[n]
		if bytes += len(q.data); len(q.data) > size || len(q.data) == 0 || bytes > mostBytes || q.to != first.to || q.from != first.from {
			break
		}
		n++
		if len(q.data) < size {
			break
		}
	}
	return n
}

// send sends the messages, and returns how many have been; the error is that of the
// next one. A socket that is full drops, as any queue on the way would.
func (s *Sender) send(fd int) (sent int, e unix.Errno) {
	n, e := uintptr(0), unix.EINTR
	for e == unix.EINTR {
		n, _, e = unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&s.messages[0])), uintptr(len(s.messages)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	}
	runtime.KeepAlive(s)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

var senders = sync.Pool{New: func() any { return new(Sender) }}

// Send sends datagrams through a socket that is connected.
func Send(fd int, list [][]byte) error {
	if len(list) == 1 && len(list[0]) > 0 {
		return sendOne(fd, list[0])
	}
	s := senders.Get().(*Sender)
	defer senders.Put(s)
	s.apart = false
	var failed error
	for _, b := range list {
		if s.Add(b, netip.AddrPort{}, netip.Addr{}) {
			if err := s.Flush(fd); err != nil {
				failed = err
			}
		}
	}
	if err := s.Flush(fd); err != nil {
		failed = err
	}
	return failed
}

// sendOne is Send of one datagram.
func sendOne(fd int, b []byte) error {
	e := unix.EINTR
	for e == unix.EINTR {
		_, _, e = unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, 0, 0)
	}
	if e != 0 {
		return os.NewSyscallError("send", e)
	}
	return nil
}
