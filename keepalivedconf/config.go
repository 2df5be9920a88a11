package keepalivedconf

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"tandem/internal/standin"
)

// Config is a whole keepalived.conf, read and with defaults filled in.
type Config struct {
	Files      []File       // what was read, in order
	Statements []*Statement // the tree that everything below was made from

	Global       Global
	Instances    []*Instance
	Groups       []*SyncGroup
	Scripts      []*Script
	TrackFiles   []*TrackFile
	Processes    []*Process
	GARPGroups   []*GARPGroup
	StaticGroups []*StaticGroup
	Debounces    []Debounce // interface_up_down_delays
	Linkbeats    []Linkbeat // linkbeat_interfaces

	StaticAddresses []Address
	StaticRoutes    []Route
	StaticRules     []Rule

	VirtualServers      []*VirtualServer
	VirtualServerGroups []*VirtualServerGroup
	ClientTLS           *ClientTLS // SSL; nil: SSL_GET shows no certificate

	BFD []*BFDInstance
}

// Instance returns the vrrp_instance of that name, or nil.
func (c *Config) Instance(name string) *Instance {
	for _, i := range c.Instances {
		if i.Name == name {
			return i
		}
	}
	return nil
}

// Script returns the vrrp_script of that name, or nil.
func (c *Config) Script(name string) *Script {
	for _, s := range c.Scripts {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// staticGroup returns the track_group of that name, or nil.
func (c *Config) staticGroup(name string) *StaticGroup {
	for _, g := range c.StaticGroups {
		if g.Name == name {
			return g
		}
	}
	return nil
}

// State is what `state` asks for.
type State uint8

// The states that `state` knows. StateUnset is left in no Config that Read returns.
const (
	StateUnset State = iota
	StateBackup
	StateMaster
)

func (s State) String() string {
	switch s {
	case StateUnset:
		return "unset"
	case StateBackup:
		return "BACKUP"
	case StateMaster:
		return "MASTER"
	}
	panic("keepalivedconf: impossible state")
}

// Family is the address family of an instance, a route or a rule.
type Family uint8

// Address families. FamilyUnset is left in no Config that Read returns.
const (
	FamilyUnset Family = iota
	IPv4
	IPv6
)

func (f Family) String() string {
	switch f {
	case FamilyUnset:
		return "unset"
	case IPv4:
		return "IPv4"
	case IPv6:
		return "IPv6"
	}
	panic("keepalivedconf: impossible family")
}

func familyOf(a netip.Addr) Family {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}

// Numbers that keepalived and the RFCs give names to.
const (
	PriorityOwner   = 255 // RFC 9568 section 5.2.4: the router that owns the addresses
	PriorityDefault = 100
)

// Instance is a vrrp_instance with every default filled in.
type Instance struct {
	Name string
	Pos  Pos
	At   map[string]Pos // where each keyword stands

	State     State
	Interface string // "" only with unicast
	VRF       string
	Family    Family
	VRID      uint8
	Priority  uint8 // 1 to 255; 255 is the address owner
	Version   int   // 2 or 3
	// AdvertInterval is whole seconds in version 2, and multiples of 10 ms up to 40.95 s in version 3.
	AdvertInterval time.Duration
	// DownTimerAdverts is how many advert intervals pass before the master counts as down.
	DownTimerAdverts int
	// DebugLevel is 0 to 4; keepalived reads it and does nothing with it.
	DebugLevel int

	Auth     AuthType
	Password [8]byte   // zero padded; of PASS and AH
	HMAC     *AuthHMAC // nil without auth_hmac

	// Addresses is virtual_ipaddress: one family, in the adverts. An address written twice is in it twice, because
	// keepalived 2.2 drops adverts that count fewer addresses than its own configuration.
	Addresses         []Address
	ExcludedAddresses []Address // virtual_ipaddress_excluded
	NoAddresses       bool      // no_virtual_ipaddress: having none is meant
	Routes            []Route
	Rules             []Rule

	PromoteSecondaries bool

	Unicast             bool // unicast_peer has a peer
	Peers               []Peer
	UnicastFaultNoPeer  bool // FAULT instead of multicast when a unicast keyword stands without peers
	CheckUnicastSource  bool
	UnicastTTL          int        // of adverts sent; -1 leaves IPv6 to the kernel
	SourceAddress       netip.Addr // of mcast_src_ip or unicast_src_ip; invalid: the interface's own
	TrackSourceAddress  bool
	MulticastGroup      netip.Addr // invalid with unicast
	OldUnicastChecksum  ChecksumMode
	V3ChecksumAsV2      bool // version 3 over IPv4 without the pseudo-header
	SkipCheckAdvAddr    bool // skip the address check for further adverts of the same master
	Strict              bool
	Accept              bool // traffic to the VIP is accepted
	Preempt             bool
	PreemptDelay        time.Duration
	LowerPrioNoAdvert   bool
	HigherPrioSend      bool
	OwnerIgnoreAdverts  bool
	HighestOther        uint8 // timer_expired_backup; 0: off
	KernelReceiveBuffer uint32

	GARP          GARP
	GARPExtraIf   time.Duration // garp_extra_if; 0: off
	GARPExtraAll  bool
	LinkbeatPoll  bool
	VMAC          *VMAC   // use_vmac
	VMACAddresses bool    // use_vmac_addr
	VMACXmitBase  bool    // vmac_xmit_base
	IPVLAN        *IPVLAN // use_ipvlan

	TrackPrimary bool // false with dont_track_primary
	Tracking

	// Group is the sync group this instance is a member of, or nil.
	Group  *SyncGroup
	Notify Notify

	SMTPAlert             bool
	NotifyPriorityChanges bool
	// Fault is set when the configuration itself keeps the instance in FAULT.
	Fault bool

	Tandem Tandem

	raw instanceRaw
}

// instanceRaw is what was written, where that differs from what it comes to.
type instanceRaw struct {
	unicast           bool // a unicast keyword was seen
	strict            *bool
	accept            *bool
	lowerPrioNoAdvert *bool
	higherPrioSend    *bool
	ownerIgnore       *bool
	smtpAlert         *bool
	priorityChanges   *bool
	garpLowerDelay    *time.Duration
	garpLowerRepeat   *int
	garpExtraIf       *time.Duration
	advert            time.Duration
	state             State
	vips, excluded    map[onDevice]bool // what was written so far
	anyVIP            map[netip.Addr]bool
}

// Owner reports whether the instance owns its addresses.
func (i *Instance) Owner() bool { return i.Priority == PriorityOwner }

// GARP is when gratuitous ARPs (and unsolicited neighbour advertisements) are sent.
type GARP struct {
	Delay           time.Duration // from becoming master to the second burst; 0: there is none
	Repeat          int           // in a burst
	Refresh         time.Duration // between bursts while master; 0: off
	RefreshRepeat   int
	LowerPrioDelay  time.Duration // after a lower advert
	LowerPrioRepeat int
}

// AuthType is how VRRPv2 adverts are authenticated.
type AuthType uint8

// The types of `auth_type`.
const (
	AuthNone AuthType = iota
	AuthPass
	AuthAH
)

func (a AuthType) String() string {
	switch a {
	case AuthNone:
		return "none"
	case AuthPass:
		return "PASS"
	case AuthAH:
		return "AH"
	}
	panic("keepalivedconf: impossible authentication type")
}

// ChecksumMode is `old_unicast_checksum`.
type ChecksumMode uint8

// The modes of the checksum that keepalived used for unicast before 1.3.7.
const (
	ChecksumAuto  ChecksumMode = iota // recognise it in what peers send
	ChecksumOld                       // always use it
	ChecksumNever                     // never accept it
)

func (m ChecksumMode) String() string {
	switch m {
	case ChecksumAuto:
		return "auto"
	case ChecksumOld:
		return "old"
	case ChecksumNever:
		return "never"
	}
	panic("keepalivedconf: impossible checksum mode")
}

// AuthHMAC is the auth_hmac block of keepalived 2.4.
type AuthHMAC struct {
	Pos        Pos
	Keys       map[uint8][]byte // by key id; 32 to 64 bytes each
	Active     uint8
	Monotonic  bool          // anti_replay monotonic instead of time
	TimeWindow time.Duration // whole seconds
	Mode       HMACMode
}

// HMACMode is how strictly auth_hmac is enforced.
type HMACMode uint8

// The modes of auth_hmac.
const (
	HMACEnforce     HMACMode = iota // sign, and demand a valid signature
	HMACPermissive                  // sign, and accept adverts without one
	HMACReceiveOnly                 // do not sign, and accept adverts without a signature
)

func (m HMACMode) String() string {
	switch m {
	case HMACEnforce:
		return "enforce"
	case HMACPermissive:
		return "permissive"
	case HMACReceiveOnly:
		return "receive-only"
	}
	panic("keepalivedconf: impossible HMAC mode")
}

// Peer is an entry of unicast_peer.
type Peer struct {
	Pos            Pos
	Addr           netip.Addr
	MinTTL, MaxTTL uint8 // of what is received from it
}

// VMAC is use_vmac.
type VMAC struct {
	Pos           Pos
	Name          string // of the macvlan; "" is chosen later
	MAC           []byte // six bytes, or nil for the VRRP one
	NetlinkNotify bool
	Group         *uint32 // of the link; nil is the parent's
}

// IPVLAN is use_ipvlan.
type IPVLAN struct {
	Pos   Pos
	Name  string
	Addr  netip.Prefix // invalid: the link-local address
	Mode  string       // bridge, private or vepa
	Group *uint32
}

// Tracking is what an instance or a sync group follows.
type Tracking struct {
	TrackInterfaces []Track
	TrackScripts    []Track
	TrackFiles      []Track
	TrackProcesses  []Track
	TrackBFD        []Track
}

// Track is a line of track_interface, track_script, track_file, track_process or
// track_bfd.
type Track struct {
	Pos     Pos
	Name    string
	Weight  int // 0: failing, for an interface being down, is FAULT
	Reverse bool
}

// SyncGroup is a vrrp_sync_group.
type SyncGroup struct {
	Name    string
	Pos     Pos
	Names   []string    // as written
	Members []*Instance // those that exist
	Tracking
	// TrackingWeight lets members keep weighted trackers (sync_group_tracking_weight).
	TrackingWeight bool
	Notify         Notify
	SMTPAlert      bool

	hasGroup        bool
	smtpAlert       *bool
	priorityChanges *bool
}

// Script is a vrrp_script.
type Script struct {
	Name     string
	Pos      Pos
	Command  Command
	Interval time.Duration
	Timeout  time.Duration // as long as Interval if it was not given
	Weight   int
	Reverse  bool
	Rise     int
	Fall     int
	InitFail bool
	// Unusable says why the script cannot be run, or is "". keepalived stops tracking such a script, so that it never
	// fails; here it stays tracked and counts as failing.
	Unusable string
	// StandIn is set when the script asks for nginx or keepalived, whose place this process takes.
	StandIn *standin.Check

	userSet bool
	remove  bool
}

// Command is a program to run.
type Command struct {
	Pos  Pos
	Args []string // the program and its arguments; empty if there is none
	// User and Group are the names the program runs under; "" for the default (script_user, else keepalived_script if
	// that user exists, else the user of the process).
	User, Group string
	// Supplementary groups of the user are set (a ':' before the group, or set_supplementary_groups).
	Supplementary bool
}

// String is the program and its arguments, each in single quotes.
func (c Command) String() string {
	quoted := make([]string, len(c.Args))
	for i, a := range c.Args {
		quoted[i] = "'" + strings.ReplaceAll(a, "'", `\'`) + "'"
	}
	return strings.Join(quoted, " ")
}

// Set reports whether there is a program.
func (c Command) Set() bool { return len(c.Args) > 0 }

// RunsPrograms reports whether anything in the configuration has a program run.
func (c *Config) RunsPrograms() bool {
	g := &c.Global
	list := []Command{g.StartupScript, g.ShutdownScript, g.NotifyFIFO.Script, g.VRRPNotifyFIFO.Script, g.LVS.NotifyFIFO.Script}
	for _, i := range c.Instances {
		list = append(list, i.Notify.commands()...)
	}
	for _, s := range c.Groups {
		list = append(list, s.Notify.commands()...)
	}
	for _, v := range c.VirtualServers {
		list = append(list, v.commands()...)
	}
	return len(c.Scripts) > 0 || slices.ContainsFunc(list, Command.Set)
}

// commands returns the notify scripts; those that there are not are empty.
func (n *Notify) commands() []Command {
	return []Command{n.Master, n.Backup, n.Fault, n.Stop, n.Deleted, n.Any, n.MasterRxLower}
}

// Notify is the programs run at events of an instance or a group.
type Notify struct {
	Master, Backup, Fault, Stop Command
	Deleted                     Command
	DeletedEvent                bool // notify_deleted: DELETED is told instead of FAULT
	MasterRxLower               Command
	Any                         Command // notify
}

// TrackFile is a track_file block.
type TrackFile struct {
	Name      string
	Pos       Pos
	Path      string
	Weight    int
	Reverse   bool
	Init      bool // the file is created with InitValue
	InitValue int
	Overwrite bool
}

// ParamMatch is how the parameters of a tracked process are compared.
type ParamMatch uint8

// The comparisons of `param_match`.
const (
	MatchNone    ParamMatch = iota // not at all
	MatchExact                     // all of them
	MatchPartial                   // as many as were given
	MatchInitial                   // as MatchPartial, and the last one may be longer
)

func (m ParamMatch) String() string {
	switch m {
	case MatchNone:
		return "none"
	case MatchExact:
		return "exact"
	case MatchPartial:
		return "partial"
	case MatchInitial:
		return "initial"
	}
	panic("keepalivedconf: impossible parameter match")
}

// Process is a vrrp_track_process.
type Process struct {
	Name           string
	Pos            Pos
	Path           string
	Params         []string
	Match          ParamMatch
	Weight         int
	Reverse        bool
	Quorum         int
	QuorumMax      int // -1: no limit
	ForkDelay      time.Duration
	TerminateDelay time.Duration
	FullCommand    bool
	// StandIn: it is nginx or keepalived, whose place this process takes.
	StandIn bool
}

// GARPGroup is a garp_group.
type GARPGroup struct {
	Pos          Pos
	GARPInterval time.Duration // 0: none
	NAInterval   time.Duration
	Interfaces   []string
	Aggregate    bool // the interfaces share one budget (interfaces {})

	hasGARP, hasNA bool
}

// StaticGroup is a track_group: the instances that follow static addresses, routes and rules.
type StaticGroup struct {
	Name      string
	Pos       Pos
	Instances []string
	hasGroup  bool
}

// Debounce is an entry of interface_up_down_delays.
type Debounce struct {
	Pos       Pos
	Interface string
	Down, Up  time.Duration
}

// Linkbeat is an entry of linkbeat_interfaces.
type Linkbeat struct {
	Pos       Pos
	Interface string
	Type      string // MII, ETHTOOL, IOCTL or ""
}
