package privilege

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Capability is a right of a thread, as capabilities(7) lists them.
type Capability uint

// The capabilities that a node has a use for.
const (
	Chown          Capability = unix.CAP_CHOWN
	DACOverride    Capability = unix.CAP_DAC_OVERRIDE
	FOwner         Capability = unix.CAP_FOWNER
	Kill           Capability = unix.CAP_KILL
	SetGID         Capability = unix.CAP_SETGID
	SetUID         Capability = unix.CAP_SETUID
	NetBindService Capability = unix.CAP_NET_BIND_SERVICE
	NetAdmin       Capability = unix.CAP_NET_ADMIN
	NetRaw         Capability = unix.CAP_NET_RAW
	IPCLock        Capability = unix.CAP_IPC_LOCK
	SysNice        Capability = unix.CAP_SYS_NICE
	SysResource    Capability = unix.CAP_SYS_RESOURCE
)

// descriptions are the capabilities' names and what a node does with them.
var descriptions = []struct {
	capability    Capability
	name, purpose string
}{
	{Chown, "CHOWN", "to give temporary folders, logs and FIFOs to their users"},
	{DACOverride, "DAC_OVERRIDE", "to read and write files of other users"},
	{FOwner, "FOWNER", "to change the mode of files of other users"},
	{Kill, "KILL", "to end scripts of other users"},
	{SetGID, "SETGID", "to serve and run scripts with another group"},
	{SetUID, "SETUID", "to serve and run scripts as another user"},
	{NetBindService, "NET_BIND_SERVICE", "to listen on ports below 1024"},
	{NetAdmin, "NET_ADMIN", "to add and remove virtual addresses"},
	{NetRaw, "NET_RAW", "to send and receive VRRP and gratuitous ARP"},
	{IPCLock, "IPC_LOCK", "to keep memory from being swapped out"},
	{SysNice, "SYS_NICE", "to have VRRP scheduled before everything else"},
	{SysResource, "SYS_RESOURCE", "to raise limits"},
}

// word is the capability's name without CAP_, as container engines want it.
func (c Capability) word() string {
	for _, d := range descriptions {
		if d.capability == c {
			return d.name
		}
	}
	return fmt.Sprintf("capability %d", uint(c))
}

// String is the capability's name in capabilities(7).
func (c Capability) String() string { return "CAP_" + c.word() }

func (c Capability) purpose() string {
	for _, d := range descriptions {
		if d.capability == c {
			return d.purpose
		}
	}
	return "to run"
}

// Rights is a set of capabilities.
type Rights uint64

// Of returns the set of these capabilities.
func Of(list ...Capability) (set Rights) {
	for _, c := range list {
		set |= 1 << c
	}
	return set
}

// Has reports whether the capability is in the set.
func (r Rights) Has(c Capability) bool { return r&(1<<c) != 0 }

// MissingError says which capabilities the process lacks.
type MissingError struct {
	Missing []Capability
}

// Error names each missing capability, what it is for, and how to grant it.
func (e *MissingError) Error() string {
	var b, flags strings.Builder
	b.WriteString("missing privilege: ")
	for i, c := range e.Missing {
		if i > 0 {
			b.WriteString(", and ")
		}
		fmt.Fprintf(&b, "%s (%s)", c, c.purpose())
		fmt.Fprintf(&flags, " --cap-add %s", c.word())
	}
	fmt.Fprintf(&b, "; run as root or grant it, with systemd's AmbientCapabilities= or docker run%s for instance", &flags)
	return b.String()
}

// Check returns a *MissingError if the process lacks one of the needed
// capabilities. A process that has them all can still be refused: in a user
// namespace they count only for what was made there.
func Check(needed ...Capability) error {
	_, permitted, err := ofThread()
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(needed), permitted.Has)
	if len(missing) > 0 {
		return &MissingError{Missing: missing}
	}
	return nil
}

// Explain adds to a refusal which capability it was for, unless the process has
// that one.
func Explain(err error, needed ...Capability) error {
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
		return err
	}
	missing := Check(needed...)
	if missing == nil {
		return err
	}
	return fmt.Errorf("%w: %w", err, missing)
}
