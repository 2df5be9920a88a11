package keepalivedconf

import (
	"net/netip"
	"time"
)

// Global is global_defs and the keywords that stand beside it at the top of the file.
type Global struct {
	At map[string]Pos // where each keyword stands

	RouterID         string // "": the host name
	Instance         string // instance
	NetNamespace     string
	NetNamespacePos  Pos
	UsePIDDir        bool
	LinkbeatPolling  bool
	ChildWaitTime    time.Duration // 0: keepalived's 5 s
	DefaultInterface string        // of static addresses; eth0 unless given

	// Mail.
	Emails        []string // notification_email
	EmailFrom     string
	SMTPServer    string // host or address; "": none
	SMTPPort      string // 25 unless given
	SMTPHelo      string
	SMTPTimeout   time.Duration // 30 s unless given
	NoEmailFaults bool
	smtpAlert     *bool
	smtpAlertVRRP *bool

	// Protocol.
	Version            int // vrrp_version: 2 or 3
	MulticastGroup4    netip.Addr
	MulticastGroup6    netip.Addr
	GARP               GARP
	GARPInterval       time.Duration // between gratuitous ARPs on an interface; 0: none
	NAInterval         time.Duration
	GARPExtraIf        time.Duration
	GARPExtraAll       bool
	DownTimerAdverts   int
	LowerPrioNoAdvert  bool
	HigherPrioSend     bool
	OwnerIgnoreAdverts bool
	CheckUnicastSource bool
	SkipCheckAdvAddr   bool
	Strict             bool
	V3ChecksumAsV2     bool
	LogUnknownVRIDs    bool
	DynamicInterfaces  bool
	AllowIfChanges     bool
	DisableLocalIGMP   bool
	VMACPrefix         string
	VMACAddrPrefix     string
	StartupDelay       time.Duration // vrrp_startup_delay
	DelayAfterBoot     time.Duration // vrrp_delay_after_boot, counted from the boot of the machine
	ReceiveBuffers     ReceiveBuffers

	// Scripts.
	ScriptUser            string
	ScriptGroup           string
	ScriptSupplementary   bool // a ':' before the group of script_user
	ScriptSecurity        bool // enable_script_security
	UseSymlinkPaths       bool
	SupplementaryGroups   bool
	StartupScript         Command
	StartupScriptTimeout  time.Duration
	ShutdownScript        Command
	ShutdownScriptTimeout time.Duration
	scriptUserGiven       bool

	// Events.
	NotifyFIFO            FIFO
	VRRPNotifyFIFO        FIFO
	NotifyPriorityChanges bool
	FIFOStatesOnReload    bool

	LVS LVS // IPVS and checkers

	// SNMP and D-Bus.
	SNMPSocket  string
	SNMPVRRP    bool
	SNMPRFCv2   bool
	SNMPRFCv3   bool
	SNMPChecker bool
	SNMPTraps   bool
	// TrapReceivers is tandem's own snmp_trap_receiver: there is no agent that would know where traps go.
	TrapReceivers []TrapReceiver
	DBus          bool
	DBusService   string
	DBusNoIfName  string

	// The process.
	ProcessName       string // process_name
	Niceness          int    // vrrp_priority, -20 to 19
	NoSwap            bool   // vrrp_no_swap
	RealtimePriority  int    // vrrp_rt_priority; 0: none
	RealtimeLimit     time.Duration
	CPUAffinity       []int
	MaxAutoPriority   int // -1: no warning about it either
	MinAutoPriority   time.Duration
	NFTables          string // table; "": no nftables
	NFTablesPriority  int
	NFTablesCounters  bool
	NFTablesIfIndex   bool
	IPTablesIn        string
	IPTablesOut       string
	Umask             int // -1: not given
	RandomSeed        *uint32
	ReloadTimeFile    string
	ReloadRepeat      bool
	ReloadFile        string
	ReloadCheckConfig string
	JSONVersion       int

	Tandem Tandem
}

// FIFO is a named pipe that events are written to.
type FIFO struct {
	Pos         Pos
	Name        string
	User, Group string
	Script      Command
}

// TrapReceiver is a program that SNMP notifications are sent to.
type TrapReceiver struct {
	Address   string // host:port
	Community string
}

// ReceiveBuffers is vrrp_rx_bufs_policy and vrrp_rx_bufs_multiplier.
type ReceiveBuffers struct {
	MTU, Advert bool   // sized by the interface's MTU or by the adverts
	Size        uint32 // bytes; 0: not given
	Multiplier  uint32 // 3 unless given
}

// The multicast groups of RFC 9568 sections 5.1.1.2 and 5.1.2.2.
var (
	multicastGroup4 = netip.AddrFrom4([4]byte{224, 0, 0, 18})
	multicastGroup6 = netip.MustParseAddr("ff02::12")
)

// newGlobal is keepalived's defaults.
func newGlobal() Global {
	return Global{
		At:               map[string]Pos{},
		DefaultInterface: "eth0",
		SMTPPort:         "25",
		SMTPTimeout:      30 * time.Second,
		Version:          2,
		MulticastGroup4:  multicastGroup4,
		MulticastGroup6:  multicastGroup6,
		GARP: GARP{
			Delay: 5 * time.Second, Repeat: 5, RefreshRepeat: 1,
			LowerPrioDelay: unset, LowerPrioRepeat: unset,
		},
		DownTimerAdverts: 3,
		ReceiveBuffers:   ReceiveBuffers{Multiplier: 3},
		RealtimeLimit:    10 * time.Millisecond,
		MinAutoPriority:  time.Second,
		NFTablesPriority: -1,
		Umask:            -1,
		JSONVersion:      1,
		Tandem:           newTandem(),
	}
}

// unset marks a number whose default depends on others that may come later.
const unset = -1

// complete fills in the defaults that depend on other keywords.
func (g *Global) complete() {
	if g.GARP.LowerPrioRepeat == unset {
		g.GARP.LowerPrioRepeat = g.GARP.Repeat
	}
	if g.GARP.LowerPrioDelay == unset {
		g.GARP.LowerPrioDelay = g.GARP.Delay
	}
	if g.StartupScript.Set() && g.StartupScriptTimeout == 0 {
		g.StartupScriptTimeout = 10 * time.Second
	}
	if g.ShutdownScript.Set() && g.ShutdownScriptTimeout == 0 {
		g.ShutdownScriptTimeout = 10 * time.Second
	}
}
