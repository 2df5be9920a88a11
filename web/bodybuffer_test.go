package web_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"tandem/web"
	"tandem/web/message"
	"tandem/web/webtest"
)

// Which bodies stay in memory: as in nginx, HTTP/1 lets one of known length be a
// quarter larger than client_body_buffer_size, and what has come with the head takes
// the place that is left in the head's buffer.
func TestBodyBuffer(t *testing.T) {
	for _, c := range []struct {
		version   message.Version
		conf      string
		length    int
		announced bool
		file      bool
	}{
		{message.HTTP2, "client_body_buffer_size 1k;", 1024, true, false},
		{message.HTTP2, "client_body_buffer_size 1k;", 1025, true, true},
		{message.HTTP2, "client_body_buffer_size 1k;", 1025, false, true},
		{message.HTTP11, "client_body_buffer_size 1k;", 1025, true, false},
		{message.HTTP11, "client_body_buffer_size 1k;", 2200, true, false},
		{message.HTTP11, "client_body_buffer_size 1k;", 2400, true, true},
		{message.HTTP11, "client_body_buffer_size 1k;", 2000, false, false},
		{message.HTTP11, "client_body_buffer_size 1k;", 2100, false, true},
		{message.HTTP11, "client_body_buffer_size 1k; client_header_buffer_size 4k;", 4000, true, false},
		{message.HTTP11, "client_body_buffer_size 1k; client_header_buffer_size 4k;", 6000, true, true},
		{message.HTTP11, "", 16 << 10, true, false},
		{message.HTTP11, "client_body_in_file_only on;", 10, true, true},
		{message.HTTP11, "client_body_in_file_only clean;", 10, true, true},
	} {
		var name string
		s := inMemory(t, c.conf, func(r *web.Request) web.Code {
			if code := r.ReadBody(); code != web.OK {
				return code
			}
			v, _ := r.NamedVariable("request_body_file", nil)
			name = string(v)
			return answer(r, fmt.Sprint(r.Body.File != nil, " ", r.Body.Len, " ", r.Body.Read))
		})
		x := s.Exchange(t, &webtest.Exchange{Method: "POST", Version: c.version, Body: []string{strings.Repeat("x", c.length)}, Announced: c.announced})
		if want := fmt.Sprint(c.file, " ", c.length, " ", true); x.Content != want || (name != "") != c.file {
			t.Errorf("%s, %s %d bytes, announced %v: %q, file %q", c.version, c.conf, c.length, c.announced, x.Content, name)
		}
		if !c.file {
			continue
		}
		_, err := os.Stat(name)
		if kept := strings.Contains(c.conf, "only on"); kept != (err == nil) {
			t.Errorf("%s: the file has been kept: %v", c.conf, err)
		}
		if warned := strings.Contains(s.Log(), "a client request body is buffered to a temporary file "+name); warned == strings.Contains(c.conf, "only") {
			t.Errorf("%s: log %s", c.conf, s.Log())
		}
	}
}

// A body that cannot be written anywhere is the server's fault.
func TestBodyNowhere(t *testing.T) {
	s := inMemory(t, "client_body_in_file_only on;", func(r *web.Request) web.Code {
		if err := os.RemoveAll(folderOf(r) + "client_body_temp"); err != nil {
			t.Error(err)
		}
		if err := os.WriteFile(folderOf(r)+"client_body_temp", nil, 0o600); err != nil {
			t.Error(err)
		}
		if code := r.ReadBody(); code != web.OK {
			return code
		}
		return answer(r, "fine")
	})
	x := s.Exchange(t, &webtest.Exchange{Method: "POST", Body: []string{"abc"}})
	if x.Status != 500 || !strings.Contains(s.Log(), "[crit]") {
		t.Errorf("%d, log %s", x.Status, s.Log())
	}
}

// folderOf is the folder of the server that a request is for.
func folderOf(r *web.Request) string { return r.Server.HTTP.Prefix }

// What a configuration answers with: a body, or the place that a redirect leads to.
func TestSendResponse(t *testing.T) {
	for _, c := range []struct {
		status      int
		contentType string
		value       string
		content     string // the beginning
		fields      string
	}{
		{200, "", "text $uri", "text /a.html", "Content-Type: text/html|Content-Length: 12"},
		{200, "a/b", "text", "text", "Content-Type: a/b|Content-Length: 4"},
		{404, "a/b", "text", "text", "Content-Type: a/b|Content-Length: 4"},
		{204, "a/b", "text", "", ""},
		{301, "a/b", "/up$uri", "<html>\r\n<head><title>301 ", "Location: http://localhost:8080/up/a.html"},
		{308, "", "http://b/", "<html>\r\n<head><title>308 ", "Location: http://b/"},
		{302, "", "", "<html>\r\n<head><title>302 ", "Location: "},
	} {
		module := &web.Module{Name: "responds", Init: func(h *web.HTTP) error {
			value, err := h.Template(nil, c.value)
			h.Handle(web.Content, func(r *web.Request) web.Code {
				var contentType []byte
				if c.contentType != "" {
					contentType = []byte(c.contentType)
				}
				return r.SendResponse(c.status, contentType, value)
			})
			return err
		}}
		x := oneServer(t, "", module).Exchange(t, &webtest.Exchange{Target: "/a.html", Body: []string{"dropped"}})
		if x.Status != c.status || !strings.HasPrefix(x.Content, c.content) || c.content == "" && x.Content != "" || !x.Dropped {
			t.Errorf("%d %s: %d %q, dropped %v", c.status, c.value, x.Status, x.Content, x.Dropped)
		}
		for want := range strings.SplitSeq(c.fields, "|") {
			if !strings.Contains(strings.Join(x.Head, "|")+"|", want+"|") {
				t.Errorf("%d %s: %v, want %s", c.status, c.value, x.Head, want)
			}
		}
	}
}
