package ipvs

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"tandem/vserver/table"
)

// fakeKernel is a kernel with IPVS for tests. It refuses what the kernel does, with its errors.
type fakeKernel struct {
	t        *testing.T
	services map[table.Key]*fakeService
	daemons  map[Role]Daemon
	timeouts Timeouts
	// log are the changes that were asked for, as ipvsadm's command lines.
	log    []string
	silent bool // what has been done is not answered
	// meanwhile, if set, is called before each command.
	meanwhile func(line string)
	// fail, if set, may refuse a change.
	fail func(line string) error
}

type fakeService struct {
	options      table.Service
	destinations map[netip.AddrPort]table.Destination
}

func newFakeKernel(t *testing.T) *fakeKernel {
	return &fakeKernel{
		t: t, services: map[table.Key]*fakeService{}, daemons: map[Role]Daemon{},
		timeouts: Timeouts{900e9, 120e9, 300e9},
	}
}

// place puts a table into the kernel as somebody else would.
func (k *fakeKernel) place(t table.Table) {
	for _, s := range t.Services {
		f := &fakeService{destinations: map[netip.AddrPort]table.Destination{}}
		for _, d := range s.Destinations {
			f.destinations[d.Address] = d
		}
		s.Destinations, s.Known = nil, nil
		f.options = s
		k.services[s.Key] = f
	}
}

// table is what the kernel serves.
func (k *fakeKernel) table() table.Table {
	var t table.Table
	for _, s := range k.services {
		one := s.options
		one.Destinations = slices.Collect(maps.Values(s.destinations))
		t.Services = append(t.Services, one)
	}
	return t
}

// changes returns what was asked for since the last call.
func (k *fakeKernel) changes() string {
	out := strings.Join(k.log, "\n")
	k.log = nil
	return out
}

func message(attrs ...*nl.RtAttr) []byte {
	m := (&nl.Genlmsg{Version: familyVersion}).Serialize()
	for _, a := range attrs {
		m = append(m, a.Serialize()...)
	}
	return m
}

func (k *fakeKernel) close() {}

func (k *fakeKernel) execute(command uint8, dump bool, attrs ...*nl.RtAttr) ([][]byte, error) {
	m := message(attrs...)
	top, err := parse(m[nl.SizeofGenlmsg:])
	if err != nil {
		k.t.Fatal(err)
	}
	var s table.Service
	var d table.Destination
	if top[attrService] != nil {
		if s, _, err = decodeService(m); err != nil {
			k.t.Fatal(err)
		}
	}
	if top[attrDest] != nil {
		if d, _, err = decodeDest(m, s.Key); err != nil {
			k.t.Fatal(err)
		}
	}
	line := fakeLine(command, s, d)
	if k.meanwhile != nil {
		k.meanwhile(line)
	}
	if !dump && command != cmdGetConfig {
		k.log = append(k.log, line)
		if k.fail != nil {
			if err := k.fail(line); err != nil {
				return nil, err
			}
		}
	}
	switch command {
	case cmdNewService, cmdSetService, cmdDelService, cmdGetService:
		return k.service(command, s)
	case cmdNewDest, cmdSetDest, cmdDelDest, cmdGetDest:
		return k.destination(command, s.Key, d)
	case cmdNewDaemon, cmdDelDaemon, cmdGetDaemon:
		return k.daemon(command, m)
	case cmdSetConfig:
		k.timeouts, err = decodeTimeouts(m)
		return nil, err
	case cmdGetConfig:
		seconds := func(n int, d int64) *nl.RtAttr { return nl.NewRtAttr(n, nl.Uint32Attr(uint32(d/1e9))) }
		return [][]byte{message(seconds(attrTimeoutTCP, int64(k.timeouts.TCP)), seconds(attrTimeoutTCPFIN, int64(k.timeouts.TCPFIN)), seconds(attrTimeoutUDP, int64(k.timeouts.UDP)))}, nil
	case cmdFlush:
		clear(k.services)
		return nil, nil
	}
	k.t.Fatalf("command %d", command)
	return nil, nil
}

// fakeLine is a command as ipvsadm's.
func fakeLine(command uint8, s table.Service, d table.Destination) string {
	switch command {
	case cmdNewService:
		return s.Rule()
	case cmdSetService:
		return strings.Replace(s.Rule(), "-A", "-E", 1)
	case cmdDelService:
		return "-D " + s.Key.String()
	case cmdNewDest:
		return d.Rule(s.Key)
	case cmdSetDest:
		return strings.Replace(d.Rule(s.Key), "-a", "-e", 1)
	case cmdDelDest:
		return "-d " + s.Key.String() + " -r " + d.Address.String()
	case cmdFlush:
		return "-C"
	case cmdNewDaemon:
		return "--start-daemon"
	case cmdDelDaemon:
		return "--stop-daemon"
	case cmdSetConfig:
		return "--set"
	}
	return ""
}

func (k *fakeKernel) service(command uint8, s table.Service) ([][]byte, error) {
	there := k.services[s.Key]
	switch command {
	case cmdGetService:
		var out [][]byte
		for _, f := range k.services {
			a := serviceAttr(f.options, true)
			stats := a.AddRtAttr(svcStats64, nil)
			stats.AddRtAttr(statConnections, nl.Uint64Attr(7))
			out = append(out, message(a))
		}
		return out, nil
	case cmdNewService:
		if there != nil {
			return nil, unix.EEXIST
		}
		k.services[s.Key] = &fakeService{s, map[netip.AddrPort]table.Destination{}}
	case cmdSetService:
		if there == nil {
			return nil, unix.ESRCH
		}
		there.options = s
	case cmdDelService:
		if there == nil {
			return nil, unix.ESRCH
		}
		delete(k.services, s.Key)
	}
	return nil, nil
}

func (k *fakeKernel) destination(command uint8, of table.Key, d table.Destination) ([][]byte, error) {
	s := k.services[of]
	if command == cmdGetDest {
		var out [][]byte
		if s != nil {
			for _, d := range s.destinations {
				a := destAttr(d, true)
				a.AddRtAttr(destActive, nl.Uint32Attr(3))
				out = append(out, message(a))
			}
		}
		return out, nil
	}
	if s == nil {
		return nil, unix.ESRCH
	}
	_, there := s.destinations[d.Address]
	switch command {
	case cmdNewDest:
		if there {
			return nil, unix.EEXIST
		}
		s.destinations[d.Address] = d
	case cmdSetDest:
		if !there {
			return nil, unix.ENOENT
		}
		s.destinations[d.Address] = d
	case cmdDelDest:
		if !there {
			return nil, unix.ENOENT
		}
		delete(s.destinations, d.Address)
	}
	return nil, nil
}

func (k *fakeKernel) daemon(command uint8, m []byte) ([][]byte, error) {
	if command == cmdGetDaemon {
		var out [][]byte
		for role, d := range k.daemons {
			out = append(out, message(daemonAttr(d, uint32(role), true)))
		}
		return out, nil
	}
	d, state, err := decodeDaemon(m)
	if err != nil {
		k.t.Fatal(err)
	}
	_, there := k.daemons[Role(state)]
	if command == cmdNewDaemon {
		if there {
			return nil, unix.EEXIST
		}
		k.daemons[Role(state)] = d
		return nil, nil
	}
	if !there {
		return nil, unix.ESRCH
	}
	delete(k.daemons, Role(state))
	if k.silent {
		return nil, errSilent
	}
	return nil, nil
}
