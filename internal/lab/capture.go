package lab

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"
)

// Frame is a captured Ethernet frame.
type Frame struct {
	At   time.Time
	Data []byte // from the destination address on
}

// Capture collects every frame that a host's interface sends or receives.
type Capture struct {
	conn *packet.Conn

	mu      sync.Mutex
	frames  []Frame
	changed chan struct{} // closed, and made anew, at every frame
	done    chan struct{}
}

// Capture starts collecting; frames from now on are not missed. Close ends it.
func (p *Port) Capture() (*Capture, error) {
	link, err := p.link()
	if err != nil {
		return nil, err
	}
	c := &Capture{changed: make(chan struct{}), done: make(chan struct{})}
	err = p.Host.Do(func() error {
		c.conn, err = packet.Listen(&net.Interface{Index: link.Attrs().Index, HardwareAddr: link.Attrs().HardwareAddr},
			packet.Raw, unix.ETH_P_ALL, nil)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lab: capture on %s of %s: %w", p.Name, p.Host.Name, err)
	}
	go c.collect()
	return c, nil
}

func (c *Capture) collect() {
	defer close(c.done)
	buffer := make([]byte, 1<<16)
	for {
		n, _, err := c.conn.ReadFrom(buffer)
		if err != nil {
			return // closed, or the interface is gone
		}
		frame := Frame{At: time.Now(), Data: append([]byte(nil), buffer[:n]...)}
		c.mu.Lock()
		c.frames = append(c.frames, frame)
		close(c.changed)
		c.changed = make(chan struct{})
		c.mu.Unlock()
	}
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
	err := c.conn.Close()
	<-c.done
	return err
}
