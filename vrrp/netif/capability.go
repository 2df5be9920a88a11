package netif

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Capability is a privilege of a process, as capabilities(7) lists them.
type Capability uint

// The capabilities that a node needs.
const (
	NetBindService Capability = unix.CAP_NET_BIND_SERVICE
	NetAdmin       Capability = unix.CAP_NET_ADMIN
	NetRaw         Capability = unix.CAP_NET_RAW
)

// String is the capability's name in capabilities(7).
func (c Capability) String() string {
	switch c {
	case NetBindService:
		return "CAP_NET_BIND_SERVICE"
	case NetAdmin:
		return "CAP_NET_ADMIN"
	case NetRaw:
		return "CAP_NET_RAW"
	}
	return fmt.Sprintf("capability %d", uint(c))
}

// purpose says what a node does with the capability.
func (c Capability) purpose() string {
	switch c {
	case NetBindService:
		return "to listen on ports below 1024"
	case NetAdmin:
		return "to add and remove virtual addresses"
	case NetRaw:
		return "to send and receive VRRP and gratuitous ARP"
	}
	return "to run"
}

// MissingError says which capabilities the process lacks.
type MissingError struct {
	Missing []Capability
}

// Error names each missing capability and what it is for.
func (e *MissingError) Error() string {
	var b strings.Builder
	b.WriteString("missing privilege: ")
	for i, c := range e.Missing {
		if i > 0 {
			b.WriteString(", and ")
		}
		fmt.Fprintf(&b, "%s (%s)", c, c.purpose())
	}
	b.WriteString("; run as root or grant it, with systemd's AmbientCapabilities= for instance")
	return b.String()
}

// CheckCapabilities returns a *MissingError if the process lacks one of the
// needed capabilities. A process that has them all can still be refused: in a
// user namespace they count only for network namespaces made there.
func CheckCapabilities(needed ...Capability) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("read the process's capabilities: %w", err)
	}
	var missing []Capability
	for _, c := range needed {
		if data[c/32].Effective&(1<<(c%32)) == 0 {
			missing = append(missing, c)
		}
	}
	if missing != nil {
		return &MissingError{Missing: missing}
	}
	return nil
}

// permission adds to a refusal which capability it was for.
func permission(err error, needed Capability) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("%w: %w", &MissingError{Missing: []Capability{needed}}, err)
	}
	return err
}
