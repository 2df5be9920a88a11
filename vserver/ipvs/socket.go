package ipvs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"tandem/internal/privilege"
)

// ErrAbsent is for a kernel that has no IPVS.
var ErrAbsent = errors.New("the kernel has no IPVS (module " + moduleName + ")")

// kernel carries out commands of the IPVS family.
type kernel interface {
	// execute sends a command with its attributes, and returns what is answered,
	// each message with its generic header: as many as there are with dump, at
	// most one without.
	execute(command uint8, dump bool, attrs ...*nl.RtAttr) ([][]byte, error)
	close()
}

// socket is the kernel of this machine.
type socket struct {
	family uint16
	handle *nl.SocketHandle
}

// openSocket connects to the kernel's IPVS, and loads its module if there is
// none.
func openSocket() (*socket, error) {
	family, err := netlink.GenlFamilyGet(familyName)
	if errors.Is(err, unix.ENOENT) {
		why := loadModule(moduleName)
		if family, err = netlink.GenlFamilyGet(familyName); errors.Is(err, unix.ENOENT) {
			if why != nil {
				return nil, fmt.Errorf("%w: %w", ErrAbsent, why)
			}
			return nil, ErrAbsent
		}
	}
	if err != nil {
		return nil, fmt.Errorf("look for IPVS: %w", err)
	}
	s, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_GENERIC)
	if err != nil {
		return nil, fmt.Errorf("socket for IPVS: %w", err)
	}
	wait := unix.NsecToTimeval(int64(answerTimeout))
	if err := errors.Join(s.SetSendTimeout(&wait), s.SetReceiveTimeout(&wait)); err != nil {
		s.Close()
		return nil, fmt.Errorf("socket for IPVS: %w", err)
	}
	return &socket{family.ID, &nl.SocketHandle{Socket: s}}, nil
}

// answerTimeout is how long the kernel's answer is waited for. It is there when
// the request has been sent: the kernel does on the way whatever it takes.
const answerTimeout = time.Second

// errSilent is for a kernel that does not answer: to what ends with EINTR it
// never does (netlink_rcv_skb).
var errSilent = errors.New("the kernel does not answer")

// moduleTimeout is how long modprobe may take.
const moduleTimeout = 30 * time.Second

func (s *socket) close() { s.handle.Close() }

func (s *socket) execute(command uint8, dump bool, attrs ...*nl.RtAttr) ([][]byte, error) {
	flags := unix.NLM_F_ACK
	get := command == cmdGetConfig || command == cmdGetInfo
	switch {
	case dump:
		flags = unix.NLM_F_DUMP
	case get:
		flags = 0 // the answer ends the request, and an acknowledgement would be left over
	}
	request := nl.NewNetlinkRequest(int(s.family), flags)
	request.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_GENERIC: s.handle}
	request.AddData(&nl.Genlmsg{Command: command, Version: familyVersion})
	for _, a := range attrs {
		request.AddData(a)
	}
	answers, err := request.Execute(unix.NETLINK_GENERIC, s.family)
	if errors.Is(err, unix.EAGAIN) {
		return nil, errSilent
	}
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, privilege.Explain(err, privilege.NetAdmin)
	}
	return answers, nil
}

// loadModule has modprobe load a module of the kernel.
func loadModule(name string) error {
	program := "/sbin/modprobe"
	if set, err := os.ReadFile("/proc/sys/kernel/modprobe"); err == nil {
		if p := strings.TrimSpace(string(set)); p != "" {
			program = p
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), moduleTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "--", name).CombinedOutput()
	if err == nil {
		return nil
	}
	if first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n"); first != "" {
		return errors.New(first)
	}
	return fmt.Errorf("%s: %w", program, err)
}
