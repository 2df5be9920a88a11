package rewrite

import (
	"testing"

	"tandem/web"
	"tandem/web/webtest"
)

func TestHotPathAllocatesNothing(t *testing.T) {
	measure := &web.Module{Name: "measure", Init: func(h *web.HTTP) error {
		h.Handle(web.Content, func(r *web.Request) web.Code {
			location := r.Location
			if location.IsIf {
				location = location.Outer
			}
			program := settingsSlot.Of(location).program
			if len(program) != 8 {
				t.Errorf("not what was to be measured: %d instructions", len(program))
			}
			if n := testing.AllocsPerRun(100, func() { runAll(program, r, state{quote: true}) }); n > 0 {
				t.Errorf("%v allocations per request", n)
			}
			return r.SendResponse(204, nil, nil)
		})
		return nil
	}}
	s := webtest.Start(t, `events {}
http { server { listen 127.0.0.1:8080; 
	location / {
		set $a b; set $c "$a$uri";
		if ($arg_x) { set $a c; }
		if ($arg_x = yes) { set $a d; }
		if ($http_user_agent ~* (?:bot|spider)) { return 403; }
		if (-f $document_root/nosuch) { break; }
		rewrite ^/other /elsewhere last;
		if ($arg_none) { return 403; }
	} } }`, []*web.Module{Module, measure}, nil)
	if a := s.Get(t, "/?x=yes", "User-Agent: Mozilla"); a.Status != 204 {
		t.Errorf("%q", a.Raw)
	}
}
