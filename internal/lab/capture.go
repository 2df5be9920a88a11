package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Frame is a captured Ethernet frame.
type Frame struct {
	At   time.Time
	Data []byte // from the destination address on
}

// Capture collects every frame that a host's interface sends or receives.
type Capture struct {
	socket *os.File
	raw    syscall.RawConn

	mu      sync.Mutex
	frames  []Frame
	changed chan struct{} // closed, and made anew, at every frame
	done    chan struct{}
}

// captureBuffer is the receive buffer of a capture, in bytes.
const captureBuffer = 4 << 20

// Capture starts collecting; frames from now on are not missed. Close ends it.
func (p *Port) Capture() (*Capture, error) {
	link, err := p.link()
	if err != nil {
		return nil, err
	}
	c := &Capture{changed: make(chan struct{}), done: make(chan struct{})}
	err = p.Host.Do(func() error { return c.open(link.Attrs().Index) })
	if err != nil {
		return nil, fmt.Errorf("lab: capture on %s of %s: %w", p.Name, p.Host.Name, err)
	}
	go c.collect()
	return c, nil
}

// open makes the socket: for all protocols of one interface, with the
// kernel's own time of each frame.
func (c *Capture) open(index int) error {
	all := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	c.socket = os.NewFile(uintptr(fd), "capture")
	if c.raw, err = c.socket.SyscallConn(); err == nil {
		err = errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, captureBuffer),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
			unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: index}))
	}
	if err != nil {
		c.socket.Close()
	}
	return err
}

func (c *Capture) collect() {
	defer close(c.done)
	buffer, control := make([]byte, 1<<16), make([]byte, 256)
	for {
		var n, controlled int
		var err error
		readErr := c.raw.Read(func(fd uintptr) bool {
			n, controlled, _, _, err = unix.Recvmsg(int(fd), buffer, control, 0)
			return err != unix.EAGAIN
		})
		if readErr != nil {
			return // closed
		}
		if err != nil {
			continue // the interface went down or away; it may come up again
		}
		frame := Frame{At: arrival(control[:controlled]), Data: append([]byte(nil), buffer[:n]...)}
		c.mu.Lock()
		c.frames = append(c.frames, frame)
		close(c.changed)
		c.changed = make(chan struct{})
		c.mu.Unlock()
	}
}

// arrival is the kernel's time of a frame.
func arrival(control []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(control)
	if err == nil {
		for _, m := range messages {
			if m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
				return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
			}
		}
	}
	return time.Now()
}

// Frames returns what was captured so far.
func (c *Capture) Frames() []Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Frame(nil), c.frames...)
}

// Wait returns the first frame, captured before or after the call, that match
// accepts.
func (c *Capture) Wait(ctx context.Context, match func(Frame) bool) (Frame, error) {
	seen := 0
	for {
		c.mu.Lock()
		frames, changed := c.frames, c.changed
		c.mu.Unlock()
		for ; seen < len(frames); seen++ {
			if match(frames[seen]) {
				return frames[seen], nil
			}
		}
		select {
		case <-changed:
		case <-c.done:
			return Frame{}, fmt.Errorf("lab: the capture ended after %d frames, none of them as awaited", seen)
		case <-ctx.Done():
			return Frame{}, fmt.Errorf("lab: %d frames captured, none of them as awaited: %w", seen, ctx.Err())
		}
	}
}

// WriteFile writes the frames so far in pcap format, for tcpdump and tshark.
func (c *Capture) WriteFile(name string) error {
	out := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4) // microseconds, this byte order
	out = binary.LittleEndian.AppendUint16(out, 2)           // version 2.4
	out = binary.LittleEndian.AppendUint16(out, 4)
	out = append(out, make([]byte, 8)...)              // time zone and accuracy, always 0
	out = binary.LittleEndian.AppendUint32(out, 1<<16) // longest frame
	out = binary.LittleEndian.AppendUint32(out, 1)     // Ethernet
	for _, frame := range c.Frames() {
		out = binary.LittleEndian.AppendUint32(out, uint32(frame.At.Unix()))
		out = binary.LittleEndian.AppendUint32(out, uint32(frame.At.Nanosecond()/1000))
		out = binary.LittleEndian.AppendUint32(out, uint32(len(frame.Data)))
		out = binary.LittleEndian.AppendUint32(out, uint32(len(frame.Data)))
		out = append(out, frame.Data...)
	}
	if err := os.WriteFile(name, out, 0o644); err != nil {
		return fmt.Errorf("lab: capture: %w", err)
	}
	return nil
}

// Close ends the capture; what was captured stays readable.
func (c *Capture) Close() error {
	err := c.socket.Close()
	<-c.done
	return err
}
