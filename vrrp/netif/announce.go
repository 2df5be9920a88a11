package netif

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/privilege"
)

// Announcement asks for gratuitous ARP (IPv4) and unsolicited neighbour
// advertisements (IPv6), so that the neighbours send to this machine what is
// for the addresses.
type Announcement struct {
	Interface string
	Addresses []netip.Addr

	// Repeat is how often each address is announced; 0 means once. Every
	// round goes through all addresses before the next one begins.
	Repeat int

	// GARPInterval and NAInterval are the least times between two packets
	// on the interface (keepalived's garp_interval and gna_interval); 0
	// means no pause.
	GARPInterval time.Duration
	NAInterval   time.Duration
}

// Announcer tells the neighbours where addresses are.
type Announcer interface {
	// Announce queues the announcement and returns at once. What was queued
	// before for the same interface goes first.
	Announce(Announcement)

	// Withdraw forgets what is queued for the addresses on the interface:
	// this machine holds them no longer.
	Withdraw(iface string, addresses []netip.Addr)
}

// NeighborAnnouncer is the Announcer of the kernel.
type NeighborAnnouncer struct {
	stack *Stack
	fd    int
	sent  atomic.Uint64
	lost  atomic.Uint64
	stop  chan struct{}
	runs  sync.WaitGroup

	mu     sync.Mutex // never held while anything waits
	queues map[string]*queue
	closed bool
}

// queue is what is still to be announced on one interface.
type queue struct {
	waiting []single
	running bool         // a goroutine sends what waits
	next    [2]time.Time // when the next IPv4 and IPv6 packet may go
}

// single is one packet to be sent.
type single struct {
	address  netip.Addr
	interval time.Duration // to the next of its kind
}

// family indexes queue.next.
func (s single) family() int {
	if s.address.Is6() {
		return 1
	}
	return 0
}

const (
	// maxQueue bounds a queue, in packets: beyond it the oldest are dropped,
	// which are repetitions of later ones.
	maxQueue = 1 << 16

	// linkAge is how long what is known about an interface serves for the
	// packets of one burst.
	linkAge = 100 * time.Millisecond
)

// Announcer returns a new Announcer. It needs CAP_NET_RAW. The calling thread
// must be in the Stack's namespace.
func (s *Stack) Announcer() (*NeighborAnnouncer, error) {
	// Protocol 0: a socket that sends only.
	fd := -1
	err := asRaw(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("socket for gratuitous ARP: %w", privilege.Explain(err, privilege.NetRaw))
	}
	return &NeighborAnnouncer{stack: s, fd: fd, queues: map[string]*queue{}, stop: make(chan struct{})}, nil
}

// Announce implements Announcer.
func (n *NeighborAnnouncer) Announce(a Announcement) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || len(a.Addresses) == 0 {
		return
	}
	q := n.queues[a.Interface]
	if q == nil {
		q = &queue{}
		n.queues[a.Interface] = q
	}
	for range max(a.Repeat, 1) {
		for _, address := range a.Addresses {
			interval := a.GARPInterval
			if address.Is6() {
				interval = a.NAInterval
			}
			q.waiting = append(q.waiting, single{address, interval})
		}
	}
	if excess := len(q.waiting) - maxQueue; excess > 0 {
		q.waiting = slices.Delete(q.waiting, 0, excess)
		n.lost.Add(uint64(excess))
	}
	if !q.running {
		q.running = true
		n.runs.Add(1)
		go n.run(a.Interface, q)
	}
}

// Withdraw implements Announcer.
func (n *NeighborAnnouncer) Withdraw(iface string, addresses []netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if q := n.queues[iface]; q != nil {
		q.waiting = slices.DeleteFunc(q.waiting, func(s single) bool { return slices.Contains(addresses, s.address) })
	}
}

// Counts returns how many packets were sent, and how many could not be: the
// interface was gone or not Ethernet, or its queue was full.
func (n *NeighborAnnouncer) Counts() (sent, lost uint64) { return n.sent.Load(), n.lost.Load() }

// Close drops what is queued and closes the socket.
func (n *NeighborAnnouncer) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil
	}
	n.closed = true
	close(n.stop)
	n.mu.Unlock()
	n.runs.Wait()
	return unix.Close(n.fd)
}

// run sends what is queued for one interface, and ends when nothing is.
func (n *NeighborAnnouncer) run(iface string, q *queue) {
	defer n.runs.Done()
	var link linkInfo
	var err error
	var asked time.Time
	for {
		if time.Since(asked) > linkAge {
			link, err = n.stack.linkInfo(iface)
			asked = time.Now()
		}
		wait, more := n.step(q, link, err)
		if !more {
			return
		}
		if wait <= 0 {
			continue
		}
		select {
		case <-time.After(wait):
		case <-n.stop:
		}
	}
}

// step sends the first packet that waits, or says how long until it may go.
// more is false when none waits. The packet goes out under the lock, so that
// none follows a Withdraw that has returned.
func (n *NeighborAnnouncer) step(q *queue, link linkInfo, linkErr error) (wait time.Duration, more bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(q.waiting) == 0 || n.closed {
		q.running = false
		return 0, false
	}
	first := q.waiting[0]
	now := time.Now()
	if wait := q.next[first.family()].Sub(now); wait > 0 {
		return wait, true
	}
	q.waiting = q.waiting[1:]
	q.next[first.family()] = now.Add(first.interval)
	if linkErr != nil || n.send(link, first.address) != nil {
		n.lost.Add(1)
	} else {
		n.sent.Add(1)
	}
	return 0, true
}

// send sends one packet, without waiting for room.
func (n *NeighborAnnouncer) send(link linkInfo, address netip.Addr) error {
	frame, err := announcementFrame(link, address)
	if err != nil {
		return err
	}
	return unix.Sendto(n.fd, frame, unix.MSG_DONTWAIT, &unix.SockaddrLinklayer{Ifindex: link.index})
}

// errNotEthernet is about interfaces that have no neighbours to tell.
var errNotEthernet = errors.New("not an Ethernet interface")

// linkInfo is what a frame needs to know about the interface.
type linkInfo struct {
	index    int
	hardware net.HardwareAddr
	router   bool // forwards IPv6
}

func (s *Stack) linkInfo(name string) (linkInfo, error) {
	link, err := s.netlink.LinkByName(name)
	if err != nil {
		return linkInfo{}, err
	}
	a := link.Attrs()
	if len(a.HardwareAddr) != 6 || a.RawFlags&unix.IFF_LOOPBACK != 0 {
		return linkInfo{}, errNotEthernet
	}
	return linkInfo{index: a.Index, hardware: a.HardwareAddr, router: s.forwardsIPv6(a.Index)}, nil
}
