package web_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/web"
	"tandem/web/message"
	"tandem/web/webtest"
)

// A wait ends when its time has passed, or when the client leaves.
func TestWait(t *testing.T) {
	x := new(webtest.Exchange)
	inMemory(t, "", func(r *web.Request) web.Code {
		if !r.Wait(time.Millisecond) {
			t.Error("the client has not left")
		}
		before := r.Now()
		go x.Leave()
		if r.Wait(time.Minute) {
			t.Error("the client has left")
		}
		if !r.Now().After(before) || !r.HasWaited() {
			t.Error("the time stands still")
		}
		if r.Wait(time.Minute) {
			t.Error("the client had left before")
		}
		return web.StatusClientClosed
	}).Exchange(t, x)
	if got := x.Request.FinalStatus(); got != 499 || x.Status != 0 {
		t.Errorf("%d, answered %d", got, x.Status)
	}
}

// After StopWatch nobody is told.
func TestStopWatch(t *testing.T) {
	x := new(webtest.Exchange)
	inMemory(t, "", func(r *web.Request) web.Code {
		r.WatchClient(func() { t.Error("told after StopWatch") })
		r.StopWatch()
		x.Leave()
		told := make(chan bool, 1)
		r.WatchClient(func() { told <- true })
		<-told
		return answer(r, "")
	}).Exchange(t, x)
}

// Whoever wants to know is told once that the client takes its response slowly.
func TestWhenSlow(t *testing.T) {
	x := new(webtest.Exchange)
	told := 0
	inMemory(t, "", func(r *web.Request) web.Code {
		r.WhenSlow(func() { told++ })
		x.Slow()
		x.Slow()
		r.WhenSlow(func() { told += 10 })
		r.WhenSlow(nil)
		x.Slow()
		return answer(r, "")
	}).Exchange(t, x)
	if told != 1 {
		t.Errorf("told %d", told)
	}
}

// A response that is limited waits, tells who wants to know, and ends when its
// client leaves.
func TestPaceRoom(t *testing.T) {
	x := new(webtest.Exchange)
	slow := 0
	inMemory(t, "limit_rate 1000; limit_rate_after 500;", func(r *web.Request) web.Code {
		r.WhenSlow(func() { slow++ })
		p := web.NewPace(r)
		if !p.Limited() || r.Rate() != 1000 {
			t.Errorf("rate %d", r.Rate())
		}
		n, err := p.Room(1 << 20)
		if n < 1500 || err != nil || slow != 0 {
			t.Errorf("at first %d bytes, %v, slow %d", n, err, slow)
		}
		p.Took(1 << 20)
		x.Leave()
		if n, err := p.Room(1); n != 0 || err == nil || !strings.Contains(err.Error(), "prematurely closed") || slow != 1 {
			t.Errorf("later %d bytes, %v, slow %d", n, err, slow)
		}
		r.SetRate(0)
		if p := web.NewPace(r); p.Limited() {
			t.Error("there is no limit any more")
		}
		return answer(r, "")
	}).Exchange(t, x)
}

// tunnel is an exchange that can be a tunnel.
type tunnel struct {
	*webtest.Exchange
	written string
}

func (c *tunnel) StartTunnel() error { return nil }

func (c *tunnel) TunnelRead(p []byte) (int, error) { return copy(p, "from the client"), nil }

func (c *tunnel) TunnelWrite(p []byte) (int, error) {
	c.written += string(p)
	return len(p), nil
}

// A client is given another protocol only if it asks for one and its carrier can
// leave the connection to it.
func TestTunnel(t *testing.T) {
	tell := func(r *web.Request) web.Code {
		wants, err := r.WantsUpgrade(), r.StartTunnel()
		if err == nil {
			buf := make([]byte, 100)
			n, _ := r.TunnelRead(buf)
			err = r.TunnelWrite(append([]byte("echo "), buf[:n]...))
		}
		return answer(r, fmt.Sprint(wants, err))
	}
	s := inMemory(t, "", tell)
	if x := s.Ask(t, "/", "Upgrade: x"); x.Content != "false "+errors.ErrUnsupported.Error() {
		t.Errorf("no tunnel: %q", x.Content)
	}
	for _, c := range []struct{ field, want string }{{"Upgrade: x", "true <nil>"}, {"X: y", "false <nil>"}} {
		x := &tunnel{Exchange: &webtest.Exchange{Fields: []string{c.field}}}
		s.ExchangeBy(t, x, x.Exchange)
		if x.Content != c.want || x.written != "echo from the client" {
			t.Errorf("%s: %q, %q", c.field, x.Content, x.written)
		}
	}
}

// Interim responses of a back end are passed on where early_hints allows it, and the
// client can understand them.
func TestEarlyHints(t *testing.T) {
	handle := func(r *web.Request) web.Code {
		for range 2 {
			if err := r.SendEarlyHints([]web.ResponseField{{Name: []byte("Link"), Value: []byte("</a>")}, {Name: []byte("X"), Value: []byte("y")}}); err != nil {
				t.Error(err)
			}
		}
		if err := r.SendEarlyHints(nil); err != nil {
			t.Error(err)
		}
		return answer(r, "fine")
	}
	for _, c := range []struct {
		conf    string
		version message.Version
		want    string
	}{
		{"early_hints 1;", 0, "103 Link: </a>, X: y|103 Link: </a>, X: y"},
		{"early_hints 0 $http_none;", 0, ""},
		{"", 0, ""},
		{"early_hints 1;", message.HTTP10, ""},
	} {
		x := inMemory(t, c.conf, handle).Exchange(t, &webtest.Exchange{Version: c.version})
		if got := strings.Join(x.Interim, "|"); got != c.want || x.Content != "fine" {
			t.Errorf("%q: %s", c.conf, got)
		}
	}
}

// UseGET leaves a HEAD what it is.
func TestUseGET(t *testing.T) {
	for method, want := range map[string]string{"POST": "GET", "HEAD": "HEAD", "X": "GET"} {
		x := inMemory(t, "", func(r *web.Request) web.Code {
			r.UseGET()
			r.Response.Set("X-Method", r.MethodName)
			return answer(r, "")
		}).Exchange(t, &webtest.Exchange{Method: method})
		if got := x.Field("X-Method"); got != want {
			t.Errorf("%s: %s", method, got)
		}
	}
}
