package web_test

import (
	"fmt"
	"strings"
	"testing"

	"tandem/session"
	"tandem/web"
	"tandem/web/webtest"
)

// respond answers a request with what f makes of its response.
func respond(f func(r *web.Request)) web.Handler {
	return func(r *web.Request) web.Code {
		r.Response.Status, r.Response.OmitServer, r.Response.OmitDate = 200, true, true
		f(r)
		if code := r.SendHeader(); code != web.OK || r.HeaderOnly {
			return code
		}
		return r.SendBody(web.Chunk{Last: true})
	}
}

// The fields of a response: case does not matter, order does.
func TestResponseFields(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(p *web.Response)
		want   string
	}{
		{"added", func(p *web.Response) { p.Add("D", []byte("4")) }, "A: 1|B: 2|a: 3|D: 4"},
		{"set", func(p *web.Response) { p.Set("A", []byte("4")) }, "B: 2|A: 4"},
		{"removed", func(p *web.Response) { p.Del("a") }, "B: 2"},
		{"replaced", func(p *web.Response) { p.Replace("a", "C", []byte("4")) }, "C: 4|B: 2"},
		{"replaced by nothing", func(p *web.Response) { p.Replace("a", "C", nil) }, "B: 2"},
		{"replaced without one", func(p *web.Response) { p.Replace("x", "C", []byte("4")) }, "A: 1|B: 2|a: 3|C: 4"},
		{"asked for", func(p *web.Response) {
			p.Add("D", fmt.Appendf(nil, "%s %v %v %d", p.Get("a"), p.Get("x") == nil, p.Has("b") && !p.Has("x"), len(p.Fields())))
		}, "A: 1|B: 2|a: 3|D: 1 true true 3"},
		{"a tag", func(p *web.Response) { p.SetETag([]byte("x")); p.SetETag([]byte(`"y"`)) }, `A: 1|B: 2|a: 3|ETag: "y"`},
		{"no tag", func(p *web.Response) { p.SetETag([]byte("x")); p.SetETag(nil) }, "A: 1|B: 2|a: 3"},
		{"a length that is not known", func(p *web.Response) { p.ContentLength = 3; p.ClearContentLength() }, "A: 1|B: 2|a: 3"},
	} {
		x := inMemory(t, "", respond(func(r *web.Request) {
			for _, f := range []string{"A1", "B2", "a3"} {
				r.Response.Add(f[:1], []byte(f[1:]))
			}
			c.change(&r.Response)
		})).Ask(t, "/")
		if got := fieldsOf(x); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Entity tags of files, and what becomes of a tag when the bytes of a body change.
func TestETags(t *testing.T) {
	for _, c := range []struct{ conf, tag, want string }{
		{"", "file", `"2ebd3c71-a"`},
		{"etag off;", "file", ""},
		{"", `"x"`, `W/"x"`},
		{"", `W/"x"`, `W/"x"`},
		{"", `x`, ""},
		{"", "none", ""},
	} {
		x := inMemory(t, c.conf, respond(func(r *web.Request) {
			switch c.tag {
			case "none":
				r.WeakenETag()
			case "file":
				r.Response.LastModified, r.Response.ContentLength = 784153713, 10
				r.SetFileETag()
				if string(r.Response.ETag()) != c.want {
					t.Errorf("tag %s", r.Response.ETag())
				}
			default:
				r.Response.SetETag([]byte(c.tag))
				r.WeakenETag()
			}
		})).Ask(t, "/")
		if got := x.Field("ETag"); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.conf, c.tag, got, c.want)
		}
	}
}

// A Content-Type of a back end is sent as it is, unless a filter changes a part of
// it.
func TestContentTypeField(t *testing.T) {
	for _, c := range []struct{ field, mediaType, charset, changed string }{
		{"text/html", "text/html", "", "text/html; charset=koi8-r"},
		{"text/html;charset=UTF-8", "text/html", "UTF-8", "text/html; charset=koi8-r"},
		{"text/html;   Charset=\"utf-8\"", "text/html", "utf-8", "text/html; charset=koi8-r"},
		{"text/html; a=b; charset=utf-8", "text/html; a=b", "utf-8", "text/html; a=b; charset=koi8-r"},
		{"text/html; a=b", "text/html; a=b", "", "text/html; a=b; charset=koi8-r"},
		{"; charset=utf-8", "; charset=utf-8", "", "; charset=utf-8; charset=koi8-r"},
		{"text/html; charset", "text/html; charset", "", "text/html; charset; charset=koi8-r"},
	} {
		for _, change := range []bool{false, true} {
			x := inMemory(t, "", respond(func(r *web.Request) {
				p := &r.Response
				p.SetContentTypeField([]byte(c.field))
				if string(p.ContentType) != c.mediaType || string(p.Charset) != c.charset {
					t.Errorf("%s: %q, %q", c.field, p.ContentType, p.Charset)
				}
				if change {
					p.Charset = []byte("koi8-r")
				}
			})).Ask(t, "/")
			want := c.field
			if change {
				want = c.changed
			}
			if got := x.Field("Content-Type"); got != want {
				t.Errorf("%s, changed %v: %s, want %s", c.field, change, got, want)
			}
		}
	}
}

// The media type of a path's extension.
func TestContentType(t *testing.T) {
	const types = "types { a/b X y; c/d tar.gz z; }"
	for _, c := range []struct{ conf, path, want string }{
		{"", "/a.html", "text/html"},
		{"", "/a.JPG", "image/jpeg"},
		{"", "/a.x", "text/plain"},
		{"", "/.html", "text/plain"},
		{"", "/a.html/b", "text/plain"},
		{"", "/a.", "text/plain"},
		{"default_type e/f;", "/a", "e/f"},
		{"default_type '';", "/a", ""},
		{types, "/a.x", "a/b"},
		{types, "/a.Y", "a/b"},
		{types, "/a.tar.gz", "text/plain"},
		{types, "/a.html", "text/plain"},
		{"types { }", "/a.html", "text/plain"},
		{types + "location / { types { g/h x; } }", "/a.x", "g/h"},
		{types + "location / { types { g/h x; } }", "/a.z", "text/plain"},
	} {
		x := inMemory(t, c.conf, respond(func(r *web.Request) {
			r.SetContentType()
			r.SetContentType() // is done once
		})).Ask(t, c.path)
		if got := x.Field("Content-Type"); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.conf, c.path, got, c.want)
		}
	}
	set := web.NewTypeSet("text/css", "text/html")
	for name, want := range map[string]bool{"text/css": true, "TEXT/CSS": true, "text/html; charset=x": true, "text/html charset": true, "text/plain": false, "": false} {
		if set.Has([]byte(name)) != want {
			t.Errorf("%q is in the set: %v", name, !want)
		}
	}
	if (*web.TypeSet)(nil).Has([]byte("text/html")) {
		t.Error("a set that is not there has something")
	}
}

// $sent_http_NAME before and after the head has been sent.
func TestSentFields(t *testing.T) {
	const names = "content_type content_length location last_modified etag x_a none"
	ask := func(r *web.Request) string {
		var list []string
		for _, name := range strings.Fields(names) {
			v, found := r.NamedVariable("sent_http_"+name, nil)
			if !found {
				v = []byte("-")
			}
			list = append(list, string(v))
		}
		trailer, _ := r.NamedVariable("sent_trailer_x_sum", nil)
		return strings.Join(append(list, string(trailer)), "|")
	}
	var before, after string
	s := inMemory(t, "", func(r *web.Request) web.Code {
		return respond(func(r *web.Request) {
			p := &r.Response
			p.ContentType, p.Charset, p.ContentLength, p.LastModified = []byte("text/x"), []byte("utf-8"), 0, 784111777
			p.Location = []byte("/up")
			p.SetETag([]byte(`"e"`))
			p.Add("X-A", []byte("1"))
			p.Add("x-a", []byte("2"))
			p.AddTrailerBytes([]byte("X-Sum"), []byte("s"))
			before = ask(r)
			r.Afterwards(func() { after = ask(r) })
		})(r)
	})
	s.Ask(t, "/")
	const modified = "Sun, 06 Nov 1994 08:49:37 GMT"
	if want := "text/x|0|/up|" + modified + `|"e"|1, 2|-|s`; before != want {
		t.Errorf("before: %s, want\n%s", before, want)
	}
	if want := "text/x; charset=utf-8|0|http://localhost:8080/up|" + modified + `|"e"|1, 2|-|s`; after != want {
		t.Errorf("after: %s, want\n%s", after, want)
	}
	var none string
	inMemory(t, "", respond(func(r *web.Request) { none = ask(r) })).Ask(t, "/")
	if none != "-|-|-|-|-|-|-|" {
		t.Errorf("of a response without fields: %s", none)
	}
}

// $limit_rate may be set, to a size.
func TestLimitRateVariable(t *testing.T) {
	for value, want := range map[string]string{"1k": "1024 1024", "0": "0 0", "x": "0 5120"} {
		var got string
		var rate session.VariableRef
		set := &web.Module{Name: "set", Init: func(h *web.HTTP) (err error) {
			rate, err = h.SettableVariable("limit_rate", nil)
			return err
		}}
		s := oneServer(t, "limit_rate 5k; limit_rate_after $arg_after;", set, handling(web.Content, respond(func(r *web.Request) {
			rate.Store(&r.Session, []byte(value))
			v, _ := r.NamedVariable("limit_rate", nil)
			got = fmt.Sprintf("%s %d", v, r.Rate())
			if r.RateAfter() != 2048 {
				t.Errorf("limit_rate_after %d", r.RateAfter())
			}
		})))
		s.Exchange(t, &webtest.Exchange{Target: "/?after=2k"})
		if got != want || strings.Contains(s.Log(), `invalid $limit_rate "x"`) != (value == "x") {
			t.Errorf("%s: %s, want %s; log %s", value, got, want, s.Log())
		}
	}
}
