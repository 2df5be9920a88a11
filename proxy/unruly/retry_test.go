package unruly

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/web"
	"tandem/web/headers"
	"tandem/web/webtest"
)

// failures are the ways in which a try can fail: what the back ends do, what it
// is called in proxy_next_upstream, the status that it counts as, and what the
// log says when another one is asked.
var failures = []struct {
	name   string // also of the location
	steps  []any
	on     string
	status int
	log    string
}{
	{"closed", []any{shut}, "error", 502, "upstream prematurely closed connection while reading response header from upstream"},
	{"reset", []any{reset}, "error", 502, "recv() failed (104: Connection reset by peer) while reading response header from upstream"},
	{"cut", []any{"HTTP/1.1 200 OK\r\nA: ", shut}, "error", 502, "upstream prematurely closed connection while reading response header from upstream"},
	{"silent", []any{awaited}, "timeout", 504, "upstream timed out (110: Connection timed out) while reading response header from upstream"},
	{"garbage", []any{"garbage\r\n", shut}, "invalid_header", 502, "upstream sent no valid HTTP/1.0 header while reading response header from upstream"},
	{"large", []any{ok200 + "A: " + large + "\r\n\r\n", shut}, "invalid_header", 502, "upstream sent too big header while reading response header from upstream"},
	{"500", []any{"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n"}, "http_500", 500, ""},
	{"502", []any{"HTTP/1.1 502 x\r\nContent-Length: 0\r\n\r\n"}, "http_502", 502, ""},
	{"503", []any{"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n"}, "http_503", 503, ""},
	{"504", []any{"HTTP/1.1 504 x\r\nContent-Length: 0\r\n\r\n"}, "http_504", 504, ""},
	{"403", []any{"HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n"}, "http_403", 403, ""},
	{"404", []any{"HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n"}, "http_404", 404, ""},
	{"429", []any{"HTTP/1.1 429 x\r\nContent-Length: 0\r\n\r\n"}, "http_429", 429, ""},
}

// everything is all conditions but non_idempotent, other than that with a name.
func everything(but string) string {
	var words []string
	for _, w := range []string{"error", "timeout", "invalid_header", "http_500", "http_502", "http_503", "http_504", "http_403", "http_404", "http_429", "updating"} {
		if w != but {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

// rules are what proxy_next_upstream may say to a failure, and whether another
// back end is asked: for methods that may be repeated, and for POST.
var rules = []struct {
	name      string
	text      func(on string) string
	get, post bool
}{
	{"named", func(on string) string { return on }, true, false},
	{"twice", func(on string) string { return on + " non_idempotent" }, true, true},
	{"others", everything, false, false},
	{"off", func(on string) string { return on + " non_idempotent off" }, false, false},
}

// askings are the ways to ask: a method, and whether the body is sent as it
// comes.
var askings = []struct {
	name, method string
	streamed     bool
}{
	{"get", "GET", false}, {"put", "PUT", false}, {"post", "POST", false}, {"lock", "LOCK", false}, {"stream", "PUT", true},
}

// retry is one case of TestRetries.
type retry struct {
	name, method, conf string
	streamed           bool
	asked              int // back ends
	status             int // of a failure
	log                string
}

// retries are all cases: every failure with every rule, way to ask and number
// of tries. Two of three back ends fail.
func retries() (all []retry) {
	for _, f := range failures {
		for _, r := range rules {
			for _, a := range askings {
				for tries := range 3 {
					c := retry{name: fmt.Sprintf("%s-%s-%s-%d", f.name, r.name, a.name, tries), method: a.method, streamed: a.streamed, asked: 1, status: f.status, log: f.log}
					c.conf = fmt.Sprintf("proxy_next_upstream %s; proxy_next_upstream_tries %d;", r.text(f.on), tries)
					if a.streamed {
						c.conf += " proxy_request_buffering off;"
					}
					if f.on == "timeout" {
						c.conf += " proxy_read_timeout 1s;"
					}
					again := r.get
					if a.method == "POST" || a.method == "LOCK" {
						again = r.post
					}
					// What has been sent of a body that is not kept cannot be
					// sent again.
					if again && !a.streamed {
						c.asked = []int{3, 1, 2}[tries]
					}
					if c.log == "" && c.asked > 1 {
						c.log = fmt.Sprintf("upstream answered %d, another one is asked while reading response header from upstream", f.status)
					}
					if a.streamed && f.name == "reset" {
						c.log = "" // either direction may be the first to find out
					}
					all = append(all, c)
				}
			}
		}
	}
	return all
}

// TestRetries looks at which back ends are asked after failures, at what the
// variables and the log say of that, and at what the client gets.
func TestRetries(t *testing.T) {
	t.Parallel()
	b := []*backend{newBackend(t), newBackend(t), newBackend(t)}
	scripts := make(map[string][]any)
	for _, f := range failures {
		scripts[f.name] = f.steps
	}
	cases := retries()
	var upstreams, locations strings.Builder
	for _, c := range cases {
		failure, _, _ := strings.Cut(c.name, "-")
		b[0].scripts[c.name] = script{steps: scripts[failure], early: c.streamed}
		b[1].scripts[c.name] = script{steps: scripts[failure], early: c.streamed}
		b[2].scripts[c.name] = script{steps: []any{abc}, early: c.streamed}
		fmt.Fprintf(&upstreams, "upstream %s { server %s weight=3 max_fails=0; server %s weight=2 max_fails=0; server %s max_fails=0; }\n",
			c.name, b[0].addr, b[1].addr, b[2].addr)
		fmt.Fprintf(&locations, "location /%s/ { proxy_pass http://%s; %s }\n", c.name, c.name, c.conf)
	}
	s := webtest.Start(t, "events {}\nhttp {\n"+upstreams.String()+`server { listen 127.0.0.1:8080;
		add_header X-Status $upstream_status always; add_header X-Addr $upstream_addr always;
		`+locations.String()+"} }\n", append([]*web.Module{headers.Module}, modules...), nil)
	replies := make([]reply, len(cases))
	room := make(chan struct{}, 64)
	var wait sync.WaitGroup
	for i := range cases {
		wait.Go(func() {
			room <- struct{}{}
			replies[i] = cases[i].ask(t, s.Dial(t), b[0])
			<-room
		})
	}
	wait.Wait()
	log := s.Log()
	for i := range cases {
		cases[i].judge(t, b, &replies[i], log)
	}
}

// ask sends the request; half of a body that is to be streamed once the first
// back end has been asked.
func (c *retry) ask(t *testing.T, conn net.Conn, first *backend) reply {
	defer func() { _ = conn.Close() }()
	request := c.method + " /" + c.name + "/bad HTTP/1.1\r\nHost: x\r\nX-Id: " + c.name + "\r\n"
	switch {
	case c.streamed:
		request += "Content-Length: 2\r\n\r\nb"
	case c.method == "GET":
		request += "\r\n"
	default:
		request += withLength(2, "")
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Error(err)
	}
	if c.streamed {
		for until := time.Now().Add(patience); first.started(c.name) == 0 && time.Now().Before(until); {
			time.Sleep(time.Millisecond)
		}
		_, _ = io.WriteString(conn, "b") // too late for some
	}
	return readReply(bufio.NewReader(conn), c.method)
}

// judge holds the outcome against what is expected.
func (c *retry) judge(t *testing.T, b []*backend, r *reply, log string) {
	var addrs, statuses []string
	status := c.status
	for n := range c.asked {
		if n == 2 {
			status = 200
		}
		addrs = append(addrs, b[n].addr)
		statuses = append(statuses, fmt.Sprint(status))
	}
	field := func(name string) string {
		for _, f := range r.fields {
			if value, ok := strings.CutPrefix(f, name+": "); ok {
				return value
			}
		}
		return ""
	}
	if !strings.HasPrefix(r.status, fmt.Sprintf("HTTP/1.1 %d ", status)) || r.end != "complete" {
		t.Errorf("%s: the client got %q %s, want %d", c.name, r.status, r.end, status)
	}
	if got, want := field("X-Status"), strings.Join(statuses, ", "); got != want {
		t.Errorf("%s: $upstream_status is %q, want %q", c.name, got, want)
	}
	if got, want := field("X-Addr"), strings.Join(addrs, ", "); got != want {
		t.Errorf("%s: $upstream_addr is %q, want %q", c.name, got, want)
	}
	for n, back := range b {
		got, want := back.started(c.name), 0
		if n < c.asked {
			want = 1
		}
		if got != want {
			t.Errorf("%s: back end %d was asked %d times, want %d", c.name, n, got, want)
		}
	}
	if c.log == "" {
		return
	}
	for n := range min(c.asked, 2) {
		if n == c.asked-1 && strings.Contains(c.log, "another one") {
			break // it was the last one, whose answer the client gets
		}
		want := fmt.Sprintf("%s, client: 127.0.0.1, server: , request: \"%s /%s/bad HTTP/1.1\", upstream: \"http://%s/%s/bad\", host: \"x\"",
			c.log, c.method, c.name, b[n].addr, c.name)
		if !strings.Contains(log, want) {
			t.Errorf("%s: the log does not say %q", c.name, want)
		}
	}
}
