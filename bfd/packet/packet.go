// Package packet is the codec of BFD control packets (RFC 5880 section 4.1):
// pure. Authentication is not there, as in keepalived.
package packet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// State is that of a session as its system sees it.
type State uint8

// The states, with the numbers that they have in packets.
const (
	AdminDown State = iota
	Down
	Init
	Up
)

func (s State) String() string {
	if s > Up {
		return fmt.Sprintf("State(%d)", uint8(s))
	}
	return [...]string{"AdminDown", "Down", "Init", "Up"}[s]
}

// Diag is why a system left the state Up last.
type Diag uint8

// The diagnostics.
const (
	NoDiag Diag = iota
	Expired
	EchoFailed
	NeighborDown
	ForwardingReset
	PathDown
	ConcatenatedPathDown
	AdministrativelyDown
	ReverseConcatenatedPathDown
	endOfDiags // the numbers from here on mean nothing yet
)

func (d Diag) String() string {
	if d >= endOfDiags {
		return "Unknown"
	}
	return [...]string{
		"No Diagnostic", "Control Detection Time Expired", "Echo Function Failed", "Neighbor Signaled Session Down",
		"Forwarding Plane Reset", "Path Down", "Concatenated Path Down", "Administratively Down", "Reverse Concatenated Path Down",
	}[d]
}

// Packet is a control packet without authentication.
type Packet struct {
	Diag   Diag
	State  State
	Poll   bool
	Final  bool
	Demand bool
	// ControlPlaneIndependent says that the sender's BFD does not share its fate.
	ControlPlaneIndependent bool
	// Multiplier is how many packets may be missing.
	Multiplier uint8
	// My is the sender's number of the session, Your the receiver's; 0: not known.
	My, Your uint32
	// What the sender wants and can do, in whole microseconds; MinRx 0: it wants no
	// packets, MinEchoRx 0: it knows no echoes.
	MinTx, MinRx, MinEchoRx time.Duration
}

// Size is how long a packet is, in bytes.
const Size = 24

const (
	version = 1

	flagMultipoint = 1 << 0
	flagDemand     = 1 << 1
	flagAuth       = 1 << 2
	flagControl    = 1 << 3
	flagFinal      = 1 << 4
	flagPoll       = 1 << 5
	stateShift     = 6
	versionShift   = 5
	diagMask       = 1<<versionShift - 1
)

// Why a packet is discarded (RFC 5880 section 6.8.6; the last two are keepalived's).
var (
	ErrShort         = errors.New("the packet is too short")
	ErrLength        = errors.New("the length field is wrong")
	ErrVersion       = errors.New("the version is not 1")
	ErrMultiplier    = errors.New("the detection multiplier is zero")
	ErrMultipoint    = errors.New("the multipoint bit is set")
	ErrDiscriminator = errors.New("my discriminator is zero")
	ErrYour          = errors.New("your discriminator is zero in a state that is neither Down nor AdminDown")
	ErrAuth          = errors.New("the authentication bit is set, and no authentication is in use")
	ErrPollFinal     = errors.New("poll and final are both set")
	ErrDiag          = errors.New("the diagnostic is unknown")
)

// Parse reads a packet, which must be all of b. The error is one of this package's.
func Parse(b []byte) (Packet, error) {
	if len(b) < Size {
		return Packet{}, ErrShort
	}
	p := Packet{
		Diag: Diag(b[0] & diagMask), State: State(b[1] >> stateShift),
		Poll: b[1]&flagPoll != 0, Final: b[1]&flagFinal != 0, Demand: b[1]&flagDemand != 0, ControlPlaneIndependent: b[1]&flagControl != 0,
		Multiplier: b[2], My: binary.BigEndian.Uint32(b[4:]), Your: binary.BigEndian.Uint32(b[8:]),
		MinTx: micros(b[12:]), MinRx: micros(b[16:]), MinEchoRx: micros(b[20:]),
	}
	switch {
	case b[0]>>versionShift != version:
		return p, ErrVersion
	case b[1]&flagAuth != 0:
		return p, ErrAuth
	case int(b[3]) != len(b) || b[3] != Size:
		return p, ErrLength
	case p.Multiplier == 0:
		return p, ErrMultiplier
	case b[1]&flagMultipoint != 0:
		return p, ErrMultipoint
	case p.My == 0:
		return p, ErrDiscriminator
	case p.Your == 0 && p.State != Down && p.State != AdminDown:
		return p, ErrYour
	case p.Poll && p.Final:
		return p, ErrPollFinal
	case p.Diag >= endOfDiags:
		return p, ErrDiag
	}
	return p, nil
}

// Append appends the packet to b.
func (p *Packet) Append(b []byte) []byte {
	flags := byte(p.State) << stateShift
	for _, f := range [...]struct {
		set bool
		bit byte
	}{{p.Poll, flagPoll}, {p.Final, flagFinal}, {p.Demand, flagDemand}, {p.ControlPlaneIndependent, flagControl}} {
		if f.set {
			flags |= f.bit
		}
	}
	b = append(b, version<<versionShift|byte(p.Diag), flags, p.Multiplier, Size)
	for _, n := range [...]uint32{p.My, p.Your, uint32(p.MinTx / time.Microsecond), uint32(p.MinRx / time.Microsecond), uint32(p.MinEchoRx / time.Microsecond)} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

func micros(b []byte) time.Duration {
	return time.Duration(binary.BigEndian.Uint32(b)) * time.Microsecond
}
