package web_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/web"
	"tandem/web/webtest"
)

var everyPhase = []web.Phase{web.PostRead, web.ServerRewrite, web.Rewrite, web.PreAccess, web.Access, web.PreContent, web.Content, web.Log}

// Which handlers are asked, in which order, and what ends a phase.
func TestPhases(t *testing.T) {
	for _, c := range []struct {
		phase  web.Phase
		code   web.Code // of the first of its two handlers; the others decline
		want   string   // the phases, those asked twice with a 2
		status int
	}{
		{web.PostRead, web.Declined, "post-read2 server-rewrite2 rewrite2 preaccess2 access2 precontent2 content2 log2", 404},
		{web.PostRead, web.OK, "post-read server-rewrite2 rewrite2 preaccess2 access2 precontent2 content2 log2", 404},
		{web.PostRead, 403, "post-read log2", 403},
		{web.ServerRewrite, web.OK, "post-read2 server-rewrite2 rewrite2 preaccess2 access2 precontent2 content2 log2", 404},
		{web.ServerRewrite, 403, "post-read2 server-rewrite log2", 403},
		{web.Rewrite, web.OK, "post-read2 server-rewrite2 rewrite2 preaccess2 access2 precontent2 content2 log2", 404},
		{web.Rewrite, 403, "post-read2 server-rewrite2 rewrite log2", 403},
		{web.PreAccess, web.OK, "post-read2 server-rewrite2 rewrite2 preaccess access2 precontent2 content2 log2", 404},
		{web.PreAccess, 503, "post-read2 server-rewrite2 rewrite2 preaccess log2", 503},
		{web.Access, web.OK, "post-read2 server-rewrite2 rewrite2 preaccess2 access2 precontent2 content2 log2", 404},
		{web.Access, 403, "post-read2 server-rewrite2 rewrite2 preaccess2 access log2", 403},
		{web.PreContent, web.OK, "post-read2 server-rewrite2 rewrite2 preaccess2 access2 precontent content2 log2", 404},
		{web.PreContent, 404, "post-read2 server-rewrite2 rewrite2 preaccess2 access2 precontent log2", 404},
		{web.Content, 403, "post-read2 server-rewrite2 rewrite2 preaccess2 access2 precontent2 content log2", 403},
		{web.Log, web.OK, "post-read2 server-rewrite2 rewrite2 preaccess2 access2 precontent2 content2 log2", 404},
	} {
		asked := map[web.Phase]int{}
		var order []string
		modules := make([]*web.Module, 0, 2*len(everyPhase))
		for _, p := range everyPhase {
			for i := range 2 {
				modules = append(modules, handling(p, func(*web.Request) web.Code {
					if asked[p]++; asked[p] == 1 {
						order = append(order, p.String())
					}
					if i == 0 && p == c.phase {
						return c.code
					}
					return web.Declined
				}))
			}
		}
		x := webtest.New(t, header+"server { listen 127.0.0.1:8080; } }", modules, nil).Ask(t, "/x")
		for i, name := range order {
			for _, p := range everyPhase {
				if p.String() == name && asked[p] > 1 {
					order[i] = fmt.Sprint(name, asked[p])
				}
			}
		}
		if got := strings.Join(order, " "); got != c.want || x.Status != c.status {
			t.Errorf("%s comes to %d:\n%s, want\n%s; %d", c.phase, c.code, got, c.want, x.Status)
		}
	}
}

// After an internal redirect come all phases but the first once more, after one to a
// named location those from its rewrite directives on.
func TestPhasesAfterRedirect(t *testing.T) {
	for _, c := range []struct{ to, want string }{
		{"/there", "server-rewrite rewrite preaccess access precontent content"},
		{"@there", "rewrite preaccess access precontent content"},
	} {
		var again []string
		modules := make([]*web.Module, 0, len(everyPhase))
		for _, p := range everyPhase {
			modules = append(modules, handling(p, func(r *web.Request) web.Code {
				if r.Internal && p != web.Log {
					again = append(again, p.String())
				}
				switch {
				case p != web.Content:
					return web.Declined
				case r.Internal:
					return answer(r, fmt.Sprintf("%s %s %s", r.Path, r.Args, r.Location.Name))
				case c.to[0] == '@':
					return r.NamedLocation([]byte(c.to))
				}
				return r.InternalRedirect([]byte(c.to), []byte("new"))
			}))
		}
		s := webtest.New(t, header+"server { listen 127.0.0.1:8080; location @there { } location /there { } } }", modules, nil)
		x := s.Ask(t, "/here?old")
		content := "/there new /there"
		if c.to[0] == '@' {
			content = "/here old @there"
		}
		if got := strings.Join(again, " "); got != c.want || x.Content != content {
			t.Errorf("%s: %s, want\n%s; %q", c.to, got, c.want, x.Content)
		}
	}
}

// A module that stream has as well sees http's levels and servers, its phases, and
// what is a request's.
func TestSharedModule(t *testing.T) {
	var told []string
	levels, servers := 0, 0
	module := web.Shared(func(in session.Contexts) *session.Module {
		return &session.Module{
			Name: "shared", Commands: []nc.Command{{Name: "shared", In: in.Levels | in.If | in.Except, Arity: nc.NoArgs}},
			Variables: []session.Variable{{Name: "shared", Get: func(_ *session.Session, dst []byte) ([]byte, bool) { return append(dst, "shared"...), true }}},
			Init: func(r *session.Realm) error {
				r.Each(func(*session.Level) { levels++ })
				servers = len(r.Servers())
				for i, p := range []session.Phase{session.Begin, session.Limit, session.Access, session.Logging} {
					r.Handle(p, func(s *session.Session) session.Code {
						told = append(told, fmt.Sprint(i, " ", string(web.RequestOf(s).Path), " ", web.SatisfiedByAny(s)))
						return session.Declined
					})
				}
				return nil
			},
		}
	})
	s := webtest.New(t, header+`shared; server { listen 127.0.0.1:8080; shared; location / { shared; satisfy any; limit_except GET { shared; } say "$shared"; } }
		server { listen 127.0.0.1:8080; server_name other; } }`, append([]*web.Module{module, handling(web.PreAccess, func(*web.Request) web.Code {
		told = append(told, "preaccess")
		return web.Declined
	})}, webtest.Say...), nil)
	x := s.Ask(t, "/x")
	if want := "0 /x false|1 /x true|preaccess|2 /x true|3 /x true"; strings.Join(told, "|") != want || x.Content != "shared" {
		t.Errorf("%s, want %s; %q", strings.Join(told, "|"), want, x.Content)
	}
	if levels != 5 || servers != 2 {
		t.Errorf("%d levels, %d servers", levels, servers)
	}
}

// Lists of media types, as gzip_types has them, are set once for a level.
func TestSetTypes(t *testing.T) {
	module := &web.Module{Name: "listed", Commands: []nc.Command{{
		Name: "listed", In: nc.HTTP | nc.Server | nc.Location, Arity: nc.OneMore,
		Set: web.SetTypes(web.At(listed, func(l *types) *nc.Value[*web.TypeSet] { return &l.set }), "text/html"),
	}}}
	for _, c := range []struct{ conf, has, warning string }{
		{"", "text/html", ""},
		{"listed text/CSS;", "text/html text/css", ""},
		{"listed text/css; listed a/b;", "text/html text/css a/b", ""},
		{"listed text/css; location / { listed a/b; }", "text/html a/b", ""},
		{"listed *;", "text/html text/css a/b", ""},
		{"listed text/html;", "text/html", `duplicate MIME type "text/html"`},
	} {
		conf := header + "server { listen 127.0.0.1:8080; " + c.conf + " } }"
		_, _, errs := webtest.Load(t.TempDir(), conf, []*web.Module{module})
		if errs.Failed() || c.warning != "" && !strings.Contains(errs.Error(), c.warning) || c.warning == "" && len(errs) > 0 {
			t.Errorf("%s: %v", c.conf, errs)
		}
		var has []string
		s := webtest.New(t, conf, []*web.Module{module, handling(web.Content, func(r *web.Request) web.Code {
			for _, name := range []string{"text/html", "text/css", "a/b"} {
				if listed.Of(r.Location).set.V.Has([]byte(name)) {
					has = append(has, name)
				}
			}
			return 204
		})}, nil)
		if s.Ask(t, "/"); !slices.Equal(has, strings.Fields(c.has)) {
			t.Errorf("%s: %v, want %s", c.conf, has, c.has)
		}
	}
}

type types struct{ set nc.Value[*web.TypeSet] }

var listed = web.NewLocationSlot(func(l, outer *types) error {
	l.set.Inherit(outer.set, web.HTMLOnly)
	return nil
})
