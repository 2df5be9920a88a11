package table

import "net/netip"

// Engine serves virtual servers: the kernel's IPVS, or a relay in user space.
// Its methods may be called by one goroutine at a time.
type Engine interface {
	// Set makes t what is served. It changes only what differs from what was set
	// before, so that setting the same table again does nothing. What cannot be
	// done is told for each service and destination, by errors that are joined
	// (each a *RuleError); all else is done, and the next Set tries again what
	// failed.
	Set(t Table) error
	// Stats returns what has been counted, for each service of the table in
	// force.
	Stats() ([]ServiceStats, error)
	// Close lets go of what the engine needs to work. The table stays as it is:
	// who wants it empty sets an empty one before.
	Close() error
}

// RuleError is what went wrong with one service or destination.
type RuleError struct {
	// Doing is the verb: "add", "edit", "remove".
	Doing string
	// Service that was meant.
	Service Key
	// Destination that was meant. Invalid: the service itself.
	Destination netip.AddrPort
	// Err is the reason.
	Err error
}

func (e *RuleError) Error() string {
	what := "virtual server " + e.Service.String()
	if e.Destination.IsValid() {
		what += " real server " + e.Destination.String()
	}
	return "cannot " + e.Doing + " " + what + ": " + e.Err.Error()
}

// Unwrap returns the reason.
func (e *RuleError) Unwrap() error { return e.Err }

// ServiceStats are the counters of a service and of its destinations.
type ServiceStats struct {
	Service Key
	Counters
	Destinations []DestinationStats
}

// DestinationStats are the counters of a destination.
type DestinationStats struct {
	Address netip.AddrPort
	// Weight in force.
	Weight uint32
	// Active, Inactive and Persistent connections at present: established ones,
	// all others, and clients that are bound to this destination.
	Active, Inactive, Persistent uint32
	Counters
}

// Counters count since the service or destination was added.
type Counters struct {
	Connections, InPackets, OutPackets, InBytes, OutBytes uint64
	// Rates are per second, as the engine estimates them.
	ConnectionRate, InPacketRate, OutPacketRate, InByteRate, OutByteRate uint64
}
