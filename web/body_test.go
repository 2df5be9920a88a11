package web_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"tandem/internal/flow"
	"tandem/web"
	"tandem/web/message"
	"tandem/web/webtest"
)

// readAndTell reads the body and answers with what it is.
func readAndTell(r *web.Request) web.Code {
	r.BodyInFile = len(r.Args) > 0
	if code := r.ReadBody(); code != web.OK {
		return code
	}
	text, b := string(r.Body.Data), &r.Body
	if b.File != nil {
		content, err := io.ReadAll(io.NewSectionReader(b.File, 0, b.Len+1))
		text = fmt.Sprintf("file %s %v", content, err)
	}
	length, _ := r.NamedVariable("content_length", nil)
	request, _ := r.NamedVariable("request_body", nil)
	return answer(r, fmt.Sprintf("%s, %d bytes, read %v, $content_length %s, $request_body %s", text, b.Len, b.Read, length, request))
}

func TestReadBody(t *testing.T) {
	pieces := []string{"abc", "de", "f"}
	large := strings.Repeat("x", 3000)
	for _, c := range []struct {
		name, conf string
		x          *webtest.Exchange
		status     int
		want       string
	}{
		{"none", "", &webtest.Exchange{}, 200, ", 0 bytes, read true, $content_length , $request_body "},
		{"announced", "", &webtest.Exchange{Body: pieces, Announced: true}, 200, "abcdef, 6 bytes, read true, $content_length 6, $request_body abcdef"},
		{"not announced", "", &webtest.Exchange{Body: pieces}, 200, "abcdef, 6 bytes, read true, $content_length 6, $request_body abcdef"},
		{"too large for the buffer", "client_body_buffer_size 1k;", &webtest.Exchange{Body: []string{large}, Announced: true}, 200,
			"file " + large + " <nil>, 3000 bytes, read true, $content_length 3000, $request_body "},
		{"too large for the buffer, not announced", "client_body_buffer_size 1k;", &webtest.Exchange{Body: []string{large}}, 200,
			"file " + large + " <nil>, 3000 bytes, read true, $content_length 3000, $request_body "},
		{"hardly too large for the buffer, as HTTP/2 has it", "client_body_buffer_size 2900;", &webtest.Exchange{Body: []string{large}, Announced: true}, 200,
			"file " + large + " <nil>, 3000 bytes, read true, $content_length 3000, $request_body "},
		{"as large as the buffer", "client_body_buffer_size 3000;", &webtest.Exchange{Body: []string{large}, Announced: true}, 200,
			large + ", 3000 bytes, read true, $content_length 3000, $request_body " + large},
		{"wanted in a file", "", &webtest.Exchange{Target: "/?file", Body: pieces}, 200, "file abcdef <nil>, 6 bytes, read true, $content_length 6, $request_body "},
		{"none, wanted in a file", "", &webtest.Exchange{Target: "/?file"}, 200, "file  <nil>, 0 bytes, read true, $content_length , $request_body "},
		{"in files only", "client_body_in_file_only clean;", &webtest.Exchange{Body: pieces}, 200, "file abcdef <nil>, 6 bytes, read true, $content_length 6, $request_body "},
		{"announced as too large", "client_max_body_size 5;", &webtest.Exchange{Body: pieces, Announced: true}, 413, ""},
		{"found to be too large", "client_max_body_size 5;", &webtest.Exchange{Body: pieces}, 413, ""},
		{"no limit", "client_max_body_size 0;", &webtest.Exchange{Body: pieces}, 200, "abcdef, 6 bytes, read true, $content_length 6, $request_body abcdef"},
		{"faulty", "", &webtest.Exchange{Body: pieces, BodyEnd: message.Bad(400, "client sent nonsense")}, 400, ""},
	} {
		x := inMemory(t, c.conf, readAndTell).Exchange(t, c.x)
		if x.Status != c.status || c.want != "" && x.Content != c.want {
			t.Errorf("%s: %d %q", c.name, x.Status, x.Content)
		}
		if broken := c.status >= 400; (x.Request.Ending() != web.Stays) != broken {
			t.Errorf("%s: ending %d", c.name, x.Request.Ending())
		}
	}
}

// A body whose client is too slow or leaves has no answer.
func TestReadBodyFails(t *testing.T) {
	for _, c := range []struct {
		err      error
		status   int
		answered bool
		slow     bool
		log      string
	}{
		{os.ErrDeadlineExceeded, 408, false, true, "client timed out (110: Connection timed out) while reading client request body"},
		{io.ErrUnexpectedEOF, 400, true, false, "client prematurely closed connection while reading client request body"},
		{message.Bad(400, "client sent nonsense"), 400, true, false, "client sent nonsense"},
	} {
		s := inMemory(t, "reset_timedout_connection on;", readAndTell)
		x := s.Exchange(t, &webtest.Exchange{Body: []string{"ab"}, BodyEnd: c.err})
		if got := x.Request.FinalStatus(); got != c.status || (x.Status != 0) != c.answered || x.TooSlow != c.slow || x.Reset != c.slow {
			t.Errorf("%v: status %d, answered %d, too slow %v, reset %v", c.err, got, x.Status, x.TooSlow, x.Reset)
		}
		if x.Request.Broken() == c.answered || !strings.Contains(s.Log(), c.log) {
			t.Errorf("%v: broken %v, log %s", c.err, x.Request.Broken(), s.Log())
		}
	}
}

// A client that waits for leave to send its body is given it once, and not when it
// has been refused.
func TestExpectContinue(t *testing.T) {
	for _, c := range []struct {
		name, conf string
		handle     web.Handler
		version    message.Version
		want       string
	}{
		{"read", "", readAndTell, 0, "100"},
		{"discarded", "", func(r *web.Request) web.Code {
			r.DiscardBody()
			r.DiscardBody()
			return answer(r, "")
		}, 0, "100"},
		{"refused", "", func(*web.Request) web.Code { return 403 }, 0, ""},
		{"refused with a page", "error_page 403 /page; location /page { say page; }", func(r *web.Request) web.Code { return 403 }, 0, ""},
		{"made a success of", "error_page 403 =200 /page; location /page { say page; }", func(r *web.Request) web.Code {
			if string(r.Path) == "/page" {
				return web.Declined
			}
			return 403
		}, 0, "100"},
		{"too large", "client_max_body_size 1;", readAndTell, 0, ""},
		{"HTTP/1.0", "", readAndTell, message.HTTP10, ""},
	} {
		x := inMemory(t, c.conf, c.handle).Exchange(t, &webtest.Exchange{Version: c.version, Body: []string{"abc"}, Announced: true, Fields: []string{"Expect: 100-continue"}})
		if got := strings.Join(x.Interim, "|"); got != c.want {
			t.Errorf("%s: %q, want %q; %d %s", c.name, got, c.want, x.Status, x.Content)
		}
	}
}

// What has come of a body that nobody wants may be faulty: that is the answer then,
// unless the request is refused anyway.
func TestDiscardBody(t *testing.T) {
	discard := func(status web.Code) web.Handler {
		return func(r *web.Request) web.Code {
			if r.DiscardBody(); !r.BodyDiscarded() {
				t.Error("not discarded")
			}
			if status != 200 {
				return status
			}
			return answer(r, "fine")
		}
	}
	for _, c := range []struct {
		status web.Code
		faulty error
		want   int
	}{
		{200, nil, 200}, {200, message.Bad(400, "faulty"), 400}, {403, nil, 403}, {403, message.Bad(400, "faulty"), 403},
	} {
		x := inMemory(t, "", discard(c.status)).Exchange(t, &webtest.Exchange{Body: []string{"abc"}, Faulty: c.faulty})
		if x.Status != c.want || !x.Dropped {
			t.Errorf("%d, faulty %v: %d, dropped %v", c.status, c.faulty, x.Status, x.Dropped)
		}
	}
	// One that has been read is not dropped.
	x := inMemory(t, "", func(r *web.Request) web.Code {
		if code := r.ReadBody(); code != web.OK {
			return code
		}
		r.DiscardBody()
		return answer(r, string(r.Body.Data))
	}).Exchange(t, &webtest.Exchange{Body: []string{"abc"}})
	if x.Dropped || x.Content != "abc" {
		t.Errorf("dropped %v, %q", x.Dropped, x.Content)
	}
}

// ReadEarlyBody takes what has come with the head; the rest is read as it comes.
func TestEarlyBody(t *testing.T) {
	var x *webtest.Exchange
	handle := func(r *web.Request) web.Code {
		if code := r.ReadEarlyBody(); code != web.OK {
			return code
		}
		early, whole := string(r.Body.Data), r.Body.Read
		if !whole {
			if _, err := r.ReadBodyNow(make([]byte, 1)); !errors.Is(err, flow.ErrNotYet) {
				t.Errorf("ReadBodyNow: %v", err)
			}
			x.Continue("more", " to come")
		}
		rest, err := io.ReadAll(r.BodyReader())
		if err != nil || !r.BodyComplete() {
			t.Errorf("the rest: %v, complete %v", err, r.BodyComplete())
		}
		return answer(r, fmt.Sprintf("%s, whole %v, then %s", early, whole, rest))
	}
	for _, c := range []struct {
		end    error
		conf   string
		status int
		want   string
	}{
		{nil, "", 200, "abcdef, whole true, then "},
		{flow.ErrNotYet, "", 200, "abcdef, whole false, then more to come"},
		{flow.ErrNotYet, "client_max_body_size 5;", 413, ""},
	} {
		x = &webtest.Exchange{Body: []string{"abc", "def"}, BodyEnd: c.end}
		inMemory(t, c.conf, handle).Exchange(t, x)
		if x.Status != c.status || c.want != "" && x.Content != c.want {
			t.Errorf("%v: %d %q", c.end, x.Status, x.Content)
		}
	}
}

// InterruptBody ends a read on another goroutine, and ResumeBody has it go on.
func TestInterruptBody(t *testing.T) {
	x := &webtest.Exchange{Body: []string{}, BodyEnd: flow.ErrNotYet}
	inMemory(t, "", func(r *web.Request) web.Code {
		read := make(chan error)
		go func() {
			_, err := r.BodyReader().Read(make([]byte, 10))
			read <- err
		}()
		r.InterruptBody()
		if err := <-read; !errors.Is(err, flow.ErrInterrupted) {
			t.Errorf("%v", err)
		}
		r.ResumeBody()
		x.Continue("rest")
		rest, err := io.ReadAll(r.BodyReader())
		return answer(r, fmt.Sprint(string(rest), err))
	}).Exchange(t, x)
	if x.Content != "rest<nil>" {
		t.Errorf("%q", x.Content)
	}
}

// The file of a body goes with the request, unless it is taken or to be kept.
func TestBodyFile(t *testing.T) {
	for _, c := range []struct {
		conf  string
		take  bool
		stays bool
	}{
		{"", false, false}, {"", true, true}, {"client_body_in_file_only on;", false, true}, {"client_body_in_file_only clean;", false, false},
	} {
		var name string
		x := inMemory(t, c.conf, func(r *web.Request) web.Code {
			r.BodyInFile = true
			if code := r.ReadBody(); code != web.OK {
				return code
			}
			file, _ := r.NamedVariable("request_body_file", nil)
			if name = string(file); c.take {
				name = r.TakeBodyFile()
			}
			return answer(r, "")
		}).Exchange(t, &webtest.Exchange{Body: []string{"abc"}})
		content, err := os.ReadFile(name)
		if x.Status != 200 || (err == nil) != c.stays || c.stays && string(content) != "abc" {
			t.Errorf("%q, taken %v: %d, file %q: %q %v", c.conf, c.take, x.Status, name, content, err)
		}
	}
}
