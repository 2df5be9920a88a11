package bfd

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"tandem/bfd/packet"
	"tandem/bfd/session"
)

// Instance is a bfd_instance.
type Instance struct {
	session.Config
	Neighbor netip.Addr
	Source   netip.Addr // invalid: the kernel chooses
	// TTL is what packets are sent with, and MaxHops how many of it may be missing
	// from those that come (RFC 5881 section 5); -1: it is not looked at.
	TTL, MaxHops int
	Multihop     bool // RFC 5883: another port
}

// reaches reports whether both are sessions with the same system by the same way, so
// that one may go on as the other.
func (i *Instance) reaches(other *Instance) bool {
	return i.Neighbor == other.Neighbor && i.Source == other.Source && i.TTL == other.TTL && i.Multihop == other.Multihop
}

// Options are what a Speaker is told and tells. But for Thread, the functions are called
// one after the other by a goroutine that nothing else waits for.
type Options struct {
	// Report is told whether the neighbor of an instance can be reached: no, at the
	// beginning, and then what changes.
	Report func(name string, up bool)
	// Silent is told after Report that it is because nothing has come from the neighbor
	// for that time.
	Silent func(name string, neighbor netip.Addr, detection time.Duration)
	Log    func(warning bool, text string)
	// Thread is called on the thread that does all the work, to have it scheduled. May
	// be nil.
	Thread func() error
}

// Status is what is known of an instance.
type Status struct {
	Name, Neighbor string
	State          packet.State
	Since          time.Time // when it came up or went down last; the zero time: it has not been up
	Detection      time.Duration
	Sent, Received uint64
}

// Speaker speaks BFD from Start to Stop.
type Speaker struct {
	options Options
	teller  *teller
	event   int // an eventfd that wakes the loop
	done    chan struct{}

	mu    sync.Mutex
	tasks []func() // for the loop
	ended bool

	// Of the loop.
	in        [4]int // sockets that receive, by listenerOf; -1: none
	peers     []*peer
	byNumber  map[uint32]*peer
	discarded uint64
	buffer    [256]byte
	control   [128]byte
}

// peer is an instance at work.
type peer struct {
	Instance
	session        *session.Session
	out            int       // socket that sends; -1: not open
	retry          time.Time // when it is tried to open it again
	failed, silent bool      // sending, and opening, has been complained of
	since          time.Time
	sent, received uint64
}

// Start begins without instances. The error is about what every loop needs.
func Start(o Options) (*Speaker, error) {
	event, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("bfd: eventfd: %w", err)
	}
	s := &Speaker{options: o, teller: startTeller(), event: event, done: make(chan struct{}), in: [4]int{-1, -1, -1, -1}, byNumber: map[uint32]*peer{}}
	go s.loop()
	return s, nil
}

// Configure goes over to other instances. Sessions of those that stay go on.
func (s *Speaker) Configure(instances []Instance) { s.do(func() { s.configure(instances) }) }

// Status returns what is known of the instances, in their order, and how many packets
// belonged to none or made no sense.
func (s *Speaker) Status() (all []Status, discarded uint64) {
	ready := make(chan struct{})
	if !s.do(func() {
		for _, p := range s.peers {
			all = append(all, Status{p.Name, p.Neighbor.String(), p.session.State(), p.since, p.session.Detection(), p.sent, p.received})
		}
		discarded = s.discarded
		close(ready)
	}) {
		return nil, 0
	}
	<-ready
	return all, discarded
}

// Stop ends all sessions. The neighbors are told nothing, as with keepalived: they
// find out.
func (s *Speaker) Stop() {
	s.do(func() { s.ended = true })
	<-s.done
	s.teller.close()
}

// log has a line written.
func (s *Speaker) log(warning bool, text string) {
	s.teller.tellLine(func() { s.options.Log(warning, text) })
}

// report tells how a session stands.
func (s *Speaker) report(name string, up bool) {
	s.teller.tell(func() { s.options.Report(name, up) })
}

// do has the loop call f; false: it has ended.
func (s *Speaker) do(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.tasks = append(s.tasks, f)
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(s.event, one[:]) // a full counter wakes as well
	return true
}

// loop is the thread.
func (s *Speaker) loop() {
	runtime.LockOSThread() // it ends with the thread, whose scheduling is its own
	defer close(s.done)
	if s.options.Thread != nil {
		if err := s.options.Thread(); err != nil {
			s.log(true, err.Error())
		}
	}
	for s.work() {
		s.wait()
	}
	for _, p := range s.peers {
		p.close()
	}
	for i := range s.in {
		s.closeListener(i)
	}
	_ = unix.Close(s.event)
}

// work does what others want done; false: it is over.
func (s *Speaker) work() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	tasks := s.tasks
	s.tasks = nil
	for _, f := range tasks {
		f()
	}
	return !s.ended
}

// wait waits for packets, for the next one to send, or for Stop, and does what is due.
func (s *Speaker) wait() {
	fds := make([]unix.PollFd, 1, 1+len(s.in))
	fds[0] = unix.PollFd{Fd: int32(s.event), Events: unix.POLLIN}
	for _, fd := range s.in {
		if fd >= 0 {
			fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
	}
	var timeout *unix.Timespec
	if at := s.due(); !at.IsZero() {
		t := unix.NsecToTimespec(int64(max(time.Until(at), 0)))
		timeout = &t
	}
	n, err := unix.Ppoll(fds, timeout, nil)
	if err == nil && n > 0 {
		if fds[0].Revents != 0 {
			var count [8]byte
			_, _ = unix.Read(s.event, count[:]) // it is there: poll says so
		}
		for _, f := range fds[1:] {
			if f.Revents != 0 {
				s.receive(int(f.Fd))
			}
		}
	}
	now := time.Now()
	for _, p := range s.peers {
		if p.out < 0 {
			if !now.Before(p.retry) {
				s.open(p, now)
			}
			continue
		}
		if at := p.session.Due(); !at.IsZero() && !now.Before(at) {
			s.carryOut(p, p.session.Advance(now), now)
		}
	}
}

// due returns when the next thing is to be done; the zero time: never.
func (s *Speaker) due() (first time.Time) {
	for _, p := range s.peers {
		at := p.session.Due()
		if p.out < 0 {
			at = p.retry
		}
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// configure is Configure in the loop.
func (s *Speaker) configure(instances []Instance) {
	now := time.Now()
	before := map[string]*peer{}
	for _, p := range s.peers {
		before[p.Name] = p
	}
	s.peers = nil
	var fresh []*peer
	for _, i := range instances {
		p := before[i.Name]
		if p == nil || !p.reaches(&i) {
			p = &peer{Instance: i, session: session.New(i.Config, chance{s}), out: -1}
			s.byNumber[p.session.Discriminator()] = p
			fresh = append(fresh, p)
		} else {
			delete(before, i.Name)
			p.Instance = i
			s.carryOut(p, p.session.Configure(i.Config, now), now)
		}
		s.peers = append(s.peers, p)
	}
	for _, p := range before {
		p.close()
		delete(s.byNumber, p.session.Discriminator())
	}
	s.listen()
	for _, p := range s.peers {
		s.report(p.Name, p.session.Up())
	}
	for _, p := range fresh {
		s.open(p, now)
	}
}

// openAgain is how long after a failure it is tried again to open a socket that sends.
const openAgain = time.Second

// open opens what a peer's packets go out by, and begins.
func (s *Speaker) open(p *peer, now time.Time) {
	fd, err := openSender(&p.Instance)
	if err != nil {
		if !p.silent {
			p.silent = true
			s.log(true, fmt.Sprintf("(%s) cannot send: %v - trying again each second", p.Name, err))
		}
		p.retry = now.Add(openAgain)
		return
	}
	p.out, p.silent = fd, false
	s.carryOut(p, p.session.Advance(now), now)
}

func (p *peer) close() {
	if p.out >= 0 {
		_ = unix.Close(p.out)
		p.out = -1
	}
}

// carryOut does what a session wants done.
func (s *Speaker) carryOut(p *peer, effects []session.Effect, now time.Time) {
	for _, e := range effects {
		switch e := e.(type) {
		case session.Line:
			s.log(e.Warning, e.Text)
		case session.Change:
			p.since = now
			s.report(p.Name, e.Up)
			if e.Expired {
				name, neighbor, detection := p.Name, p.Neighbor, p.session.Detection()
				s.teller.tell(func() { s.options.Silent(name, neighbor, detection) })
			}
		case session.Send:
			s.send(p, &e.Packet)
		}
	}
}

// send sends a packet. What does not go out is complained of once.
func (s *Speaker) send(p *peer, pkt *packet.Packet) {
	if p.out < 0 {
		return
	}
	err := unix.Sendto(p.out, pkt.Append(s.buffer[:0]), unix.MSG_DONTWAIT, p.destination())
	if err != nil && !p.failed {
		s.log(true, fmt.Sprintf("(%s) Error sending packet: %v", p.Name, err))
	}
	if p.failed = err != nil; !p.failed {
		p.sent++
	}
}

// find returns whom a packet is for: section 6.8.6 of RFC 5880, by the number if it
// has one, or else by the addresses; nil: nobody.
func (s *Speaker) find(pkt *packet.Packet, from, to netip.Addr, multihop bool) *peer {
	if pkt.Your != 0 {
		p := s.byNumber[pkt.Your]
		if p == nil || p.Multihop != multihop || p.Neighbor != from {
			return nil
		}
		return p
	}
	for _, p := range s.peers {
		if p.Neighbor == from && p.Multihop == multihop && (!p.Source.IsValid() || p.Source == to) {
			return p
		}
	}
	return nil
}
