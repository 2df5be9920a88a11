package mirror_test

import (
	"strings"
	"sync"
	"testing"

	nc "tandem/nginxconf"
	"tandem/web"
	"tandem/web/mirror"
	"tandem/web/webtest"
)

// tape notes what reaches the locations with "note", in order.
type tape struct {
	mu    sync.Mutex
	lines []string
}

func (p *tape) module() *web.Module {
	return &web.Module{Name: "note", Commands: []nc.Command{{Name: "note", In: nc.Server | nc.Location, Arity: nc.NoArgs, Set: func(s *nc.Scope, _ *nc.Directive) error {
		web.BlockOf(s).Location.Handler = func(r *web.Request) web.Code {
			body := "-"
			if code := r.ReadBody(); code != web.OK {
				return code
			}
			if b := &r.Main.Body; b.Read && !r.NoBody {
				body = string(b.Data)
			}
			p.mu.Lock()
			p.lines = append(p.lines, strings.Join([]string{string(r.MethodName), string(r.Path), string(r.Args), body}, " "))
			p.mu.Unlock()
			return r.SendResponse(200, nil, nil)
		}
		return nil
	}}}}
}

func (p *tape) take() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := strings.Join(p.lines, "; ")
	p.lines = nil
	return text
}

func TestMirror(t *testing.T) {
	var notes tape
	s := webtest.Start(t, `events {}
http { server { listen 127.0.0.1:8080; note;
		location /one { mirror /copy; note; location /one/off { mirror off; note; } }
		location /two { mirror /copy; mirror /other; note; }
		location /bare { mirror /copy; mirror_request_body off; note; }
		location /copy { internal; mirror /never; note; }
		location /after { post_action /then; note; }
		location /named { post_action @named; note; }
		location @named { note; }
	} }`, []*web.Module{mirror.Module, notes.module()}, nil)
	for _, c := range []struct{ request, want string }{
		{"GET /one?a=1", "GET /one a=1 ; GET /copy a=1 "},
		{"POST /one", "POST /one  body; POST /copy  body"},
		{"GET /one/off", "GET /one/off  "},
		{"GET /two", "GET /two  ; GET /copy  ; GET /other  "},
		{"POST /bare?b", "POST /bare b body; POST /copy b -"},
		{"POST /after?c", "POST /after c body; POST /then  body"},
		{"GET /named?c", "GET /named c ; GET /named c "},
	} {
		method, path, _ := strings.Cut(c.request, " ")
		raw := method + " " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
		if method == "POST" {
			raw += "Content-Length: 4\r\n\r\nbody"
		} else {
			raw += "\r\n"
		}
		if answer := s.Raw(t, raw); !strings.HasPrefix(answer, "HTTP/1.1 200 ") || strings.Count(answer, "HTTP/1.1") != 1 {
			t.Errorf("%s: %q", c.request, answer)
		}
		if got := notes.take(); got != c.want {
			t.Errorf("%s: %q, want %q", c.request, got, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []string{`mirror off; mirror off;`, `mirror /a; mirror off;`, `mirror off; mirror /a;`} {
		_, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp { "+c+" }", []*web.Module{mirror.Module})
		if len(errs) != 1 || errs[0].Msg != `"mirror" directive is duplicate` {
			t.Errorf("%s: %v", c, errs)
		}
	}
}
