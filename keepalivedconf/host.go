package keepalivedconf

import (
	"io/fs"
	"net"
	"path/filepath"

	"tandem/internal/privilege"
)

// Link is what reading has to know about an interface.
type Link struct {
	Loopback  bool
	Multicast bool
	MTU       int
}

// Host answers the questions about the machine that keepalived asks while it reads.
type Host interface {
	// Interface describes a network interface, if it exists.
	Interface(name string) (Link, bool)
	// User returns the ids of a user and of its own group.
	User(name string) (uid, gid int, ok bool)
	// Group returns the id of a group.
	Group(name string) (gid int, ok bool)
	// Scripts returns the inspector of scripts, or nil if they are not to be looked at.
	Scripts() ScriptInspector
}

// ScriptInspector looks at programs that are to be run.
type ScriptInspector interface {
	// Look finds a program by name (in PATH if there is no slash in it) and returns where it is, with links resolved.
	Look(name string) (path string, err error)
	// Path returns every directory on the way to path, and path itself, with owner and mode.
	Path(path string) ([]PathPart, error)
}

// PathPart is one directory on the way to a script, or the script itself.
type PathPart struct {
	Name     string
	Mode     fs.FileMode
	UID, GID int
}

// Machine is the Host that this process runs on.
type Machine struct{}

// Interface asks the kernel.
func (Machine) Interface(name string) (Link, bool) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return Link{}, false
	}
	return Link{Loopback: i.Flags&net.FlagLoopback != 0, Multicast: i.Flags&net.FlagMulticast != 0, MTU: i.MTU}, true
}

// User asks the user database.
func (Machine) User(name string) (uid, gid int, ok bool) { return privilege.LookupUser(name) }

// Group asks the group database.
func (Machine) Group(name string) (gid int, ok bool) { return privilege.LookupGroup(name) }

// Scripts looks at the machine's own files.
func (Machine) Scripts() ScriptInspector { return machineScripts{} }

type machineScripts struct{}

func (machineScripts) Look(name string) (string, error) { return lookScript(name) }

func (machineScripts) Path(path string) ([]PathPart, error) { return pathParts(filepath.Clean(path)) }

// interfaceExists reports whether an interface is there, or need not be yet.
func (b *builder) interfaceExists(name string) bool {
	_, found := b.opt.Host.Interface(name)
	return found || b.cfg.Global.DynamicInterfaces
}
