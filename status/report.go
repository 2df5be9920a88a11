package status

import (
	"net/netip"
	"time"
)

// Report is everything that a process tells of itself: what "tandem status"
// shows and what --json prints. Durations are in seconds.
type Report struct {
	At      time.Time `json:"at"`
	Node    string    `json:"node"` // host name
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	// Stopping: the process has been told to end.
	Stopping bool `json:"stopping,omitempty"`

	// Healthy, Summary and Problems are what Judge found.
	Healthy  bool     `json:"healthy"`
	Summary  Summary  `json:"summary"`
	Problems []string `json:"problems,omitempty"`
	// Notes are worth knowing and no reason to call the node unhealthy.
	Notes []string `json:"notes,omitempty"`

	Configuration Configuration `json:"configuration"`
	Web           Web           `json:"web"`
	Upstreams     []Upstream    `json:"upstreams,omitempty"`
	Certificates  []Certificate `json:"certificates,omitempty"`
	// VirtualServers are those of keepalived.conf.
	VirtualServers []VirtualServer `json:"virtual_servers,omitempty"`
	// BFD is the sessions of bfd_instance.
	BFD       []BFD      `json:"bfd,omitempty"`
	Instances []Instance `json:"instances,omitempty"`
	Groups    []Group    `json:"sync_groups,omitempty"`
	// Switches are the last changes of roles, the oldest first.
	Switches []Switch `json:"switches,omitempty"`
	// Handovers are the planned switches away from this node; nil without instances.
	Handovers *Handovers `json:"handovers,omitempty"`
	Caches    []Cache    `json:"caches,omitempty"`
	// Timers says how late VRRP's timers were; nil without instances.
	Timers *Timers `json:"timers,omitempty"`
	// LinkRefused is how many connections the peer link has refused or cut short
	// since the start, by reason.
	LinkRefused map[string]uint64 `json:"link_refused,omitempty"`
	// Panics is how many the process has contained since it started.
	Panics    uint64    `json:"panics"`
	Resources Resources `json:"resources"`
}

// Configuration is what is in force.
type Configuration struct {
	Generation int       `json:"generation"` // 1 at start, one more with each reload
	Loaded     time.Time `json:"loaded"`
	Nginx      string    `json:"nginx_conf"`
	Keepalived string    `json:"keepalived_conf,omitempty"`
	// FailedReload is when a reload last failed since Loaded, nil if none has.
	FailedReload *time.Time `json:"failed_reload,omitempty"`
	// How often it was read again since the start, and how often in vain.
	Reloads       uint64 `json:"reloads"`
	FailedReloads uint64 `json:"failed_reloads"`
}

// Web is the HTTP side.
type Web struct {
	Listeners   []string `json:"listeners"`
	Connections int64    `json:"connections"`
	Active      int64    `json:"active"`  // requests being answered
	Reading     int64    `json:"reading"` // requests whose head is being read
	Waiting     int64    `json:"waiting"` // connections between requests
	Accepted    uint64   `json:"accepted"`
	Requests    uint64   `json:"requests"`
	// Draining: responses end their connections, because the node hands over.
	Draining bool `json:"draining,omitempty"`
	// Retired is how many connections older configurations still have.
	Retired int `json:"retired,omitempty"`
	// Sessions is how many of stream {} are under way.
	Sessions     int    `json:"stream_sessions,omitempty"`
	Servers      []Zone `json:"server_zones,omitempty"`
	Locations    []Zone `json:"location_zones,omitempty"`
	LinesDropped uint64 `json:"log_lines_dropped,omitempty"` // that a log did not take in time
}

// Instance is a VRRP instance.
type Instance struct {
	Name      string     `json:"name"`
	VRID      uint8      `json:"vrid"`
	Version   int        `json:"version"` // of VRRP
	Interface string     `json:"interface,omitempty"`
	Source    netip.Addr `json:"source,omitzero"`

	State  string    `json:"state"` // INIT, BACKUP, MASTER, FAULT, STOP
	Since  time.Time `json:"since"`
	Reason Reason    `json:"reason"` // for the last transition
	Faults []string  `json:"faults,omitempty"`
	// Leaving: a master that has said good-bye and serves until its successor
	// is heard. Preparing: a backup that is being handed the addresses.
	Leaving   bool `json:"leaving,omitempty"`
	Preparing bool `json:"preparing,omitempty"`

	Priority Priority `json:"priority"`
	Resigned string   `json:"resigned,omitempty"` // why the node's own web side disqualifies it
	Demoted  bool     `json:"demoted,omitempty"`

	Addresses []netip.Addr `json:"addresses"` // the virtual ones
	Owner     *Owner       `json:"owner"`     // null: nobody is known to hold them
	// Held are those that this node holds, Lease for how many seconds the
	// kernel keeps them without a refresh; 0: for ever.
	Held  []netip.Addr `json:"held,omitempty"`
	Lease float64      `json:"lease"`

	// Rival is another node that claims to be master while this one does, null:
	// none that is known.
	Rival       *Rival        `json:"rival,omitempty"`
	Heard       *Heard        `json:"last_advert,omitempty"`
	SelfProbe   *SelfProbe    `json:"self_probe,omitempty"` // null: switched off
	Trackers    []Tracker     `json:"trackers,omitempty"`
	Peers       []Peer        `json:"peers,omitempty"`
	Next        *Next         `json:"next,omitempty"`
	Counters    Counters      `json:"counters"`
	Transitions []Transitions `json:"transitions,omitempty"`
}

// Reason is why an instance is what it is.
type Reason struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Priority is what an instance competes with.
type Priority struct {
	Effective int `json:"effective"`
	Base      int `json:"base"` // as configured
	// Because says how Effective came about, "" if it is Base.
	Because string `json:"because,omitempty"`
}

// Owner is who holds the virtual addresses.
type Owner struct {
	Self  bool       `json:"self"`
	Addr  netip.Addr `json:"addr,omitzero"`
	Node  string     `json:"node,omitempty"` // its name, if the peer link has told
	Since time.Time  `json:"since,omitzero"`
}

// Rival is a second master.
type Rival struct {
	Addr netip.Addr `json:"addr"`
	Why  string     `json:"why"` // why neither gives way
}

// Heard is the last advert that was heard.
type Heard struct {
	From     netip.Addr `json:"from"`
	Priority int        `json:"priority"`
	At       time.Time  `json:"at"`
	Age      float64    `json:"age"`
	// Within is the age at which the master counts as gone.
	Within float64 `json:"within"`
}

// SelfProbe is what the node's own HTTP says when it is asked.
type SelfProbe struct {
	Good   bool      `json:"good"`
	Reason string    `json:"reason,omitempty"` // why it is not
	Since  time.Time `json:"since,omitzero"`
	Last   []Probed  `json:"last,omitempty"` // the last result of each listener
}

// Probed is the result of one question.
type Probed struct {
	Addr   netip.AddrPort `json:"addr"`
	Status int            `json:"status,omitempty"` // 0: no HTTP answer
	Error  string         `json:"error,omitempty"`
	At     time.Time      `json:"at"`
	Took   float64        `json:"took"`
}

// Tracker is something that an instance's priority or state depends on.
type Tracker struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Weight int    `json:"weight"` // what it adds to the priority now
	Fault  bool   `json:"fault,omitempty"`
	Text   string `json:"text,omitempty"`
}

// Peer is another node with tandem, as its peer link tells.
type Peer struct {
	Addr     netip.Addr `json:"addr"`
	Node     string     `json:"node"`
	Version  string     `json:"version"`
	Priority int        `json:"priority"`
	Master   bool       `json:"master"`           // this node follows it
	Secure   bool       `json:"secure"`           // both have proven that they have the peer_key
	Health   string     `json:"health,omitempty"` // what is wrong with its web side
	Since    time.Time  `json:"since"`            // of the connection
	// Digest is its configuration's checksum, Drift which parts of it differ
	// from ours.
	Digest string   `json:"digest"`
	Drift  []string `json:"drift,omitempty"`
}

// Next is what happens next by itself.
type Next struct {
	What string    `json:"what"`
	At   time.Time `json:"at"`
	In   float64   `json:"in"`
}

// Counters count since the instance began.
type Counters struct {
	Sent           uint64            `json:"sent"`
	SentZero       uint64            `json:"sent_priority_0"`
	Received       uint64            `json:"received"`
	ReceivedZero   uint64            `json:"received_priority_0"`
	SendErrors     uint64            `json:"send_errors"`
	BecameMaster   uint64            `json:"became_master"`
	ReleasedMaster uint64            `json:"released_master"`
	Overruns       uint64            `json:"overruns"`
	Dropped        map[string]uint64 `json:"dropped,omitempty"` // packets, by the check that they failed
}

// Group is a sync group.
type Group struct {
	Name    string   `json:"name"`
	State   string   `json:"state"`
	Members []string `json:"members"`
}

// Timers says how late VRRP's timers were since the start.
type Timers struct {
	Fired uint64  `json:"fired"`
	Late  uint64  `json:"late"` // of them, by more than 10 ms
	Worst float64 `json:"worst"`
}

// Resources are what the process uses of the machine. What grows for days under
// the same load is a leak.
type Resources struct {
	Resident   uint64 `json:"resident"` // bytes of memory
	Heap       uint64 `json:"heap"`     // bytes, what is in use and what is not yet collected
	Goroutines int    `json:"goroutines"`
	Files      int    `json:"files"` // open descriptors
	// CPU is the processor time since the start, in seconds.
	CPU float64 `json:"cpu"`
}
