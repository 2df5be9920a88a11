package answer_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	nc "tandem/nginxconf"
	"tandem/proxy/answer"
	"tandem/web"
	"tandem/web/openfile"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

// sample is a module that answers with the fields of a request, as if a back end
// had sent them: those whose names begin with "Up-", without that.
//
//	sample;
//	sample_hide_header name; sample_ignore_headers name ...; and so on
var sample = &web.Module{
	Name: "sample",
	Commands: append(answer.Commands("sample", func(s *nc.Scope) *answer.Settings { return settings.Of(web.BlockOf(s).Location) }),
		nc.Command{Name: "sample", In: nc.Location, Arity: nc.NoArgs, Set: func(s *nc.Scope, _ *nc.Directive) error {
			web.BlockOf(s).Location.Handler = handle
			return nil
		}}),
}

var settings = web.NewLocationSlot(func(c, p *answer.Settings) error {
	c.Inherit(p, &answer.Defaults{Hidden: []string{"Date", "Server"}, OwnServer: true})
	return nil
})

// rewriter replaces "back" by "front" in URLs, and adds to cookies.
type rewriter struct{}

func (rewriter) RewritesLocations() bool { return true }
func (rewriter) RewriteLocation(url []byte) ([]byte, bool) {
	s := strings.Replace(string(url), "http://back", "", 1)
	return []byte(s), s != string(url)
}
func (rewriter) RewriteCookie(v []byte) []byte { return append(slices.Clone(v), "; secure"...) }

func handle(r *web.Request) web.Code {
	a := answer.Answer{Buffering: true}
	a.Head.Reset()
	a.Head.Status, a.Head.StatusLine = 200, []byte("200 OK")
	for _, f := range r.Head.Fields {
		if name, ok := strings.CutPrefix(string(f.Name), "Up-"); ok {
			if old, err := a.Head.Add(answer.NewField([]byte(name), f.Value)); err != nil || old != nil {
				r.Response.AddBytes([]byte("X-Complaint"), []byte("yes"))
			}
		}
	}
	var rw answer.Rewriter
	if len(r.Args) > 0 {
		rw = rewriter{}
	}
	c := settings.Of(r.Location)
	if uri, ok := a.Redirect(r, c, rw); ok {
		code, safe := answer.Follow(r, uri)
		if !safe {
			r.Logf(3, "unsafe %s", uri)
		}
		return code
	}
	a.CopyHead(r, c, rw)
	if !a.Buffering {
		r.Response.AddBytes([]byte("X-Buffering"), []byte("no"))
	}
	if charset := r.Response.OverrideCharset; charset != nil {
		r.Response.AddBytes([]byte("X-Charset"), charset)
	}
	if code := r.SendHeader(); code != web.OK {
		return code
	}
	a.Head.Trailers = append(a.Head.Trailers, answer.NewField([]byte("X-Sum"), []byte("1")), answer.NewField([]byte("X-Hidden"), []byte("1")))
	a.CopyTrailers(r, c)
	return r.SendBody(web.Chunk{Data: []byte("body"), Last: true})
}

// What of an answer's head the client gets, and what is done besides.
func TestCopyHead(t *testing.T) {
	s := webtest.New(t, `events {}
http { server { listen 127.0.0.1:8080; absolute_redirect off;
	location / { sample; sample_hide_header X-Hidden; sample_hide_header ETag; }
	location /pass/ { sample; sample_pass_header Server; sample_pass_header Date; sample_pass_header X-Accel-Charset; }
	location /ranges/ { sample; sample_force_ranges on; }
	location /ignore/ { sample; sample_ignore_headers X-Accel-Redirect X-Accel-Buffering X-Accel-Charset X-Accel-Limit-Rate; }
	location /inside { return 200 "inside $uri $args $sent_http_set_cookie $sent_http_x_other"; }
	location @named { return 200 "named"; }
} }`, append([]*web.Module{sample, rewrite.Module}, webtest.Say...), nil)
	for _, c := range []struct {
		target string
		up     []string
		want   []string // fields besides those of the server
		not    []string // names
	}{
		{"/", []string{"X-One: 1", "X-Hidden: 2", "ETag: \"x\"", "Server: back", "Date: never"}, []string{"X-One: 1", "Server: nginx"}, []string{"X-Hidden", "ETag"}},
		{"/", []string{"Connection: close", "Keep-Alive: 5", "Transfer-Encoding: chunked"}, nil, []string{"Connection", "Keep-Alive", "Transfer-Encoding"}},
		{"/", []string{"Set-Cookie: a", "Set-Cookie: b", "Vary: x", "Vary: y"}, []string{"Set-Cookie: a", "Set-Cookie: b", "Vary: x", "Vary: y"}, []string{"X-Complaint"}},
		{"/", []string{"ETag: a", "ETag: b"}, []string{"X-Complaint: yes"}, nil},
		{"/", []string{"Content-Length: 4", "Content-Length: 4"}, []string{"X-Complaint: yes", "Content-Length: 4"}, nil},
		{"/", []string{"Content-Length: 4", "Transfer-Encoding: chunked"}, []string{"X-Complaint: yes"}, nil},
		{"/", []string{"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "Accept-Ranges: bytes"}, []string{"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "Accept-Ranges: bytes"}, nil},
		{"/", []string{"Content-Type: text/x", "X-Accel-Charset: koi8-r"}, []string{"Content-Type: text/x", "X-Charset: koi8-r"}, []string{"X-Accel-Charset"}},
		{"/ignore/", []string{"X-Accel-Charset: koi8-r"}, nil, []string{"X-Charset"}},
		{"/pass/", []string{"Server: back", "Date: never", "X-Accel-Charset: x"}, []string{"Server: back", "Date: never", "X-Accel-Charset: x"}, nil},
		{"/pass/", nil, nil, []string{"Server", "Date"}},
		{"/", []string{"X-Accel-Buffering: no"}, []string{"X-Buffering: no"}, nil},
		{"/", []string{"X-Accel-Buffering: yes"}, nil, []string{"X-Buffering"}},
		{"/ignore/", []string{"X-Accel-Buffering: no"}, nil, []string{"X-Buffering"}},
		{"/ranges/", []string{"Accept-Ranges: none"}, nil, []string{"Accept-Ranges"}},
		{"/", []string{"Location: http://back/a"}, []string{"Location: http://back/a"}, nil},
		{"/?rewrite", []string{"Location: http://back/a"}, []string{"Location: /a"}, nil},
		{"/?rewrite", []string{"Location: http://other/a"}, []string{"Location: http://other/a"}, nil},
		{"/?rewrite", []string{"Refresh: 5; URL=http://back/a"}, []string{"Refresh: 5; URL=/a"}, nil},
		{"/?rewrite", []string{"Refresh: 5"}, []string{"Refresh: 5"}, nil},
		{"/?rewrite", []string{"Set-Cookie: a"}, []string{"Set-Cookie: a; secure"}, nil},
	} {
		var fields []string
		for _, f := range c.up {
			fields = append(fields, "Up-"+f)
		}
		x := s.Ask(t, c.target, fields...)
		for _, want := range c.want {
			if !slices.ContainsFunc(x.Head, func(f string) bool { return f == want || strings.HasPrefix(f, want+"/") }) {
				t.Errorf("%s %q: %q lacks %q", c.target, c.up, x.Head, want)
			}
		}
		for _, name := range c.not {
			if value := x.Field(name); value != "" {
				t.Errorf("%s %q: there is %s: %s", c.target, c.up, name, value)
			}
		}
		if x.Content != "body" || !slices.Contains(x.Trailer, "X-Sum: 1") || slices.Contains(x.Trailer, "X-Hidden: 1") != (c.target != "/" && !strings.HasPrefix(c.target, "/?")) {
			t.Errorf("%s: %q %q", c.target, x.Content, x.Trailer)
		}
	}
	for _, c := range []struct{ target, to, content string }{
		{"/", "/inside%20?a=b", "inside /inside  a=b c=d "},
		{"/", "@named", "named"},
		{"/", "/../x", ""},
		{"/ignore/", "/inside", "body"},
	} {
		x := s.Exchange(t, &webtest.Exchange{Method: "POST", Target: c.target, Fields: []string{"Up-X-Accel-Redirect: " + c.to, "Up-Set-Cookie: c=d", "Up-X-Other: gone"}})
		if c.content == "" {
			if x.Status != 404 || !strings.Contains(s.Log(), "unsafe /../x") {
				t.Errorf("%s: %d", c.to, x.Status)
			}
		} else if x.Content != c.content {
			t.Errorf("%s: %d %q, want %q", c.to, x.Status, x.Content, c.content)
		}
	}
}

// A copy is there when it is complete, and not before; what was given up leaves
// nothing behind.
func TestCopy(t *testing.T) {
	dir := t.TempDir()
	temp := filepath.Join(dir, "temp")
	if err := os.Mkdir(temp, 0o755); err != nil {
		t.Fatal(err)
	}
	create := func() (*os.File, error) { return os.CreateTemp(temp, "") }
	left := func() int {
		list, err := os.ReadDir(temp)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	to := filepath.Join(dir, "a")
	c := &answer.Copy{To: to, Create: create}
	if !c.Live() || c.Size() != 0 || left() != 0 {
		t.Error("something is there before anything was written")
	}
	for i, piece := range []string{"one", "two"} {
		if off, err := c.Write([]byte(piece)); err != nil || off != int64(3*i) {
			t.Error(off, err)
		}
	}
	if _, err := os.Stat(to); err == nil || left() != 1 {
		t.Error("it is in its place before it is complete")
	}
	if err := c.Keep(openfile.Move{Access: 0o600}); err != nil || c.Live() {
		t.Error(err)
	}
	c.Close()
	if b, err := os.ReadFile(to); err != nil || string(b) != "onetwo" || left() != 0 {
		t.Errorf("%q, %v, %d left", b, err, left())
	}

	dropped := &answer.Copy{To: filepath.Join(dir, "b"), Create: create}
	_, _ = dropped.Write([]byte("one"))
	dropped.Drop()
	b := make([]byte, 3)
	if _, err := dropped.File().ReadAt(b, 0); err != nil || string(b) != "one" {
		t.Errorf("what has been written cannot be read any more: %q, %v", b, err)
	}
	dropped.Close()
	if _, err := os.Stat(filepath.Join(dir, "b")); err == nil || left() != 0 {
		t.Error("what was given up is there")
	}

	empty := &answer.Copy{To: filepath.Join(dir, "c"), Create: create}
	if err := empty.Keep(openfile.Move{}); err != nil {
		t.Error(err)
	}
	empty.Close()
	if info, err := os.Stat(filepath.Join(dir, "c")); err != nil || info.Size() != 0 {
		t.Error(err)
	}

	nowhere := &answer.Copy{To: filepath.Join(dir, "no", "d"), Create: create}
	_, _ = nowhere.Write([]byte("one"))
	if err := nowhere.Keep(openfile.Move{}); err == nil || nowhere.Live() || left() != 0 {
		t.Error("a place that there is not was found", err)
	}
	nowhere.Close()

	failing := &answer.Copy{To: filepath.Join(dir, "e"), Create: func() (*os.File, error) { return nil, os.ErrPermission }}
	if off, err := failing.Write([]byte("x")); err != os.ErrPermission || off != -1 || failing.Live() {
		t.Error(off, err)
	}
	failing.Close()
	if (*answer.Copy)(nil).Live() {
		t.Error("no copy is alive")
	}
}

func TestDropAndClone(t *testing.T) {
	var h answer.Head
	h.Reset()
	for _, name := range []string{"Age", "A", "Date", "B", "Age", "ETag"} {
		if _, err := h.Add(answer.NewField([]byte(name), []byte("1"))); err != nil {
			t.Fatal(err)
		}
	}
	before := h.Clone()
	h.Drop(func(f *answer.Field) bool { return f.ID == answer.FieldAge || string(f.Name) == "B" })
	names := ""
	for _, f := range h.Fields {
		names += string(f.Name) + " "
	}
	if names != "A Date ETag " || h.Get(answer.FieldAge) != nil || string(h.Get(answer.FieldETag).Name) != "ETag" || string(h.Get(answer.FieldDate).Name) != "Date" {
		t.Errorf("%q are left", names)
	}
	if len(before.Fields) != 6 || string(before.Get(answer.FieldETag).Name) != "ETag" || string(before.Fields[1].Name) != "A" {
		t.Errorf("the clone has changed: %q", before.Fields)
	}
}
