package exchange_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/web/ranges"
	"tandem/web/webtest"
)

// Which of a back end's headers clients see, and which are acted on.
func TestResponseHeaders(t *testing.T) {
	const response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: back\r\nDate: yesterday\r\nX-Pad: pad\r\n" +
		"X-A: one\r\nX-A: two\r\nX-B: b\r\nX-Accel-Limit-Rate: 1k\r\nX-Accel-Expires: 5\r\nVary: *\r\n\r\nok"
	b := always(t, response)
	for _, c := range []struct {
		settings string
		sees     []string
		not      string // the names, with spaces around them
	}{
		{"", []string{"X-A: one", "X-A: two", "X-B: b", "Vary: *"}, " X-Pad X-Accel-Limit-Rate X-Accel-Expires "},
		{"proxy_hide_header x-a;", []string{"X-B: b"}, " X-A X-Pad "},
		{"proxy_hide_header X-A; proxy_hide_header x-B;", []string{"Vary: *"}, " X-A X-B "},
		{"proxy_hide_header X-A; proxy_pass_header x-a;", []string{"X-A: one", "X-A: two"}, " X-Pad "},
		{"proxy_pass_header Server; proxy_pass_header date;", []string{"Server: back", "Date: yesterday"}, " X-Pad "},
		{"proxy_pass_header X-Pad;", []string{"X-Pad: pad"}, ""},
		{"proxy_pass_header X-Accel-Expires;", []string{"X-Accel-Expires: 5"}, " X-Accel-Limit-Rate "},
	} {
		s := inMemory(t, "", "location / { proxy_pass http://"+b.addr+"; "+c.settings+" }")
		x := s.Ask(t, "/")
		for _, want := range c.sees {
			if !slices.Contains(x.Head, want) {
				t.Errorf("%s: no %s in %q", c.settings, want, x.Head)
			}
		}
		for _, f := range x.Head {
			if name, _, _ := strings.Cut(f, ":"); strings.Contains(c.not, " "+name+" ") {
				t.Errorf("%s: the client sees %s", c.settings, f)
			}
		}
		if x.Status != 200 || x.Content != "ok" {
			t.Errorf("%s: %d %q", c.settings, x.Status, x.Content)
		}
	}
}

// Headers that this server acts on, unless it is to ignore them.
func TestIgnoreHeaders(t *testing.T) {
	for _, c := range []struct {
		settings, field string
		content         string
		flushed         bool // more than once, at the end
	}{
		{"", "X-Accel-Redirect: /inside", "inside", false},
		{"proxy_ignore_headers X-Accel-Redirect;", "X-Accel-Redirect: /inside", "ok", false},
		{"proxy_ignore_headers X-Accel-Expires Vary;", "X-Accel-Redirect: /inside", "inside", false},
		{"", "X-Accel-Buffering: no", "ok", true},
		{"proxy_ignore_headers X-Accel-Buffering;", "X-Accel-Buffering: no", "ok", false},
		{"proxy_buffering off;", "X-Accel-Buffering: yes", "ok", false},
		{"proxy_buffering off; proxy_ignore_headers X-Accel-Buffering;", "X-Accel-Buffering: yes", "ok", true},
		{"", "X-Accel-Buffering: perhaps", "ok", false},
	} {
		b := always(t, strings.Replace(ok, "\r\n", "\r\n"+c.field+"\r\n", 1))
		s := inMemory(t, "", "location / { proxy_pass http://"+b.addr+"; "+c.settings+" } location /inside { internal; say inside; }")
		if x := s.Ask(t, "/"); x.Content != c.content || x.Flushed > 1 != c.flushed {
			t.Errorf("%s %s: %d %q, flushed %d times", c.settings, c.field, x.Status, x.Content, x.Flushed)
		}
	}
}

// Ranges are the back end's affair, but with force_ranges.
func TestForceRanges(t *testing.T) {
	const response = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n%Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n0123456789"
	for _, c := range []struct {
		settings, field string
		status          int
		content         string
	}{
		{"", "", 200, "0123456789"},
		{"proxy_force_ranges on;", "", 206, "234"},
		{"proxy_force_ranges off;", "Accept-Ranges: bytes\r\n", 200, "0123456789"},
	} {
		b := always(t, strings.Replace(response, "%", c.field, 1))
		s := webtest.New(t, begin+"location / { proxy_pass http://"+b.addr+"; "+c.settings+" } } }", append(slices.Clone(modules), ranges.Module), nil)
		if x := s.Ask(t, "/", "Range: bytes=2-4"); x.Status != c.status || x.Content != c.content {
			t.Errorf("%s %s: %d %q", c.settings, c.field, x.Status, x.Content)
		}
	}
}

// A response is read no faster than the limit allows; it is bytes a second, and there
// is none without buffering, or when it is 0 or nothing.
func TestLimitRate(t *testing.T) {
	const size = 200_000
	b := always(t, "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n"+strings.Repeat("x", size))
	s := inMemory(t, "", "location / { proxy_pass http://"+b.addr+"; proxy_limit_rate $arg_rate; proxy_buffer_size 1k; }"+
		"location /unbuffered { proxy_pass http://"+b.addr+"; proxy_limit_rate 100; proxy_buffering off; }")
	for _, c := range []struct {
		target  string
		atLeast time.Duration
	}{
		{"/?rate=800k", 100 * time.Millisecond}, // all that it waits for but the last buffer
		{"/?rate=0", 0}, {"/?rate=x", 0}, {"/", 0}, {"/unbuffered", 0},
	} {
		from := time.Now()
		x := s.Ask(t, c.target)
		if took := time.Since(from); len(x.Content) != size || took < c.atLeast || c.atLeast == 0 && took > 10*time.Second {
			t.Errorf("%s: %d bytes in %v", c.target, len(x.Content), took)
		}
	}
}

// A client that leaves does not have the rest read at that rate.
func TestLimitRateClientLeaves(t *testing.T) {
	b := always(t, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"+strings.Repeat("x", 100000))
	s := inMemory(t, "", "location / { proxy_pass http://"+b.addr+"; proxy_limit_rate 1; proxy_buffer_size 1k; }")
	x := new(webtest.Exchange)
	done := make(chan bool)
	go func() {
		s.Exchange(t, x)
		close(done)
	}()
	webtest.Await(t, "nobody was asked", func() bool { return len(b.taken()) > 0 })
	x.Leave()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the rest is waited for")
	}
	if !strings.Contains(s.Log(), "client prematurely closed connection") {
		t.Error("the log does not tell that the client has left")
	}
}

// Early hints are bounded by the buffer of the head, and hide what the response hides.
func TestEarlyHintsAreBounded(t *testing.T) {
	hint := "HTTP/1.1 103 Early\r\nLink: </" + strings.Repeat("a", 300) + ">\r\nX-Hidden: 1\r\n\r\n"
	b := always(t, strings.Repeat(hint, 5)+ok)
	s := inMemory(t, "", "early_hints 1; location / { proxy_pass http://"+b.addr+"; proxy_buffer_size 1k; proxy_hide_header X-Hidden; }")
	x := s.Ask(t, "/")
	if len(x.Interim) != 2 || x.Content != "ok" {
		t.Errorf("%d hints before %d %q", len(x.Interim), x.Status, x.Content)
	}
	for _, one := range x.Interim {
		if strings.Contains(one, "X-Hidden") {
			t.Errorf("a hint shows what is hidden: %s", one)
		}
	}
	if !strings.Contains(s.Log(), "upstream sent too big early hints") {
		t.Error("the log does not tell of it")
	}
}
