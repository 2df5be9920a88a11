package unruly

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/proxy"
	"tandem/proxy/exchange"
	"tandem/web"
	"tandem/web/webtest"
)

var modules = []*web.Module{exchange.Module, proxy.Module}

// seen is what can be told of an exchange from outside.
type seen struct {
	reply
	usable bool // the client's connection takes another request
	reused bool // the back end's connection does
	next   string
	log    []string
}

func (s *seen) String() string {
	text := ""
	for _, i := range s.interim {
		text += fmt.Sprintf("interim %q\n", i)
	}
	body := s.body
	if len(body) > 200 {
		body = fmt.Sprintf("%s... (%d bytes)", body[:200], len(body))
	}
	text += fmt.Sprintf("%s\n%q\nbody %q\nend %s, client usable %v, back end reused %v, next %q\n", s.status, s.fields, body, s.end, s.usable, s.reused, s.next)
	return text + strings.Join(s.log, "\n")
}

// summary is the outline of what was seen: status, body, how it ended, and what
// became of the two connections.
func (s *seen) summary() string {
	status := "none"
	if len(s.status) >= len("HTTP/1.1 200") {
		status = s.status[len("HTTP/1.1 "):][:3]
	}
	body := strconv.Quote(s.body)
	if strings.HasPrefix(s.body, "<html>\r\n<head><title>"+status) {
		body = "page"
	}
	client, back, end := "closed", "fresh", s.end
	if s.brokenOff() {
		end = "cut"
	}
	if s.usable {
		client = "usable"
	}
	if s.reused {
		back = "reused"
	}
	return strings.Join([]string{status, body, end, client, back}, " ")
}

// brokenOff reports whether the client has not got all; one of HTTP/1.0 may not
// be able to tell.
func (s *seen) brokenOff() bool {
	return s.end == "cut" || s.end == "nothing" ||
		s.end == "close" && len(s.log) > 0 && strings.HasPrefix(s.log[len(s.log)-1], "error: ")
}

// judge says what is wrong with what tandem did; "" for nothing.
func (c *misdeed) judge(ours, its *seen) string {
	if ours.next != "HTTP/1.1 200 OK clean complete" {
		return "the next request does not get its answer"
	}
	if c.why != "" {
		log := strings.Join(ours.log, "\n")
		switch {
		case ours.summary() != c.want:
			return "want " + c.want + ", because " + c.why
		case !strings.Contains(log, c.log) || c.log == "" && log != "":
			return fmt.Sprintf("the log should have %q", c.log)
		}
		return ""
	}
	a, b := *ours, *its
	if a.brokenOff() && b.brokenOff() {
		// How much has got through depends on buffers; nginx may hold the head
		// back, too.
		if b.end == "nothing" {
			b.status, b.fields = a.status, a.fields
		}
		short := min(len(a.body), len(b.body))
		a.end, b.end, a.body, b.body = "cut", "cut", a.body[:short], b.body[:short]
	}
	if !a.reused && (c.request != "" || c.behind) {
		// The goroutine that sends a long body may not know yet that it has;
		// nginx may be asked again before it has seen what comes too late.
		b.reused, b.next = false, a.next
	}
	a.log, b.log = likeEachOther(a.log), likeEachOther(b.log)
	if a.String() != b.String() {
		return "not alike"
	}
	return ""
}

// likeEachOther levels differences between logs that mean nothing: how much of a
// line is quoted, what nginx was about when it happened, and its system call;
// tandem does not name the back end once it has left it for a location.
func likeEachOther(log []string) (out []string) {
	for _, line := range log {
		if strings.Contains(line, "is buffered to a temporary file") {
			continue // whose name is anybody's guess
		}
		if before, after, ok := strings.Cut(line, "upstream sent invalid header: "); ok {
			_, after, _ = strings.Cut(after, `" while`)
			line = before + "upstream sent invalid header while" + after
		}
		if strings.Contains(line, "upstream sent more data") || strings.Contains(line, "chunk") {
			line = strings.Replace(line, "while reading response header from upstream", "while reading upstream", 1)
		}
		if before, _, ok := strings.Cut(line, `could not find named location "@none"`); ok {
			line = before + "no such location"
		}
		line = lostConnection.ReplaceAllString(line, "connection lost")
		line = strings.Replace(line, "while sending to client", "while reading upstream", 1)
		out = append(out, line)
	}
	return out
}

// lostConnection is a reset connection that is being written to or read from,
// whichever comes first.
var lostConnection = regexp.MustCompile(`(recv|readv|writev|send|sendfile)\(\) failed \((104: Connection reset by peer|32: Broken pipe)\)` +
	`( while (sending request to upstream|reading response header from upstream))?`)

// variant is one way in which a case is tried.
type variant struct {
	buffering bool
	http11    bool
}

func (v variant) String() string {
	s := "unbuffered"
	if v.buffering {
		s = "buffered"
	}
	if v.http11 {
		return s + "11"
	}
	return s + "10"
}

var variants = []variant{{true, true}, {true, false}, {false, true}, {false, false}}

// misdeed is something that a back end does, or that a client does to it.
type misdeed struct {
	name    string
	steps   []any
	method  string // GET
	request string // header lines and body; "" for no body
	early   bool   // the script begins with the head of the request
	behind  bool   // something comes when the response is complete already
	conf    string // further directives

	// What tandem does when that is not what nginx does, and why.
	why  string
	want string // as seen.summary has it
	log  string // a part of the log
	// http11Only: what HTTP/1.0 has no words for.
	http11Only bool
}

// site is one program in front of a back end.
type site struct {
	addr    string
	backend *backend
	log     func() string
}

// location is the name of a case's upstream and location.
func location(i int, v variant) string { return fmt.Sprintf("u%d-%s", i, v) }

// configuration is the http block for all cases in front of a back end.
func configuration(cases []misdeed, b *backend) string {
	var upstreams, locations strings.Builder
	for i, c := range cases {
		for _, v := range variants {
			name := location(i, v)
			fmt.Fprintf(&upstreams, "upstream %s { server %s; keepalive 4; }\n", name, b.addr)
			buffering := "off"
			if v.buffering {
				buffering = "on"
			}
			fmt.Fprintf(&locations, "location /%s/ { proxy_pass http://%s; proxy_buffering %s; %s }\n", name, name, buffering, c.conf)
			// The request that follows has all the time that it may need.
			fmt.Fprintf(&locations, "location = /%s/next { proxy_pass http://%s; proxy_buffering %s; }\n", name, name, buffering)
		}
	}
	return upstreams.String() + "server_tokens off; keepalive_timeout 60s;\nserver { listen LISTEN; client_max_body_size 64m; client_body_buffer_size 32m;\n" +
		"location /inside/ { internal; proxy_pass http://" + b.addr + "; }\n" +
		"proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_read_timeout 20s;\n" + locations.String() + "}\n"
}

// try does a case at a site.
func (s *site) try(t *testing.T, i int, c *misdeed, v variant) *seen {
	name := location(i, v)
	method := c.method
	if method == "" {
		method = "GET"
	}
	version, keep := "1.1", ""
	if !v.http11 {
		version, keep = "1.0", "Connection: keep-alive\r\n"
	}
	head := func(method, what string) string {
		return method + " /" + name + "/" + what + " HTTP/" + version + "\r\nHost: x\r\nX-Id: " + name + "\r\n" + keep
	}
	dial := func() (net.Conn, *bufio.Reader) {
		conn, err := net.Dial("tcp4", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		return conn, bufio.NewReader(conn)
	}
	conn, br := dial()
	defer func() { _ = conn.Close() }()
	request := c.request
	if request == "" {
		request = "\r\n"
	}
	go func() { _, _ = io.WriteString(conn, head(method, "bad")+request) }()
	out := &seen{reply: readReply(br, method)}
	close(s.backend.take(name))
	select {
	case <-s.backend.end(name):
	case <-time.After(patience):
		t.Errorf("%s: the script of %s does not end: %v", c.name, name, out)
	}
	next := func(conn net.Conn, br *bufio.Reader) reply {
		_, _ = io.WriteString(conn, head("GET", "next")+"\r\n")
		return readReply(br, "GET")
	}
	r := reply{end: "not asked"}
	if out.end == "complete" && !out.closes() {
		r = next(conn, br)
		out.usable = r.end == "complete"
	}
	if !out.usable {
		conn, br := dial()
		r = next(conn, br)
		_ = conn.Close()
	}
	out.next = r.status + " " + r.body + " " + r.end
	for _, f := range r.fields {
		if use, ok := strings.CutPrefix(f, "X-Use: "); ok {
			out.reused = use != "1"
		}
	}
	out.fields = slices.DeleteFunc(out.fields, func(f string) bool {
		return strings.HasPrefix(f, "Server: ") || strings.HasPrefix(f, "Date: ")
	})
	return out
}

// TestDiffers does everything that a back end can do wrong to tandem and to
// nginx, whose clients must see the same unless the table says why not.
func TestDiffers(t *testing.T) {
	t.Parallel()
	cases := slices.Concat(answers, requests)
	mine, its := newBackend(t), newBackend(t)
	for i, c := range cases {
		for _, v := range variants {
			mine.scripts[location(i, v)] = script{steps: c.steps, early: c.early}
			its.scripts[location(i, v)] = script{steps: c.steps, early: c.early}
		}
	}
	n := startNginx(t, configuration(cases, its))
	s := webtest.Start(t, "events {}\nhttp {\n"+strings.ReplaceAll(configuration(cases, mine), "LISTEN", "127.0.0.1:8080")+"}\n", modules, nil)
	tandem := &site{s.Addr(t, "8080"), mine, s.Log}
	peer := &site{n.addr, its, func() string { b, _ := os.ReadFile(n.log); return string(b) }}

	type result struct{ ours, its *seen }
	results := make(map[string]result)
	var mu sync.Mutex
	var wait sync.WaitGroup
	room := make(chan struct{}, 32)
	for i := range cases {
		for _, v := range variants {
			if cases[i].http11Only && !v.http11 {
				continue
			}
			wait.Go(func() {
				room <- struct{}{}
				r := result{its: new(seen)}
				var both sync.WaitGroup
				if cases[i].why == "" {
					both.Go(func() { r.its = peer.try(t, i, &cases[i], v) })
				}
				r.ours = tandem.try(t, i, &cases[i], v)
				both.Wait()
				<-room
				mu.Lock()
				results[location(i, v)] = r
				mu.Unlock()
			})
		}
	}
	wait.Wait()
	ourLog, itsLog := tandem.log(), peer.log()
	for i := range cases {
		for _, v := range variants {
			r, ok := results[location(i, v)]
			if !ok {
				continue
			}
			c := &cases[i]
			request := cmpOr(c.method, "GET") + " /" + location(i, v) + "/bad "
			r.ours.log = logged(ourLog, request, mine.addr)
			r.its.log = logged(itsLog, request, its.addr)
			if wrong := c.judge(r.ours, r.its); wrong != "" {
				t.Errorf("%s, %s: %s\n--- tandem\n%s\n--- nginx %s\n%s", c.name, v, wrong, r.ours, n.version, r.its)
			}
		}
	}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
