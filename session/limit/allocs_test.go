package limit

import (
	"testing"

	"tandem/web"
	"tandem/web/webtest"
)

func TestHotPathAllocatesNothing(t *testing.T) {
	measure := &web.Module{Name: "measure", Init: func(h *web.HTTP) error {
		h.Handle(web.Content, func(r *web.Request) web.Code {
			for name, again := range map[string]func(){
				"limit_req":  func() { requestOutcome.Set(&r.Session, nil); limitRequests(&r.Session, web.Wait) },
				"limit_conn": func() { connOutcome.Set(&r.Session, nil); limitConnections(&r.Session, web.Arrivals{}) },
			} {
				if n := testing.AllocsPerRun(100, again); n > 0 {
					t.Errorf("%s: %v allocations per request", name, n)
				}
			}
			if requestOutcome.Of(&r.Session) != &passed || connOutcome.Of(&r.Session) != &passed {
				t.Error("not what was to be measured")
			}
			return 204
		})
		return nil
	}}
	s := webtest.Start(t, `events {}
http {
	limit_req_zone $remote_addr zone=r:1m rate=1000000r/s; limit_req_zone $uri zone=q:1m rate=1000000r/s; limit_conn_zone $remote_addr zone=c:1m;
	server { listen 127.0.0.1:8080; limit_req zone=r burst=1000000 nodelay; limit_req zone=q burst=1000000 nodelay; limit_conn c 65000; } }`,
		[]*web.Module{web.Shared(Requests(web.Wait)), web.Shared(Connections(web.Arrivals{})), measure}, nil)
	if a := s.Get(t, "/"); a.Status != 204 {
		t.Errorf("%q", a.Raw)
	}
}
