package vrrp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"tandem/vrrp/fsm"
	"tandem/vrrp/netif"
	"tandem/vrrp/packet"
)

// instance is a vrrp_instance that runs. Its fields belong to the loop, except where it says otherwise.
type instance struct {
	config InstanceConfig
	// fsm is what the state machine reads: config.FSM with the source address filled in.
	fsm    *fsm.Config
	codec  *packet.Codec
	conn   netif.Conn
	holder *holder

	ear       netif.Ear
	listening bool         // the ear is in use
	unheard   []netip.Addr // senders whose adverts a firewall drops, as was told

	// linked are the interfaces that were made for it.
	linked []netif.VMAC

	// desired is what the machine shall hold; dirty that the holder was not told yet. routed and dirtyRoutes are the
	// same of the routes and rules, which are all there or not at all.
	desired     []netif.Address
	dirty       bool
	routed      bool
	dirtyRoutes bool
	refresh     time.Time // when the lease must be renewed; zero: never
	renewed     time.Time // when it was

	trackers map[TrackerID]Tracker
	weights  bool // the trackers' weights count
	health   Health
	judged   bool // a first SetHealth was good

	rival rival // of a master

	speakers   speakers
	toldSource netip.Addr // where it speaks from, as was told

	masterSince time.Time // since when a backup hears the master that it hears

	counters counters
	told     [packet.Checks]bool // drops that were told since the last change of role
	differs  packet.Difference   // differences told likewise
	toldSend bool                // likewise, that an advert could not be sent
	// toldMaster and toldPriority are the master that was told likewise.
	toldMaster   netip.Addr
	toldPriority uint8
	deleted      bool // no longer configured, on its way out

	overruns atomic.Uint64 // packets that arrived faster than the loop took them
}

// counters count since the instance began.
type counters struct {
	sent, sentZero         uint64
	received, receivedZero uint64
	sendErrors             uint64
	becameMaster           uint64
	releasedMaster         uint64
	dropped                [packet.Checks]uint64
}

// TrackerID is what a tracker is known by.
type TrackerID struct {
	Kind fsm.FaultKind
	Name string
}

// Tracker is the present result of something that an instance tracks.
type Tracker struct {
	// Kind is what it is: fsm.FaultScript, fsm.FaultTrackedInterface, fsm.FaultFile, fsm.FaultProcess or fsm.FaultBFD.
	Kind fsm.FaultKind
	Name string
	// Weight is what it adds to the priority now; 0 if it is the sort that faults.
	Weight int
	// Fault: it keeps the instance out.
	Fault bool
	// Text says what the result was.
	Text string
}

// Health is what the self-probe says about the node's own web side.
type Health struct {
	OK   bool
	Text string
	// Alone: no other node is known that serves. A master that does not serve either stays one then: its error page
	// is better than no answer.
	Alone bool
}

// read passes received packets to the loop, until the socket is closed. It runs on a goroutine of its own.
func (in *instance) read(conn netif.Conn, r *Router) {
	for {
		buf := r.buffer()
		d, err := conn.Receive(buf[:])
		if err != nil {
			r.release(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// The interface went down, for instance: the watcher tells. An error that comes at once every time must
			// not keep a processor busy.
			time.Sleep(10 * time.Millisecond)
			continue
		}
		select {
		case r.packets <- arrival{in: in, buf: buf, datagram: d}:
			r.waiter.wake()
		default:
			in.overruns.Add(1)
			r.release(buf)
		}
	}
}

// source is where adverts are sent from.
func (in *instance) source() netip.Addr { return in.fsm.Source }

// send sends an advert to all destinations. It never waits.
func (in *instance) send(priority uint8, now time.Time) error {
	if !in.source().IsValid() {
		return errNoSource
	}
	in.counters.sent++
	if priority == packet.PriorityStop {
		in.counters.sentZero++
	}
	in.codec.Begin(in.source(), priority, now)
	err := in.sendAll()
	if err != nil {
		in.counters.sendErrors++
	}
	return err
}

// introduce sends an introduction in an advert's place. One that is lost is repeated by who needs it.
func (r *Router) introduce(i int, now time.Time) {
	in := r.instances[i]
	if r.machine.State(i).Role != fsm.Backup || !in.source().IsValid() {
		return
	}
	in.codec.Introduce(in.source(), r.priority(in), now)
	_ = in.sendAll()
}

// sendAll sends what the codec has begun to all destinations.
func (in *instance) sendAll() error {
	var errs []error
	for _, dst := range in.codec.Destinations() {
		if err := in.conn.Send(in.source(), dst, in.codec.Packet(dst)); err != nil {
			errs = append(errs, fmt.Errorf("advert to %v: %w", dst, err))
		}
	}
	return errors.Join(errs...)
}

var errNoSource = errors.New("no source address")

// sumWeights is what the trackers add to the priority.
func (in *instance) sumWeights() int {
	if !in.weights {
		return 0
	}
	n := 0
	for _, t := range in.trackers {
		n += t.Weight
	}
	return n
}

// forget makes drops and differences worth telling again, as after every change of role.
func (in *instance) forget() {
	in.told = [packet.Checks]bool{}
	in.differs = 0
	in.toldSend = false
	in.rival = rival{}
	in.toldMaster, in.toldPriority = netip.Addr{}, 0
}

// differenceText says what differs between a peer's advert and our settings, field by field.
func (in *instance) differenceText(adv packet.Advert, d packet.Difference, data []byte) string {
	text := ""
	add := func(format string, args ...any) {
		if text != "" {
			text += "; "
		}
		text += fmt.Sprintf(format, args...)
	}
	if d&packet.DiffersInterval != 0 {
		add("advert_int %v, ours %v", adv.Interval, in.config.Packet.Interval)
	}
	if d&(packet.DiffersCount|packet.DiffersAddresses) != 0 {
		theirs, ours := packet.Addresses(in.config.Packet.Family, data), in.config.Packet.Addresses
		add("virtual addresses %v, ours %v", theirs, ours)
		if !slices.ContainsFunc(theirs, func(a netip.Addr) bool { return slices.Contains(ours, a) }) {
			text += fmt.Sprintf(": not one in common, so another pair seems to use virtual_router_id %d too; give one pair another", adv.VRID)
		}
	}
	if d&packet.DiffersClock != 0 {
		add("its clock is more than half of auth_hmac's time_window away from ours")
	}
	return text
}
