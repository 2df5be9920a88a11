package netif

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// EventKind says what happened.
type EventKind uint8

// The kinds of events. An interface is up if it is set up and has a carrier
// (IFF_UP and IFF_RUNNING), which is what keepalived asks of one.
const (
	Appeared       EventKind = iota + 1 // an interface of that name exists now
	Gone                                // it exists no longer, or has another name
	Up                                  // it is up
	Down                                // it is no longer up
	AddressAdded                        // it has another address, ready for use
	AddressDeleted                      // it lost an address
	RouteDeleted                        // somebody else has removed a route or a rule like ours, or may have
)

// String is the kind in words.
func (k EventKind) String() string {
	switch k {
	case Appeared:
		return "appeared"
	case Gone:
		return "gone"
	case Up:
		return "up"
	case Down:
		return "down"
	case AddressAdded:
		return "address added"
	case AddressDeleted:
		return "address deleted"
	case RouteDeleted:
		return "route or rule deleted"
	}
	panic(fmt.Sprintf("netif: event kind %d", uint8(k)))
}

// Event is something that happened to an interface.
type Event struct {
	Kind EventKind

	// Interface is the interface as it is now, without its addresses; as it
	// was, if it is gone. RouteDeleted is about none. An interface that comes back has another Index.
	Interface Interface

	// Address is the address of an AddressAdded or AddressDeleted.
	Address netip.Prefix

	// Own is set if this Stack made the change itself. A lease that ran out
	// is not.
	Own bool
}

// String is the event as a line for the log.
func (e Event) String() string {
	switch e.Kind {
	case RouteDeleted:
		return e.Kind.String()
	case AddressAdded, AddressDeleted:
		by := ""
		if e.Own {
			by = " by us"
		}
		return fmt.Sprintf("interface %s: %s %s%s", e.Interface.Name, e.Kind, e.Address, by)
	}
	return fmt.Sprintf("interface %s: %s", e.Interface.Name, e.Kind)
}

// watchBuffer is the receive buffer of a Watcher, in bytes.
const watchBuffer = 1 << 20

// dropForeignRoutes keeps from a watcher what a routing daemon does all the time: of
// messages about routes it hears only that one with our protocol number was deleted.
func dropForeignRoutes(fd int) error {
	// The type stands in the fourth and fifth bytes, in the machine's order; BPF reads in the network's.
	kind := func(n uint16) uint32 {
		return uint32(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, n)))
	}
	const typeAt, protocolAt = 4, unix.SizeofNlMsghdr + 5
	return attachFilter(fd, []bpf.Instruction{
		bpf.LoadAbsolute{Off: typeAt, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: kind(unix.RTM_NEWROUTE), SkipTrue: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: kind(unix.RTM_NEWRULE), SkipTrue: 3},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: kind(unix.RTM_DELROUTE), SkipTrue: 3},
		bpf.LoadAbsolute{Off: protocolAt, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.RTPROT_KEEPALIVED, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.RetConstant{Val: 1<<32 - 1},
	})
}

// Watcher reports what happens to the interfaces and addresses of a Stack.
type Watcher struct {
	stack  *Stack
	socket *nl.NetlinkSocket
	notify func(Event)
	done   chan struct{}

	links     map[int]Interface
	addresses map[held]bool
}

// held is an address of an interface.
type held struct {
	index  int
	prefix netip.Prefix
}

// Watch calls notify for what exists (Appeared, Up, AddressAdded) and then for
// every change, in order, from one goroutine. What is lost because notify is
// slow and the kernel's buffer overflows is found by looking again: a state is
// never missed, a change that was undone at once may be.
//
// The calling thread must be in the Stack's namespace.
func (s *Stack) Watch(notify func(Event)) (*Watcher, error) {
	socket, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR,
		unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE)
	if err != nil {
		return nil, fmt.Errorf("watch interfaces: %w", err)
	}
	if err := dropForeignRoutes(socket.GetFd()); err != nil {
		socket.Close()
		return nil, fmt.Errorf("watch interfaces: %w", err)
	}
	// Beyond the limit only where privileged; less is not an error.
	if socket.SetReceiveBufferSize(watchBuffer, true) != nil {
		_ = socket.SetReceiveBufferSize(watchBuffer, false)
	}
	w := &Watcher{
		stack:     s,
		socket:    socket,
		notify:    notify,
		done:      make(chan struct{}),
		links:     map[int]Interface{},
		addresses: map[held]bool{},
	}
	first, err := w.look()
	if err != nil {
		socket.Close()
		return nil, fmt.Errorf("watch interfaces: %w", err)
	}
	go w.run(first)
	return w, nil
}

// Close ends the reports; after it has returned notify is not called any more.
// It must not be called from notify.
func (w *Watcher) Close() {
	w.socket.Close()
	<-w.done
}

func (w *Watcher) run(first picture) {
	defer close(w.done)
	w.compare(first)
	for {
		messages, from, err := w.socket.Receive()
		switch {
		case errors.Is(err, unix.ENOBUFS):
			w.overflow()
			continue
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return // closed
		case from.Pid != nl.PidKernel:
			continue
		}
		for _, m := range messages {
			w.handle(m)
		}
	}
}

// overflow forgets what is still queued, some of which contradicts what was
// lost, and looks at the state itself.
func (w *Watcher) overflow() {
	var scrap [1]byte
	for {
		if _, _, err := unix.Recvfrom(w.socket.GetFd(), scrap[:], unix.MSG_DONTWAIT); err != nil && !errors.Is(err, unix.ENOBUFS) {
			break
		}
	}
	w.notify(Event{Kind: RouteDeleted})
	// A look that fails leaves the old picture; the next message or
	// overflow corrects it.
	if now, err := w.look(); err == nil {
		w.compare(now)
	}
}

// picture is what exists at one moment.
type picture struct {
	links     []netlink.Link
	addresses []netlink.Addr
}

// look lists interfaces and addresses.
func (w *Watcher) look() (now picture, err error) {
	if now.links, err = retryDump(w.stack.netlink.LinkList); err != nil {
		return picture{}, err
	}
	now.addresses, err = retryDump(func() ([]netlink.Addr, error) {
		return w.stack.netlink.AddrList(nil, netlink.FAMILY_ALL)
	})
	return now, err
}

// compare reports the differences to what is known.
func (w *Watcher) compare(with picture) {
	present := map[int]bool{}
	for _, l := range with.links {
		present[l.Attrs().Index] = true
	}
	for index := range w.links {
		if !present[index] {
			w.linkGone(index)
		}
	}
	for _, l := range with.links {
		w.link(interfaceOf(l.Attrs()))
	}
	now := map[held]bool{}
	for _, a := range with.addresses {
		if p := prefixOf(a.IPNet); p.IsValid() && usable(uint32(a.Flags)) {
			now[held{a.LinkIndex, p}] = true
		}
	}
	for h := range w.addresses {
		if !now[h] {
			w.address(h, false, false)
		}
	}
	for h := range now {
		w.address(h, true, false)
	}
}

// handle takes one notification in.
func (w *Watcher) handle(m syscall.NetlinkMessage) {
	own := m.Header.Pid == w.stack.port
	switch m.Header.Type {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		info := nl.DeserializeIfInfomsg(m.Data)
		// A bridge tells about its ports in messages of the same type.
		if info.Family != unix.AF_UNSPEC {
			return
		}
		if m.Header.Type == unix.RTM_DELLINK {
			w.linkGone(int(info.Index))
			return
		}
		link, err := netlink.LinkDeserialize(nil, m.Data)
		if err != nil {
			return // not a message that this library understands
		}
		w.link(interfaceOf(link.Attrs()))
	case unix.RTM_DELROUTE, unix.RTM_DELRULE:
		if !own {
			w.notify(Event{Kind: RouteDeleted})
		}
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		if h, flags, ok := parseAddress(m.Data); ok {
			w.address(h, m.Header.Type == unix.RTM_NEWADDR && usable(flags), own)
		}
	}
}

// parseAddress reads the address of an RTM_NEWADDR or RTM_DELADDR.
func parseAddress(data []byte) (h held, flags uint32, ok bool) {
	if len(data) < unix.SizeofIfAddrmsg {
		return held{}, 0, false
	}
	message := nl.DeserializeIfAddrmsg(data)
	attributes, err := nl.ParseRouteAttr(data[unix.SizeofIfAddrmsg:])
	if err != nil {
		return held{}, 0, false
	}
	flags = uint32(message.Flags) // the lower 8 of them
	var local, far netip.Addr
	for _, a := range attributes {
		switch a.Attr.Type {
		case unix.IFA_LOCAL:
			local = addrOf(a.Value)
		case unix.IFA_ADDRESS:
			far = addrOf(a.Value)
		case unix.IFA_FLAGS:
			if len(a.Value) >= 4 {
				flags = binary.NativeEndian.Uint32(a.Value)
			}
		}
	}
	bits := int(message.Prefixlen)
	switch {
	case !local.IsValid(): // IPv6 without a peer
		local = far
	case local != far: // with a peer, to whom the length belongs
		bits = local.BitLen()
	}
	return held{int(message.Index), netip.PrefixFrom(local, bits)}, flags, local.IsValid()
}

// link takes in that an interface is as told.
func (w *Watcher) link(now Interface) {
	was, known := w.links[now.Index]
	if known && was.Name != now.Name {
		kept := w.linkGone(now.Index)
		defer func() {
			for _, h := range kept {
				w.address(h, true, false)
			}
		}()
		known, was = false, Interface{}
	}
	w.links[now.Index] = now
	if !known {
		w.notify(Event{Kind: Appeared, Interface: now})
	}
	switch wasUp, isUp := known && was.Up && was.Running, now.Up && now.Running; {
	case isUp && !wasUp:
		w.notify(Event{Kind: Up, Interface: now})
	case wasUp && !isUp:
		w.notify(Event{Kind: Down, Interface: now})
	}
}

// linkGone takes in that an interface is no more, and returns the addresses
// that went with it.
func (w *Watcher) linkGone(index int) (addresses []held) {
	was, known := w.links[index]
	if !known {
		return nil
	}
	for h := range w.addresses {
		if h.index == index {
			addresses = append(addresses, h)
			w.address(h, false, false)
		}
	}
	delete(w.links, index)
	if was.Up && was.Running {
		was.Up, was.Running = false, false
		w.notify(Event{Kind: Down, Interface: was})
	}
	was.Up, was.Running = false, false
	w.notify(Event{Kind: Gone, Interface: was})
	return addresses
}

// address takes in that an interface has or no longer has an address. A lease
// that is renewed is no event.
func (w *Watcher) address(h held, has, own bool) {
	if w.addresses[h] == has {
		return
	}
	i, known := w.links[h.index]
	if !known {
		i = Interface{Index: h.index}
	}
	if has {
		w.addresses[h] = true
		w.notify(Event{Kind: AddressAdded, Interface: i, Address: h.prefix, Own: own})
		return
	}
	delete(w.addresses, h)
	w.notify(Event{Kind: AddressDeleted, Interface: i, Address: h.prefix, Own: own})
}
