package web_test

import (
	"io"
	"testing"

	"tandem/web"
	"tandem/web/webtest"
)

// The first request of a connection can wait for those that came before it, and
// does not wait for a client that says nothing.
func TestAwaitEarlier(t *testing.T) {
	var order web.Arrivals
	reading, goOn := make(chan bool), make(chan bool)
	type counts struct{ before, after int }
	counted := make(chan counts, 1)
	module := &web.Module{Name: "order", Init: func(h *web.HTTP) error {
		order.KeepOrder(&h.Realm)
		h.Handle(web.PostRead, func(r *web.Request) web.Code {
			if string(r.Path) == "/first" {
				reading <- true
				<-goOn
			}
			return web.Declined
		})
		h.Handle(web.PreAccess, func(r *web.Request) web.Code {
			if string(r.Path) == "/second" {
				before := order.Earlier(&r.Session)
				goOn <- true
				order.AwaitEarlier(&r.Session)
				counted <- counts{before, order.Earlier(&r.Session)}
			}
			return web.Declined
		})
		h.Handle(web.Content, func(r *web.Request) web.Code { return r.SendResponse(204, nil, nil) })
		return nil
	}}
	s := webtest.Start(t, header+`server { listen 127.0.0.1:8080; } }`, []*web.Module{module}, nil)
	silent := s.Dial(t)
	defer silent.Close()
	first := s.Dial(t)
	if _, err := io.WriteString(first, "GET /first HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-reading
	if a := s.Get(t, "/second"); a.Status != 204 {
		t.Errorf("%q", a.Raw)
	}
	if got := <-counted; got != (counts{2, 1}) {
		t.Errorf("connections that were earlier, before and after: %+v", got)
	}
}
