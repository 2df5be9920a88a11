package keepalivedconf

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"tandem/vserver/table"
)

// VirtualServer is a virtual_server with every default filled in.
type VirtualServer struct {
	Pos Pos
	At  map[string]Pos // where each keyword stands

	// What clients come to is one of Group, Mark and Address.
	Group   *VirtualServerGroup
	Mark    uint32         // fwmark
	Address netip.AddrPort // port 0: all of them

	// Family of the clients. FamilyUnset: a group with both.
	Family   Family
	Protocol table.Protocol // 0 with firewall marks alone

	Scheduler          string // lvs_sched; wlc unless given
	Flags              table.Flags
	PersistenceTimeout time.Duration // 0: none
	PersistenceMask    uint32        // as table.Service.Mask
	PersistenceEngine  string
	VirtualHost        string // of the checkers, unless they say otherwise
	SNMPName           string
	Alpha, Omega       bool
	// HASuspend has the checkers wait while the machine does not have the address.
	HASuspend  bool
	Quorum     uint32
	Hysteresis uint32
	QuorumUp   Command
	QuorumDown Command
	SMTPAlert  bool

	RealServers []*RealServer
	Sorry       *RealServer // sorry_server, or nil
	// SorryIsReal: a real server has the sorry server's address.
	SorryIsReal bool

	// Engine is virtual_server_engine.
	Engine Engine

	groupName  string
	member     int // which one of those with the same group, from 0
	forwarding forwarding
	timing     timing
	inhibit    bool
	weight     uint32
	smtpAlert  *bool
}

// String names the virtual server as keepalived's log does: "[192.0.2.1]:tcp:80", "FWM 3", "[GROUP]:0".
func (v *VirtualServer) String() string {
	switch {
	case v.groupName != "":
		return fmt.Sprintf("[%s]:%d", v.groupName, v.member)
	case v.Address.IsValid():
		return trio(v.Address, v.Protocol)
	}
	return fmt.Sprintf("FWM %d", v.Mark)
}

// commands returns everything that is run for the virtual server; those that there are not are empty.
func (v *VirtualServer) commands() []Command {
	list := []Command{v.QuorumUp, v.QuorumDown}
	for _, r := range v.RealServers {
		list = append(list, r.Up, r.Down)
		for _, c := range r.Checkers {
			if c.Misc != nil {
				list = append(list, c.Misc.Command)
			}
		}
	}
	return list
}

// trio is how keepalived's log writes an address with its protocol.
func trio(a netip.AddrPort, p table.Protocol) string {
	proto := "?"
	switch p {
	case 0:
		proto = "none"
	case table.TCP:
		proto = "tcp"
	case table.UDP:
		proto = "udp"
	case table.SCTP:
		proto = "sctp"
	}
	return "[" + a.Addr().String() + "]:" + proto + ":" + strconv.Itoa(int(a.Port()))
}

// RealServer is a real_server or a sorry_server.
type RealServer struct {
	Pos Pos
	At  map[string]Pos

	Address netip.AddrPort // port 0: as the client's packet has it
	Weight  uint32         // up to 2147483647; what is above 65535 is more than the kernel's schedulers were made for
	Method  table.Method
	Tunnel  table.Tunnel
	// Upper and Lower are the thresholds of connections; 0: none.
	Upper, Lower uint32
	// Inhibit gives it weight 0 when it fails, instead of taking it out.
	Inhibit   bool
	Alpha     bool // it counts as failed until it has been checked
	Up, Down  Command
	SMTPAlert bool
	SNMPName  string
	Checkers  []*Checker

	server      *VirtualServer
	virtualHost string
	forwarding  forwarding
	timing      timing
	inhibit     *bool
	alpha       *bool
	weight      *uint32
	smtpAlert   *bool
	bfd         map[string]bool
}

// Name is how keepalived's log writes the real server: "[192.0.2.20]:tcp:80".
func (r *RealServer) Name() string { return trio(r.Address, r.server.Protocol) }

// VirtualServerGroup is a virtual_server_group.
type VirtualServerGroup struct {
	Name   string
	Pos    Pos
	Ranges []AddressRange
	Marks  []GroupMark

	ipv4, ipv6     bool
	markSansFamily bool
}

// AddressRange is addresses of a group that clients come to, from First to Last.
type AddressRange struct {
	Pos         Pos
	First, Last netip.Addr
	Port        uint16
}

// String is the range as keepalived's log writes it.
func (r AddressRange) String() string {
	if r.First == r.Last {
		return fmt.Sprintf("%s,%d", r.First, r.Port)
	}
	return fmt.Sprintf("%s-%s,%d", r.First, r.Last, r.Port)
}

// GroupMark is a firewall mark of a group.
type GroupMark struct {
	Pos    Pos
	Mark   uint32
	Family Family // FamilyUnset: as the virtual server's; IPv4 if that has none
}

// timing is what virtual servers, real servers and checkers say of when to check. Unset is -1, and inherited.
type timing struct {
	connect, loop, warmup, beforeRetry time.Duration
	retry                              int64
}

func newTiming() timing { return timing{unset, unset, unset, unset, unset} }

// inherit takes what is unset from t.
func (own *timing) inherit(t timing) {
	for _, f := range []struct{ own, other *time.Duration }{
		{&own.connect, &t.connect}, {&own.loop, &t.loop}, {&own.warmup, &t.warmup}, {&own.beforeRetry, &t.beforeRetry},
	} {
		if *f.own == unset {
			*f.own = *f.other
		}
	}
	if own.retry == unset {
		own.retry = t.retry
	}
}

// Engine is what forwards the connections of a virtual server.
type Engine uint8

// The values of virtual_server_engine.
const (
	EngineAuto   Engine = iota // the kernel if it has IPVS, otherwise this process
	EngineKernel               // the kernel's IPVS
	EngineUser                 // this process
)

func (e Engine) String() string {
	switch e {
	case EngineAuto:
		return "auto"
	case EngineKernel:
		return "kernel"
	case EngineUser:
		return "user"
	}
	panic("keepalivedconf: impossible engine")
}

// engineRow is tandem's own virtual_server_engine auto|kernel|user: what forwards the connections. Default auto.
func engineRow[T any](field func(*T) *Engine) row[T] {
	return row[T]{name: "virtual_server_engine", min: 1, set: func(b *builder, t *T, s *Statement) {
		for _, e := range []Engine{EngineAuto, EngineKernel, EngineUser} {
			if e.String() == s.Arg(1) {
				*field(t) = e
				return
			}
		}
		b.err(s, "virtual_server_engine: '%s' has to be auto, kernel or user", s.Arg(1))
	}}
}

// LVS is what global_defs says of IPVS and of checkers.
type LVS struct {
	// Timeouts of the kernel's connections in whole seconds; 0 leaves the kernel's.
	TimeoutTCP, TimeoutTCPFIN, TimeoutUDP time.Duration
	Flush                                 bool // lvs_flush: the kernel's table is emptied at the start
	FlushOnStop                           FlushOnStop
	Sync                                  *SyncDaemon // nil: none
	NotifyFIFO                            FIFO
	LogAllFailures                        bool // checker_log_all_failures
	InitNotifies                          bool // rs_init_notifies: real servers' scripts are run for their first state
	NoEmails                              bool // no_checker_emails
	Engine                                Engine
	smtpAlert                             *bool
}

// FlushOnStop is what happens to the kernel's table at the end.
type FlushOnStop uint8

// The values of lvs_flush_on_stop.
const (
	FlushOwn    FlushOnStop = iota // every real server and virtual server of this configuration is removed
	FlushAll                       // the whole table is emptied
	FlushServer                    // VS: virtual servers are removed, and with them their real servers
)

func (f FlushOnStop) String() string {
	switch f {
	case FlushOwn:
		return "own"
	case FlushAll:
		return "all"
	case FlushServer:
		return "VS"
	}
	panic("keepalivedconf: impossible flush")
}

// SyncDaemon is lvs_sync_daemon: connections are told to the backup by the kernel.
type SyncDaemon struct {
	Pos       Pos
	Interface string
	Instance  string // whose state makes it master or backup; "": both daemons run all the time
	ID        int    // syncid, 0 to 255; -1: the instance's VRID
	MaxLen    uint16 // of a datagram; 0: the kernel's
	Port      uint16 // 0: the kernel's 8848
	TTL       uint8  // 0: the kernel's 1
	Group     netip.Addr
}
