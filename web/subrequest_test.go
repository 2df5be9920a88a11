package web_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/web"
	"tandem/web/webtest"
)

// parts is a module whose content phase answers "/" by what f adds, between "<" and
// ">", through subrequests.
func parts(f func(r *web.Request) error) *web.Module {
	return handling(web.Content, func(r *web.Request) web.Code {
		if !r.IsMain() || string(r.Path) != "/" {
			return web.Declined
		}
		r.Response.Status = 200
		if code := r.SendHeader(); code != web.OK {
			return code
		}
		if code := r.SendBody(web.Chunk{Data: []byte("<")}); code != web.OK {
			return code
		}
		if err := f(r); err != nil {
			return web.Error
		}
		return r.SendBody(web.Chunk{Data: []byte(">"), Last: true})
	})
}

// What becomes of a subrequest's response, and what the subrequest knows.
func TestSubrequest(t *testing.T) {
	const told = `"$uri $args $request_method $request_uri $arg_a"`
	for _, c := range []struct {
		name, path string
		opts       web.SubrequestOptions
		content    string
		output     string
		status     int
		sends      bool
	}{
		{"as part of the response", "/part", web.SubrequestOptions{}, "</part a=1 POST /?a=0 1>", "", 200, true},
		{"in memory", "/part", web.SubrequestOptions{InMemory: true}, "<>", "/part a=1 POST /?a=0 1", 200, true},
		{"its head alone", "/part", web.SubrequestOptions{HeaderOnly: true}, "<>", "", 200, false},
		{"for its effect", "/part", web.SubrequestOptions{Background: true}, "<>", "", 200, false},
		{"which is refused", "/403", web.SubrequestOptions{InMemory: true}, "<>", "sorry /403", 403, true},
		{"which is nowhere", "/none", web.SubrequestOptions{HeaderOnly: true}, "<>", "", 404, false},
		{"which is internal", "/internal", web.SubrequestOptions{InMemory: true}, "<>", "inside", 200, true},
		{"which has to be kept short", "/long", web.SubrequestOptions{InMemory: true}, "<>", "", 200, false},
		{"whose answer is judged", "/403", web.SubrequestOptions{InMemory: true, Answered: func(_ *web.Request, code web.Code) web.Code { return code + 1 }},
			"<>", "", 404, true},
	} {
		var sr *web.Request
		s := oneServer(t, `error_page 403 @sorry; location @sorry { say "sorry $uri"; }
			location /part { say `+told+`; } location /403 { code 403; } location /internal { internal; say inside; }
			location /long { subrequest_output_buffer_size 4; say "12345"; }`,
			parts(func(r *web.Request) error {
				sr = r.Subrequest([]byte(c.path), []byte("a=1"), c.opts)
				return nil
			}), coded)
		x := s.Exchange(t, &webtest.Exchange{Method: "POST", Target: "/?a=0"})
		output := string(sr.Output)
		if c.status == 404 && strings.HasPrefix(output, "<html>\r\n<head><title>404") {
			output = ""
		}
		if x.Content != c.content || output != c.output || sr.FinalStatus() != c.status || sr.HasOutput() != c.sends {
			t.Errorf("%s: %q, output %q, %d, sends %v", c.name, x.Content, sr.Output, sr.FinalStatus(), sr.HasOutput())
		}
		if c.path == "/long" && !strings.Contains(s.Log(), `too big subrequest response while sending to client`) {
			t.Errorf("log %s", s.Log())
		}
		if sr.Main != x.Request || sr.Parent != x.Request || sr.IsMain() || !sr.Internal {
			t.Errorf("%s: %+v", c.name, sr)
		}
	}
}

// Subrequests nest as deep as nginx lets them, and no deeper.
func TestSubrequestCycle(t *testing.T) {
	depth := 0
	s := oneServer(t, "", handling(web.Content, func(r *web.Request) web.Code {
		if r.Subrequest([]byte("/deeper"), nil, web.SubrequestOptions{}) != nil {
			depth++
		}
		if !r.IsMain() {
			return web.OK
		}
		return answer(r, "fine")
	}))
	if x := s.Ask(t, "/"); x.Status != 200 || depth != 51 || !strings.Contains(s.Log(), `subrequests cycle while processing "/deeper"`) {
		t.Errorf("%d, depth %d, log %s", x.Status, depth, s.Log())
	}
}

// Clone and Again have the same done once more, as part of the response and for its
// effect.
func TestClone(t *testing.T) {
	for _, background := range []bool{false, true} {
		var seen []string
		s := oneServer(t, "location ~ ^/(x) { say none; }", handling(web.Content, func(r *web.Request) web.Code {
			seen = append(seen, fmt.Sprintf("%s %s?%s %s %v %v", r.MethodName, r.Path, r.Args, r.Session.Capture(1), r.IsMain(), r.Background))
			if !r.IsMain() {
				if r.HeaderOnly {
					return web.OK
				}
				r.Response.Status = 200
				r.SendHeader()
				return r.SendBody(web.Chunk{Data: r.Args, Last: true})
			}
			r.Response.Status = 200
			r.SendHeader()
			r.SendBody(web.Chunk{Data: []byte("main ")})
			if background {
				r.Again()
			} else if sr := r.Clone(func(sr *web.Request) { sr.Args = []byte("prepared") }); sr == nil || !sr.HasOutput() {
				t.Error("the clone has not answered")
			}
			return r.SendBody(web.Chunk{Last: true})
		}))
		x := s.Exchange(t, &webtest.Exchange{Method: "PUT", Target: "/x?a"})
		want, content := "PUT /x?a x true false|PUT /x?prepared x false false", "main prepared"
		if background {
			want, content = "PUT /x?a x true false|PUT /x?a x false true", "main "
		}
		if got := strings.Join(seen, "|"); got != want || x.Content != content {
			t.Errorf("background %v: %s, %q", background, got, x.Content)
		}
	}
}

// After the response come those that wait for that, then the post_action, then the
// log; log_subrequest has a line for a subrequest as well.
func TestAfterwards(t *testing.T) {
	for _, c := range []struct{ conf, want string }{
		{"", "sent fine|afterwards|logged / 200"},
		{"post_action /post;", "sent fine|afterwards|POST /post|logged / 200"},
		{"post_action /post; log_subrequest on;", "sent fine|afterwards|POST /post|logged /post 204|logged / 200"},
		{"post_action @post;", "sent fine|afterwards|POST /|logged / 200"},
		{"post_action @post; log_subrequest on;", "sent fine|afterwards|POST /|logged / 204|logged / 200"},
	} {
		var told []string
		x := &webtest.Exchange{Method: "POST"}
		s := oneServer(t, c.conf+" location /post { } location @post { }", handling(web.Content, func(r *web.Request) web.Code {
			if !r.IsMain() {
				told = append(told, fmt.Sprintf("%s %s", r.MethodName, r.Path))
				return 204
			}
			r.Afterwards(func() { told = append(told, "sent "+x.Content, "afterwards") })
			return answer(r, "fine")
		}), handling(web.Log, func(r *web.Request) web.Code {
			told = append(told, fmt.Sprintf("logged %s %d", r.Path, r.FinalStatus()))
			return web.OK
		}))
		s.Exchange(t, x)
		if got := strings.Join(told, "|"); got != c.want || x.Content != "fine" {
			t.Errorf("%s\n%s, want\n%s; %q", c.conf, got, c.want, x.Content)
		}
	}
}

// wrap is a body filter that puts every piece between marks, and tells of the end.
type wrap struct{ left, right string }

func (f wrap) Body(r *web.Request, c web.Chunk, next web.Next) error {
	var b []byte
	if err := c.EachPiece(func(p []byte) error { b = append(b, p...); return nil }); err != nil {
		return err
	}
	if len(b) > 0 {
		b = []byte(f.left + string(b) + f.right)
	}
	if c.Last {
		b = append(b, '.')
	}
	return next.Send(web.Chunk{Data: b, Last: c.Last, Flush: c.Flush})
}

// whole is one that sees the response as a whole.
type whole struct{ wrap }

func (whole) BelowPostpone() {}

// more adds subrequests to the end of a response, as addition does.
type more struct{}

func (more) Body(r *web.Request, c web.Chunk, next web.Next) error {
	if !c.Last {
		return next.Send(c)
	}
	return next.SendAndGoOn(c, func() error {
		r.Subrequest([]byte("/part"), nil, web.SubrequestOptions{})
		return nil
	})
}

// In which order body filters see what, and where the bodies of subrequests join.
func TestBodyFilters(t *testing.T) {
	for _, c := range []struct {
		name   string
		filter func(r *web.Request)
		want   string
	}{
		{"none", func(*web.Request) {}, "part"},
		{"one after the other", func(r *web.Request) {
			r.AddBodyFilter(wrap{"(", ")"})
			r.AddBodyFilter(wrap{"[", "]"})
			r.AddFirstBodyFilter(wrap{"{", "}"})
		}, "[({<})][({part}.).].[({>}.).]."},
		{"of the request alone", func(r *web.Request) {
			if r.IsMain() {
				r.AddBodyFilter(wrap{"(", ")"})
			}
		}, "(<)part(>)."},
		{"as a whole", func(r *web.Request) {
			if r.IsMain() {
				r.AddBodyFilter(wrap{"(", ")"})
				r.AddBodyFilter(whole{wrap{"[", "]"}})
			}
		}, "[(<)][part][(>).]."},
		{"more at the end", func(r *web.Request) {
			if r.IsMain() {
				r.AddBodyFilter(more{})
				r.AddBodyFilter(wrap{"(", ")"})
				r.AddBodyFilter(whole{wrap{"[", "]"}})
			}
		}, "[(<)][part][(>).][part]."},
	} {
		filter := &web.Module{Name: "filter", Init: func(h *web.HTTP) error {
			h.Filter(func(r *web.Request) web.Code {
				c.filter(r)
				return web.OK
			})
			return nil
		}}
		s := oneServer(t, "location /part { say part; }", parts(func(r *web.Request) error {
			r.Subrequest([]byte("/part"), nil, web.SubrequestOptions{})
			return nil
		}), filter)
		want := c.want
		if c.name == "none" {
			want = "<part>"
		}
		if x := s.Ask(t, "/"); x.Content != want || !x.Ended {
			t.Errorf("%s: %q, want %q, ended %v", c.name, x.Content, want, x.Ended)
		}
	}
}

// A filter may answer in place of the response, through error_page too, of which
// nothing remains then; and may refuse, after which its fields stay.
func TestFilterAnswers(t *testing.T) {
	for _, c := range []struct {
		conf    string
		replace bool
		status  int
		content string
		field   bool
	}{
		{"", true, 403, "<html>\r\n<head><title>403 Forbidden", false},
		{"error_page 403 /sorry; location /sorry { say sorry; }", true, 403, "sorry", false},
		{"error_page 403 @sorry; location @sorry { say named; }", true, 403, "named", false},
		{"", false, 403, "<html>\r\n<head><title>403 Forbidden", true},
		{"error_page 403 =200 /sorry; location /sorry { say sorry; }", false, 200, "sorry", true},
	} {
		filter := &web.Module{Name: "filter", Init: func(h *web.HTTP) error {
			h.Filter(func(r *web.Request) web.Code {
				if r.ErrStatus != 0 || r.Internal {
					return web.OK
				}
				r.AddBodyFilter(wrap{"(", ")"})
				switch {
				case c.replace:
					return r.ReplaceResponse(403)
				}
				return 403
			})
			return nil
		}}
		s := oneServer(t, c.conf, handling(web.Content, func(r *web.Request) web.Code {
			if r.Internal {
				return web.Declined
			}
			r.Response.Add("X-Field", []byte("x"))
			return answer(r, "fine")
		}), filter)
		x := s.Ask(t, "/")
		if x.Status != c.status || !strings.HasPrefix(x.Content, c.content) || (x.Field("X-Field") != "") != c.field || !x.Ended || x.Request.Broken() {
			t.Errorf("%s, replaces %v: %d %q %v, ended %v", c.conf, c.replace, x.Status, x.Content, x.Head, x.Ended)
		}
	}
}

// A piece of a body may be a part of a file.
func TestFilePieces(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	content := strings.Repeat("0123456789", 10000)
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	collect := func(c web.Chunk) (got string, err error) {
		err = c.EachPiece(func(b []byte) error { got += string(b); return nil })
		return got, err
	}
	got, err := collect(web.Chunk{Data: []byte("data "), File: web.FileSegment{File: f, Off: 3, Len: 70000}})
	if err != nil || got != "data "+content[3:70003] {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if got, err = collect(web.Chunk{File: web.FileSegment{File: f, Off: 99990, Len: 20}}); got != "0123456789" || err == nil {
		t.Errorf("a file that has become shorter: %q, %v", got, err)
	}
	// As the output of a subrequest that is kept in memory.
	s := oneServer(t, "subrequest_output_buffer_size 1k;", parts(func(r *web.Request) error {
		sr := r.Subrequest([]byte("/part"), nil, web.SubrequestOptions{InMemory: true})
		return r.Send(web.Chunk{Data: sr.Output})
	}), handling(web.Content, func(r *web.Request) web.Code {
		r.Response.Status = 200
		r.SendHeader()
		return r.SendBody(web.Chunk{Data: []byte("file: "), File: web.FileSegment{File: f, Off: 1, Len: 8}, Last: true})
	}))
	if x := s.Ask(t, "/"); x.Content != "<file: 12345678>" {
		t.Errorf("%q", x.Content)
	}
}
