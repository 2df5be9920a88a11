package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSummarize(t *testing.T) {
	epoch := time.Unix(1000, 0)
	at := func(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }
	refused := errors.New("refused")
	ok := func(ms int, server string) Result { return Result{Begun: at(ms - 1), Ended: at(ms), Server: server} }
	bad := func(ms int) Result { return Result{Begun: at(ms - 25), Ended: at(ms), Err: refused} }
	results := []Result{ok(0, "1"), ok(10, "1"), bad(30), bad(40), ok(90, "2"), ok(100, "2"), ok(110, "1"), bad(200), ok(300, "1")}
	for _, c := range []struct {
		name     string
		from, to int
		want     Summary
	}{
		{"all", -5, 300, Summary{Requests: 9, Failed: 3, Outage: 190 * time.Millisecond, Silence: 190 * time.Millisecond, OutageBegan: at(110),
			Servers: []string{"1", "2", "1"}, Errors: map[string]int{"refused": 3}}},
		{"from within an outage", 12, 105, Summary{Requests: 3, Failed: 1, Outage: 80 * time.Millisecond, Silence: 80 * time.Millisecond, OutageBegan: at(10),
			Servers: []string{"2"}, Errors: map[string]int{"refused": 1}}},
		{"to within an outage", 95, 150, Summary{Requests: 2, Outage: 190 * time.Millisecond, Silence: 190 * time.Millisecond, OutageBegan: at(110),
			Servers: []string{"2", "1"}, Errors: map[string]int{}}},
		{"after the last", 299, 1000, Summary{Requests: 1, Outage: 700 * time.Millisecond, Silence: 700 * time.Millisecond, OutageBegan: at(300),
			Servers: []string{"1"}, Errors: map[string]int{}}},
	} {
		if diff := cmp.Diff(c.want, summarize(results, at(c.from), at(c.to))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	// An error is an answer, too.
	results[3].Status = 502
	if s := summarize(results, at(-5), at(100)); s.Answered != 1 || s.Silence != 50*time.Millisecond || s.Outage != 80*time.Millisecond {
		t.Errorf("with an error among the answers: %+v", s)
	}
}

func TestProbe(t *testing.T) {
	var broken atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken.Load() {
			w.WriteHeader(502)
			return
		}
		fmt.Fprintf(w, "host 01 %s", r.URL.Path)
	}))
	defer server.Close()
	p := Start(Config{
		Dial:    (&net.Dialer{}).DialContext,
		Address: strings.TrimPrefix(server.URL, "http://"),
		Server:  func(body string) string { return body },
	})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	begun := time.Now()
	first, err := p.Wait(ctx, time.Time{}, Result.OK)
	if err != nil || first.Server != "host 01 /" {
		t.Fatalf("%+v, %v", first, err)
	}
	broken.Store(true)
	failed, err := p.Wait(ctx, time.Now(), func(r Result) bool { return !r.OK() })
	if err != nil || failed.Err.Error() != "status 502 Bad Gateway" {
		t.Fatalf("%+v, %v", failed, err)
	}
	broken.Store(false)
	if _, err := p.Wait(ctx, failed.Ended, Result.OK); err != nil {
		t.Fatal(err)
	}
	p.Stop()
	s := p.Summary(begun, time.Time{})
	if s.Failed == 0 || s.Requests <= s.Failed || s.Errors["status 502 Bad Gateway"] != s.Failed {
		t.Errorf("%+v", s)
	}
}

func TestTimeout(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() // accepts nothing: connections stand, answers never come
	p := Start(Config{Dial: (&net.Dialer{}).DialContext, Address: listener.Addr().String(), Timeout: 30 * time.Millisecond})
	defer p.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := p.Wait(ctx, time.Time{}, func(r Result) bool { return true })
	if err != nil || r.OK() || !errors.Is(r.Err, context.DeadlineExceeded) && !strings.Contains(r.Err.Error(), "timeout") {
		t.Errorf("%+v, %v", r, err)
	}
}
