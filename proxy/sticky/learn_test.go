package sticky

import (
	"fmt"
	"testing"
	"time"
)

// table is a table of sessions with a clock, for a trace of what becomes of them.
type table struct {
	*testing.T
	sessions
	now time.Time
}

func newTable(t *testing.T, most int) *table {
	return &table{t, sessions{sessionTable: new(sessionTable), timeout: 10 * time.Second, max: most}, time.Unix(1000, 0)}
}

// bind binds a session to a peer, a second after what was before.
func (t *table) bind(id, sid string, create bool) {
	t.now = t.now.Add(time.Second)
	t.sessions.bind([]byte(id), sid, create, t.now)
}

// known checks where a session is bound to, "" for nowhere.
func (t *table) known(id, want string) {
	t.Helper()
	if got := string(t.find([]byte(id), t.now)); got != want {
		t.Errorf("%s is bound to %q, want %q", id, got, want)
	}
}

func TestSessions(t *testing.T) {
	s := newTable(t, 10)
	s.known("a", "")
	s.bind("a", "one", false) // no session has begun
	s.known("a", "")
	s.bind("a", "one", true)
	s.known("a", "one")
	s.bind("a", "two", false) // and moves with the requests that belong to it
	s.known("a", "two")
	s.bind("a", "three", true)
	s.known("a", "three")
	s.known("A", "")
}

// A session ends when it was not used for the timeout; to be asked for is no use.
func TestSessionsExpire(t *testing.T) {
	s := newTable(t, 10)
	s.bind("a", "one", true)
	s.bind("b", "two", true)
	s.now = s.now.Add(8 * time.Second)
	s.known("a", "one")
	s.bind("b", "two", false)
	s.now = s.now.Add(9 * time.Second)
	s.known("a", "")
	s.known("b", "two")
	s.now = s.now.Add(time.Second)
	s.known("b", "")
	s.bind("b", "two", false) // it does not come back by itself
	s.known("b", "")
	if n := s.bound.Len(); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

// The zone is bounded: a new session takes the place of the one that was not used for
// longest, and one that is known takes nobody's.
func TestSessionsAreBounded(t *testing.T) {
	s := newTable(t, 3)
	for _, id := range []string{"a", "b", "c"} {
		s.bind(id, "peer of "+id, true)
	}
	for range 2 {
		s.bind("a", "peer of a", false)
		s.bind("b", "peer of b", true)
		s.bind("c", "peer of c", false)
		for _, id := range []string{"a", "b", "c"} {
			s.known(id, "peer of "+id)
		}
	}
	s.bind("a", "peer of a", false)
	s.bind("d", "peer of d", true)
	s.known("b", "")
	s.known("a", "peer of a")
	s.known("d", "peer of d")
	for i := range 100 {
		s.bind(fmt.Sprint(i), "x", true)
		if n := s.bound.Len(); n > 3 {
			t.Fatalf("%d sessions in a zone for 3", n)
		}
	}
	// A reload may make it smaller.
	s.max = 1
	s.bind("e", "peer of e", true)
	if n := s.bound.Len(); n != 1 {
		t.Errorf("%d sessions in a zone for 1", n)
	}
	s.known("e", "peer of e")
}
