package keepalivedconf

import (
	"time"

	"tandem/keepalivedconf/text"
)

// setFlushOnStop reads lvs_flush_on_stop [VS].
func setFlushOnStop(b *builder, g *Global, s *Statement) {
	switch s.Arg(1) {
	case "":
		g.LVS.FlushOnStop = FlushAll
	case "VS":
		g.LVS.FlushOnStop = FlushServer
	default:
		b.err(s, "Unknown lvs_flush_on_stop type %s", s.Arg(1))
	}
}

// setLVSTimeouts reads lvs_timeouts [tcp SECONDS] [tcpfin SECONDS] [udp SECONDS].
func setLVSTimeouts(b *builder, g *Global, s *Statement) {
	if s.Args() < 2 {
		b.err(s, "lvs_timeouts requires at least one option")
		return
	}
	into := map[string]*time.Duration{"tcp": &g.LVS.TimeoutTCP, "tcpfin": &g.LVS.TimeoutTCPFIN, "udp": &g.LVS.TimeoutUDP}
	for at := 1; at < len(s.Words); at++ {
		option := s.Words[at]
		switch into := into[option]; {
		case into == nil:
			b.err(s, "Unknown option %s specified for lvs_timeouts", option)
		case at+1 == len(s.Words):
			b.err(s, "No value specified for lvs_timeout %s - ignoring", option)
		default:
			at++
			if n, ok := b.unsigned(s, s.Words[at], 0, maxLVSTimeout); ok {
				*into = time.Duration(n) * time.Second
			} else {
				b.err(s, "Invalid lvs_timeout %s (%s) - ignoring", option, s.Words[at])
			}
		}
	}
}

// maxSyncLen is what a datagram of the sync daemon may hold: a UDP packet without its headers.
const maxSyncLen = 65535 - 20 - 8

// setSyncDaemon reads lvs_sync_daemon INTERFACE [inst INSTANCE] [id ID] [maxlen BYTES] [port PORT] [ttl TTL] [group ADDRESS], or as
// it was written once, lvs_sync_daemon INTERFACE INSTANCE [ID].
func setSyncDaemon(b *builder, g *Global, s *Statement) {
	if d := g.LVS.Sync; d != nil {
		b.err(s, "lvs_sync_daemon has already been specified as %s %s - ignoring", d.Interface, d.Instance)
		return
	}
	if !b.named(s, "lvs_sync_daemon requires interface") {
		return
	}
	if len(s.Arg(1)) > maxInterfaceName {
		b.err(s, "lvs_sync_daemon interface name '%s' too long - ignoring", s.Arg(1))
		return
	}
	d := &SyncDaemon{Pos: s.Pos, Interface: s.Arg(1), ID: unset}
	g.LVS.Sync = d
	for at := 2; at < len(s.Words); at++ {
		at += d.option(b, s, at)
	}
}

// option reads the option at a word, and returns how many further words it has taken.
func (d *SyncDaemon) option(b *builder, s *Statement, at int) int {
	name := s.Words[at]
	number := func(into func(uint32), low, high uint32, format string) int {
		if v, ok := b.unsigned(s, s.Words[at+1], low, high); ok {
			into(v)
		} else {
			b.err(s, format, s.Words[at+1])
		}
		return 1
	}
	if at+1 == len(s.Words) {
		switch name {
		case "id":
			b.err(s, "No value specified for lvs_sync_daemon id, defaulting to vrid")
			return 0
		case "maxlen", "port", "ttl", "group":
			b.err(s, "No value specified for lvs_sync_daemon %s - ignoring", name)
			return 0
		case "inst":
			b.missing(s, len(s.Words))
			return 0
		}
	}
	switch name {
	case "inst":
		if d.Instance != "" {
			b.err(s, "lvs_sync_daemon vrrp instance has already been specified as %s - ignoring", d.Instance)
		} else {
			d.Instance = s.Words[at+1]
		}
		return 1
	case "id":
		return number(func(v uint32) { d.ID = int(v) }, 0, 255, "Invalid syncid (%s) - defaulting to vrid")
	case "maxlen":
		return number(func(v uint32) { d.MaxLen = uint16(v) }, 1, maxSyncLen, "Invalid lvs_sync_daemon maxlen (%s) - ignoring")
	case "port":
		return number(func(v uint32) { d.Port = uint16(v) }, 1, 65535, "Invalid lvs_sync_daemon port (%s) - ignoring")
	case "ttl":
		return number(func(v uint32) { d.TTL = uint8(v) }, 1, 255, "Invalid lvs_sync_daemon ttl (%s) - ignoring")
	case "group":
		switch a, ok := endpoint(s.Words[at+1]); {
		case !ok:
			b.err(s, "Invalid lvs_sync_daemon group (%s) - ignoring", s.Words[at+1])
		case !a.IsMulticast():
			b.err(s, "lvs_sync_daemon group address %s is not multicast - ignoring", s.Words[at+1])
		default:
			d.Group = a
		}
		return 1
	}
	switch at {
	case 2:
		d.Instance = name
	case 3:
		if v, ok := b.unsigned(s, name, 0, 255); ok {
			b.err(s, `Please use keyword "id" before lvs_sync_daemon SYNCID`)
			d.ID = int(v)
		} else {
			b.err(s, "Invalid syncid (%s) - defaulting to vrid", name)
		}
	default:
		b.err(s, "Unknown option %s specified for lvs_sync_daemon", name)
	}
	return 0
}

// completeSyncDaemon finds the instance that the sync daemon follows.
func (b *builder) completeSyncDaemon() {
	d := b.cfg.Global.LVS.Sync
	if d == nil {
		return
	}
	vrid := 0
	if d.Instance != "" {
		i := b.instances[d.Instance]
		if i == nil {
			b.say(text.KindGeneral, d.Pos, "Unable to find vrrp instance %s for lvs_syncd - clearing lvs_syncd config", d.Instance)
			b.cfg.Global.LVS.Sync = nil
			return
		}
		vrid = int(i.VRID)
	}
	if d.ID == unset {
		d.ID = vrid
	}
}
