package limit_test

import (
	"strings"
	"testing"
	"time"

	"tandem/session"
	"tandem/session/limit"
	"tandem/session/sessiontest"
)

// order knows what the test says of how clients come and leave.
type order struct {
	kept, awaited bool
	earlier       int
	leaving       []func()
}

func (o *order) KeepOrder(*session.Realm)      { o.kept = true }
func (o *order) Earlier(*session.Session) int  { return o.earlier }
func (o *order) AwaitEarlier(*session.Session) { o.awaited = true }
func (o *order) OnLeave(_ *session.Session, f func()) {
	o.leaving = append(o.leaving, f)
}

const connections = `limit_conn_zone $remote_addr zone=c:32k; `

func serve(s *sessiontest.Server, peer string) (session.Code, string) {
	x := s.Session(0, s.Client(peer))
	code := x.Serve()
	return code, x.Value("$limit_conn_status")
}

func TestSessionsOfAKeyAreCounted(t *testing.T) {
	o := new(order)
	s := sessiontest.Start(t, connections+"server { limit_conn c 2; }", limit.Connections(o))
	if !o.kept {
		t.Error("the order is not kept")
	}
	for i, c := range []struct {
		peer   string
		code   session.Code
		status string
	}{
		{"192.0.2.1:1", session.OK, "PASSED"}, {"192.0.2.1:2", session.OK, "PASSED"}, {"192.0.2.1:3", 503, "REJECTED"}, {"192.0.2.2:1", session.OK, "PASSED"},
	} {
		if code, status := serve(s, c.peer); code != c.code || status != c.status {
			t.Errorf("session %d: %d %s, want %d %s", i, code, status, c.code, c.status)
		}
	}
	if want := `limiting connections by zone "c", client: 192.0.2.1, server: test`; !strings.Contains(s.ErrorLog(), want) {
		t.Errorf("the log has %q", s.ErrorLog())
	}
	o.leaving[0]()
	if code, _ := serve(s, "192.0.2.1:4"); code != session.OK {
		t.Errorf("after one has left: %d", code)
	}
}

func TestWhoCameEarlierIsCountedFirst(t *testing.T) {
	o := new(order)
	s := sessiontest.Start(t, connections+"server { limit_conn c 2; }", limit.Connections(o))
	serve(s, "192.0.2.1:1")
	if o.awaited {
		t.Error("somebody was waited for who had not come")
	}
	o.earlier = 1
	if code, _ := serve(s, "192.0.2.1:2"); code != session.OK || !o.awaited {
		t.Errorf("%d, waited: %v", code, o.awaited)
	}
}

func TestNothingIsRefusedInADryRun(t *testing.T) {
	s := sessiontest.Start(t, connections+"server { limit_conn c 1; limit_conn_dry_run on; limit_conn_log_level info; }", limit.Connections(new(order)))
	serve(s, "192.0.2.1:1")
	if code, status := serve(s, "192.0.2.1:2"); code != session.OK || status != "REJECTED_DRY_RUN" {
		t.Errorf("%d %s", code, status)
	}
	if want := `[info] `; !strings.Contains(s.ErrorLog(), want) || !strings.Contains(s.ErrorLog(), "limiting connections, dry run, by zone") {
		t.Errorf("the log has %q", s.ErrorLog())
	}
}

func TestOwnConnectionsAreNotLimited(t *testing.T) {
	s := sessiontest.Start(t, connections+"server { limit_conn c 1; }", limit.Connections(new(order)))
	for range 3 {
		c := s.Client("192.0.2.1:1")
		c.Own = true
		if code := s.Session(0, c).Serve(); code != session.OK {
			t.Errorf("an own one: %d", code)
		}
	}
	serve(s, "192.0.2.1:1")
	if code, _ := serve(s, "192.0.2.1:1"); code != 503 {
		t.Errorf("a client's: %d", code)
	}
}

func TestCountsOutliveAReload(t *testing.T) {
	module := limit.Connections(new(order))
	text := connections + "server { limit_conn c 1; }"
	first := sessiontest.Start(t, text, module)
	serve(first, "192.0.2.1:1")
	next, errs := sessiontest.Load(t, first, text, module)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if code, _ := serve(next, "192.0.2.1:2"); code != 503 {
		t.Errorf("after a reload: %d", code)
	}
	_, errs = sessiontest.Load(t, first, strings.ReplaceAll(text, "$remote_addr", "$remote_port"), module)
	if want := `limit_conn_zone "c" uses the "$remote_port" key while previously it used the "$remote_addr" key`; len(errs) != 1 || errs[0].Msg != want {
		t.Errorf("with another key: %v", errs)
	}
}

func TestWaitingIsTheServers(t *testing.T) {
	var waited []time.Duration
	stays := true
	module := limit.Requests(func(_ *session.Session, d time.Duration) bool {
		waited = append(waited, d)
		return stays
	})
	s := sessiontest.Start(t, "limit_req_zone $remote_addr zone=r:32k rate=1r/m; server { limit_req zone=r burst=2; }", module)
	var codes []session.Code
	for range 4 {
		codes = append(codes, s.Session(0, s.Client("192.0.2.1:1")).Serve())
		stays = len(codes) < 2
	}
	if codes[0] != session.OK || codes[1] != session.OK || codes[2] != 499 || codes[3] != 503 {
		t.Errorf("the answers are %d", codes)
	}
	if len(waited) != 2 || waited[0] <= 50*time.Second || waited[1] <= waited[0] {
		t.Errorf("waited are %v", waited)
	}
}
