package detour

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// forwarder sends on the packets of one family.
type forwarder struct {
	detour *Detour
	iface  *net.Interface
	socket *os.File
	raw    syscall.RawConn
	sent   map[Flow]bool // connections that were sent on
	own    map[Flow]bool // this node's, when it was last asked
	asked  time.Time
}

const (
	// vnetLen is the header that comes with PACKET_VNET_HDR: it says what
	// of checksums and segmentation is still to be done. Packets that the
	// kernel has merged are split again by it when they are sent on.
	vnetLen = 10

	// largest is the longest frame, merged ones included, with its header.
	largest = vnetLen + ethernetLen + 1<<16

	// forwardBuffer is the receive buffer in bytes.
	forwardBuffer = 4 << 20
)

// openForwarder opens the packet socket: what arrives from now on is kept for
// run.
func openForwarder(d *Detour, iface *net.Interface, addrs []netip.Addr) (*forwarder, error) {
	protocol, program := uint16(unix.ETH_P_IP), packetFilter(addrs)
	if addrs[0].Is6() {
		protocol = unix.ETH_P_IPV6
	}
	// Without a protocol the socket receives nothing until it is bound.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := &forwarder{detour: d, iface: iface, socket: os.NewFile(uintptr(fd), "detour"), sent: map[Flow]bool{}}
	fail := func(err error) (*forwarder, error) {
		_ = f.socket.Close()
		return nil, err
	}
	if err := attach(fd, program); err != nil {
		return fail(err)
	}
	// As large as may be; a small one is no reason to do without.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, forwardBuffer)
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
		return fail(os.NewSyscallError("setsockopt", err))
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(protocol), Ifindex: iface.Index}); err != nil {
		return fail(os.NewSyscallError("bind", err))
	}
	if f.raw, err = f.socket.SyscallConn(); err != nil {
		return fail(err)
	}
	return f, nil
}

func networkOrder(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

// packetFilter selects TCP packets for the addresses, all of one family, that
// were sent to this host.
func packetFilter(addrs []netip.Addr) []bpf.Instruction {
	next, dst := uint32(ethernetLen+9), uint32(ethernetLen+16) // RFC 791, 3.1
	if addrs[0].Is6() {
		next, dst = ethernetLen+6, ethernetLen+24 // RFC 8200, 3
	}
	words := len(addrs[0].AsSlice()) / 4
	program := []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PACKET_HOST, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.LoadAbsolute{Off: next, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_TCP, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
	}
	for _, a := range addrs {
		bytes := a.AsSlice()
		for w := range words {
			// A word that differs skips to the next address.
			program = append(program,
				bpf.LoadAbsolute{Off: dst + uint32(4*w), Size: 4},
				bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: binary.BigEndian.Uint32(bytes[4*w:]), SkipTrue: uint8(2*(words-1-w) + 1)})
		}
		program = append(program, bpf.RetConstant{Val: largest})
	}
	return append(program, bpf.RetConstant{Val: 0})
}

func attach(fd int, program []bpf.Instruction) error {
	raw, err := bpf.Assemble(program)
	if err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return os.NewSyscallError("setsockopt", unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog))
}

// run sends on until close. own are the connections that this node has.
func (f *forwarder) run(own map[Flow]bool) {
	f.own, f.asked = own, time.Now()
	buffer := make([]byte, largest)
	for {
		n, err := f.receive(buffer)
		if err != nil {
			return // closed
		}
		if n < vnetLen+ethernetLen {
			continue
		}
		f.consider(buffer[:n])
	}
}

// receive reads one packet with its header. The error means that the socket
// was closed.
func (f *forwarder) receive(buffer []byte) (n int, err error) {
	closed := f.raw.Read(func(fd uintptr) bool {
		n, _, err = unix.Recvfrom(int(fd), buffer, 0)
		return err != unix.EAGAIN
	})
	if closed != nil {
		return 0, closed
	}
	if err != nil {
		return 0, nil // the interface went down: it may come up again
	}
	return n, nil
}

// consider sends a packet on if it belongs to a connection that this node does
// not have.
func (f *forwarder) consider(packet []byte) {
	frame := packet[vnetLen:]
	k, begins, ok := parse(frame)
	if !ok || !f.detour.mine(k) || f.own[k] && !(begins && f.ended(k)) {
		return
	}
	if begins {
		f.sent[k] = true
	}
	if !f.sent[k] {
		return
	}
	copy(frame[0:hardwareLen], f.detour.config.To)
	copy(frame[hardwareLen:2*hardwareLen], f.iface.HardwareAddr)
	// A packet that cannot be sent is lost, as on any network: TCP repeats it.
	_ = f.raw.Write(func(fd uintptr) bool {
		err := unix.Sendto(int(fd), packet, 0, &unix.SockaddrLinklayer{Ifindex: f.iface.Index, Halen: hardwareLen})
		return err != unix.EAGAIN
	})
	f.detour.forwarded.Add(1)
}

// askEvery is how often the kernel is asked what this node has.
const askEvery = 10 * time.Millisecond

// ended reports whether a connection of this node's is there no longer: the
// client may use its port for a new one.
func (f *forwarder) ended(k Flow) bool {
	if time.Since(f.asked) >= askEvery {
		f.asked = time.Now()
		if own, err := flows(f.detour.config.Addresses, f.detour.ports, alive|1<<stateFinWait2); err == nil {
			f.own = own
		}
	}
	return !f.own[k]
}

func (f *forwarder) close() { _ = f.socket.Close() }
