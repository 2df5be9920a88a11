package sticky

import (
	"crypto/md5"
	"fmt"
	"strings"
	"sync"
	"time"

	"tandem/internal/lru"
	nc "tandem/nginxconf"
	"tandem/proxy/block"
	"tandem/session"
)

// readLearn reads sticky learn create=$variable lookup=$variable
// zone=name:size [timeout=time] [header].
func (st *sticky) readLearn(s *nc.Scope, d *nc.Directive) error {
	name, realm := block.Reading(s)
	zone, size := "", int64(0)
	var timeout time.Duration
	for _, arg := range d.Args[1:] {
		name, value, has := strings.Cut(arg, "=")
		switch {
		case has && name == "zone":
			if zone != "" {
				return nc.Complaint("duplicate zone")
			}
			var err error
			if zone, size, err = parseZone(value); err != nil {
				return err
			}
		case has && name == "timeout":
			if timeout != 0 {
				return nc.Complaint("duplicate timeout")
			}
			var err error
			if timeout, err = nc.ParseMsec(value); err != nil || timeout == 0 {
				return nc.Complaint("invalid timeout")
			}
		case has && (name == "create" || name == "lookup"):
			variable, ok := strings.CutPrefix(value, "$")
			if !ok {
				return nc.Complaint("missing variable in the \"" + name + "\" parameter")
			}
			refs := &st.create
			if name == "lookup" {
				refs = &st.lookup
			}
			*refs = append(*refs, realm.Variable(d, variable))
		case arg == "header":
			st.early = true
		default:
			return fmt.Errorf("unknown parameter \"%s\"", arg)
		}
	}
	switch {
	case len(st.lookup) == 0:
		return nc.Complaint("\"lookup\" parameter is not specified")
	case len(st.create) == 0:
		return nc.Complaint("\"create\" parameter is not specified")
	case zone == "":
		return nc.Complaint("\"zone\" parameter is not specified")
	}
	if timeout == 0 {
		timeout = 10 * time.Minute
	}
	return st.useSessions(realm, name, zone, size, timeout)
}

// parseZone reads name:size.
func parseZone(text string) (name string, n int64, err error) {
	name, size, ok := strings.Cut(text, ":")
	switch {
	case !ok:
		return "", 0, nc.Complaint("zone size is not specified")
	case name == "":
		return "", 0, nc.Complaint("zone name is not specified")
	}
	n, err = nc.ParseSize(size)
	switch {
	case err != nil:
		return "", 0, nc.Complaint("invalid zone size")
	case n < minZone:
		return "", 0, nc.Complaint("zone is too small")
	}
	return name, n, nil
}

// zones are the zones of sticky of a configuration.
type zones struct{ byName map[string]*sessions }

var zonesSlot = session.NewRealmSlot[zones]()

// useSessions gives an upstream the sessions of a zone, those of the
// configuration before if it had the zone, too.
func (st *sticky) useSessions(realm *session.Realm, name, zone string, size int64, timeout time.Duration) error {
	all := zonesSlot.Of(realm)
	if other := all.byName[zone]; other != nil {
		return fmt.Errorf("sticky zone \"%s\" is already used in upstream \"%s\"", zone, other.upstream)
	}
	var known *sessionTable
	if realm.Previous != nil {
		if old := zonesSlot.Of(realm.Previous).byName[zone]; old != nil {
			if old.upstream != name {
				return fmt.Errorf("sticky zone \"%s\" is used in upstream \"%s\" while previously it was used in upstream \"%s\"",
					zone, name, old.upstream)
			}
			known = old.sessionTable
		}
	}
	if known == nil {
		known = &sessionTable{}
	}
	st.sessions = &sessions{sessionTable: known, upstream: name, timeout: timeout, max: int(size / sessionSize)}
	if all.byName == nil {
		all.byName = make(map[string]*sessions)
	}
	all.byName[zone] = st.sessions
	return nil
}

// sessions are those of one upstream, as one configuration sees them.
type sessions struct {
	*sessionTable
	upstream string // that has them
	timeout  time.Duration
	max      int // how many there may be
}

// minZone is the size of a zone at least; memory is not shared here, but the
// configuration is to be nginx's.
const minZone = 8 << 12

// sessionSize is what a session takes of its zone in nginx, in bytes: "32k ~ 200
// sessions, 1m ~ 8000 sessions".
const sessionSize = 128

// sessionTable knows which peer each session is bound to. It outlives
// configurations.
type sessionTable struct {
	mu    sync.Mutex
	bound lru.Map[[md5.Size]byte, *binding]
}

type binding struct {
	sid  string
	last time.Time // used
}

// find returns the SID of the peer that a session is bound to, nil for none.
func (s *sessions) find(id []byte, now time.Time) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.bound.Peek(md5.Sum(id))
	if !ok || now.Sub(b.last) >= s.timeout {
		return nil
	}
	return []byte(b.sid)
}

// bind binds a session to a peer; one that is not known only if create is set.
// The session unused for longest makes room for a new one when the zone is full.
func (s *sessions) bind(id []byte, sid string, create bool, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		oldest, b, ok := s.bound.Oldest()
		if !ok || now.Sub(b.last) < s.timeout {
			break
		}
		s.bound.Remove(oldest)
	}
	key := md5.Sum(id)
	if known, ok := s.bound.Peek(key); ok {
		known.sid, known.last = sid, now
		s.bound.Use(key)
	} else if create {
		for s.bound.Len() >= s.max {
			oldest, _, _ := s.bound.Oldest()
			s.bound.Remove(oldest)
		}
		s.bound.Put(key, &binding{sid, now})
	}
}
