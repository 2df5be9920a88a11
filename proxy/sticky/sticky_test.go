package sticky_test

import (
	"bufio"
	"crypto/md5"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/proxy"
	"tandem/proxy/exchange"
	"tandem/web"
	"tandem/web/headers"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

var modules = append([]*web.Module{rewrite.Module, exchange.Module, proxy.Module, headers.Module}, webtest.Say...)

// peers are back ends that answer with their names and, for a path /begin/ID, begin
// a session of that name.
type peers struct {
	addr    [3]string   // of A, B and C
	held    chan string // who has sent the head of a response to a path .../held
	release chan bool   // is closed for the bodies of those

	mu      sync.Mutex
	refused string // name of the peer that does not answer; "": none
}

func newPeers(t testing.TB) *peers {
	t.Helper()
	p := &peers{held: make(chan string), release: make(chan bool)}
	for i := range p.addr {
		name := string(rune('A' + i))
		p.addr[i] = webtest.Backend(t, "127.0.0.1:0", func(c net.Conn) {
			br := bufio.NewReader(c)
			for {
				head, _, err := webtest.ReadHead(br)
				if err != nil || p.refuses(name) {
					return
				}
				session := ""
				if id, ok := strings.CutPrefix(strings.Fields(head)[1], "/begin/"); ok {
					session = "Session: " + id + "\r\n"
				}
				if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\n%sContent-Length: 1\r\n\r\n", session); err != nil {
					return
				}
				if strings.HasSuffix(strings.Fields(head)[1], "/held") {
					p.held <- name
					<-p.release
				}
				if _, err := io.WriteString(c, name); err != nil {
					return
				}
			}
		})
	}
	return p
}

func (p *peers) refuse(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = name
}

func (p *peers) refuses(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refused == name
}

// sid is what a cookie calls peer i when the configuration does not name it.
func (p *peers) sid(i int) string { return fmt.Sprintf("%x", md5.Sum([]byte(p.addr[i]))) }

// conf returns a configuration with an upstream of A, B and C, in which inside stands
// first; A's parameters follow its server directive.
func (p *peers) conf(inside string, params ...string) string {
	text := "events {}\nhttp { upstream u { " + inside
	for i, addr := range p.addr {
		text += " server " + addr + " max_fails=0"
		if i < len(params) {
			text += " " + params[i]
		}
		text += ";"
	}
	return text + " } server { listen 127.0.0.1:8080; location / { proxy_pass http://u; } } }"
}

func (p *peers) start(t testing.TB, inside string, params ...string) *webtest.Server {
	t.Helper()
	return webtest.New(t, p.conf(inside, params...), modules, nil)
}

// ask returns who answers n requests.
func ask(t testing.TB, s *webtest.Server, n int, target string, fields ...string) (who string) {
	t.Helper()
	for range n {
		who += s.Ask(t, target, fields...).Content
	}
	return who
}

// The cookie names the peer, and who sends it gets that one as long as it can answer.
func TestCookie(t *testing.T) {
	p := newPeers(t)
	s := p.start(t, "sticky cookie id;", "route=first", "", "drain")
	if got, want := s.Ask(t, "/").Field("Set-Cookie"), "id=first"; got != want {
		t.Errorf("Set-Cookie: %s, want %s", got, want)
	}
	if got, want := s.Ask(t, "/").Field("Set-Cookie"), "id="+p.sid(1); got != want {
		t.Errorf("Set-Cookie: %s, want %s", got, want)
	}
	for _, c := range []struct{ cookie, want string }{
		{"id=first", "AAAA"},
		{"id=" + p.sid(1), "BBBB"},
		{"other=1; id=" + p.sid(1), "BBBB"},
		{"id=" + p.sid(2), "CCCC"}, // it drains, but those that are bound to it may come
		{"id=" + p.sid(0), "ABAB"}, // who has a route has no other name
		{"id=", "ABAB"}, {"id=nobody", "ABAB"}, {"no=first", "ABAB"},
	} {
		fresh := p.start(t, "sticky cookie id;", "route=first", "", "drain")
		if got := ask(t, fresh, 4, "/", "Cookie: "+c.cookie); got != c.want {
			t.Errorf("%s: %s, want %s", c.cookie, got, c.want)
		}
	}
	// A bound peer that fails makes way, and so does its cookie.
	p.refuse("A")
	x := s.Ask(t, "/", "Cookie: id=first")
	if got, want := x.Field("Set-Cookie"), "id="+p.sid(1); x.Content != "B" || got != want {
		t.Errorf("%s answered with %s", x.Content, got)
	}
	if n := strings.Count(strings.Join(x.Head, "\n"), "Set-Cookie"); n != 1 {
		t.Errorf("%d cookies", n)
	}
}

// A peer that is down or a backup is bound to as requests may go to it.
func TestCookieOfPeersAway(t *testing.T) {
	p := newPeers(t)
	s := p.start(t, "sticky cookie id;", "route=a down", "route=b", "route=c backup")
	for cookie, want := range map[string]string{"id=a": "BBB", "id=b": "BBB", "id=c": "BBB"} {
		if got := ask(t, s, 3, "/", "Cookie: "+cookie); got != want {
			t.Errorf("%s: %s, want %s", cookie, got, want)
		}
	}
	p.refuse("B")
	if x := s.Ask(t, "/"); x.Content != "C" || x.Field("Set-Cookie") != "id=c" {
		t.Errorf("without another: %s %q", x.Content, x.Head)
	}
}

// What the parameters come to in the cookie; other balancers have it as well.
func TestCookieAttributes(t *testing.T) {
	p := newPeers(t)
	for _, c := range []struct{ params, want string }{
		{"", ""},
		{"path=/x", "; path=/x"},
		{"domain=.example.com", "; domain=.example.com"},
		{"domain=$arg_domain", "; domain=d.example"},
		{"domain=$arg_nothing path=/", "; path=/"},
		{"httponly", "; httponly"},
		{"secure", "; secure"},
		{"samesite=Lax", "; samesite=Lax"},
		{"samesite=$arg_same", "; samesite=none"},
		{"samesite=$arg_domain", "; samesite=strict"}, // what is none is taken for the strictest
		{"samesite=$arg_nothing", ""},
		{"expires=max", "; expires=Thu, 31-Dec-37 23:55:55 GMT; max-age=315360000"},
		{"path=/ secure expires=max samesite=none httponly domain=d",
			"; expires=Thu, 31-Dec-37 23:55:55 GMT; max-age=315360000; domain=d; httponly; secure; samesite=none; path=/"},
	} {
		for _, method := range []string{"", "least_conn; ", "hash $uri; ", "random; ", "ip_hash; ", "least_time header; "} {
			s := p.start(t, method+"sticky cookie id "+c.params+";", "route=r", "down", "down")
			if got := s.Ask(t, "/?domain=d.example&same=none").Field("Set-Cookie"); got != "id=r"+c.want {
				t.Errorf("%s %s: Set-Cookie: %s, want %s", method, c.params, got, c.want)
			}
		}
	}
}

// expires is from now on, with the year as nginx has it.
func TestCookieExpires(t *testing.T) {
	p := newPeers(t)
	form := regexp.MustCompile(`^id=r; expires=([A-Z][a-z]{2}, .* GMT); max-age=(\d+)$`)
	for _, c := range []struct {
		value, layout string
		want          time.Duration
	}{
		{"1h", "Mon, 02-Jan-06 15:04:05 GMT", time.Hour},
		{"0", "Mon, 02-Jan-06 15:04:05 GMT", 0},
		{"30y", "Mon, 02-Jan-2006 15:04:05 GMT", 30 * 365 * 24 * time.Hour},
	} {
		s := p.start(t, "sticky cookie id expires="+c.value+";", "route=r", "down", "down")
		from := time.Now().Truncate(time.Second)
		cookie := s.Ask(t, "/").Field("Set-Cookie")
		found := form.FindStringSubmatch(cookie)
		if found == nil || found[2] != fmt.Sprint(int64(c.want/time.Second)) {
			t.Errorf("%s: %s", c.value, cookie)
			continue
		}
		at, err := time.Parse(c.layout, found[1])
		if err != nil || at.Before(from.Add(c.want)) || at.After(time.Now().Add(c.want)) {
			t.Errorf("%s: %s is not %v from now (%v)", c.value, found[1], c.want, err)
		}
	}
}

// The first of the variables that has a value says where a request goes.
func TestRoute(t *testing.T) {
	p := newPeers(t)
	s := p.start(t, "sticky route $cookie_r $arg_r;", "route=a", "route=b")
	for _, c := range []struct{ target, cookie, want string }{
		{"/?r=b", "r=a", "AAA"},
		{"/?r=b", "r=", "BBB"},
		{"/?r=b", "x=y", "BBB"},
		{"/?r=" + p.sid(2), "x=y", "CCC"},
	} {
		if got := ask(t, s, 3, c.target, "Cookie: "+c.cookie); got != c.want {
			t.Errorf("%s, cookie %s: %s, want %s", c.target, c.cookie, got, c.want)
		}
	}
	// The first that has one, although there is no such peer.
	if got := ask(t, s, 6, "/?r=b", "Cookie: r=x"); strings.Trim(got, got[:1]) == "" {
		t.Errorf("a route that is none: %s", got)
	}
	if x := s.Ask(t, "/?r=a"); x.Field("Set-Cookie") != "" {
		t.Errorf("a route sets a cookie: %q", x.Head)
	}
}

const learn = "sticky learn create=$upstream_http_session lookup=$http_session lookup=$arg_session zone=z:64k;"

// A session that a peer has begun stays there.
func TestLearn(t *testing.T) {
	for _, inside := range []string{learn, strings.Replace(learn, ":64k", ":64k header", 1)} {
		p := newPeers(t)
		s := p.start(t, inside)
		at := make(map[string]string)
		for i := range 7 {
			id := fmt.Sprint("s", i)
			at[id] = ask(t, s, 1, "/begin/"+id)
		}
		for id, who := range at {
			for _, asked := range []string{ask(t, s, 2, "/", "Session: "+id), ask(t, s, 2, "/?session="+id)} {
				if asked != who+who {
					t.Errorf("%s of %s went to %s", id, who, asked)
				}
			}
		}
		if got := ask(t, s, 6, "/", "Session: unknown"); strings.Trim(got, got[:1]) == "" {
			t.Errorf("a session that nobody began is at %s", got)
		}
		// A peer that fails loses its sessions to the one that answers.
		p.refuse(at["s0"])
		moved := ask(t, s, 1, "/", "Session: s0")
		p.refuse("")
		if got := ask(t, s, 3, "/", "Session: s0"); moved == at["s0"] || got != moved+moved+moved {
			t.Errorf("s0 went from %s to %s, and then to %s", at["s0"], moved, got)
		}
	}
}

// With header a session has begun as soon as the head of the response is there.
func TestLearnFromTheHead(t *testing.T) {
	p := newPeers(t)
	s := p.start(t, strings.Replace(learn, ":64k", ":64k header", 1))
	done := make(chan string)
	go func() { done <- ask(t, s, 1, "/begin/x/held") }()
	who := <-p.held
	webtest.Await(t, "the session has not begun before the end of the response", func() bool {
		// Whose it is may have changed: by a request that came before it had begun.
		got := ask(t, s, 4, "/", "Session: x/held")
		return got == strings.Repeat(got[:1], 4)
	})
	close(p.release)
	if got := <-done; got != who {
		t.Errorf("%s, held by %s", got, who)
	}
}

// Sessions are not forgotten over a reload, unless it gives the zone another name.
func TestLearnedOverReload(t *testing.T) {
	p := newPeers(t)
	conf := p.conf(learn)
	s := webtest.Start(t, conf, modules, nil)
	who := s.Get(t, "/begin/x").Body
	for _, c := range []struct {
		conf  string
		known bool
	}{{conf, true}, {strings.Replace(conf, "z:64k", "z:128k timeout=5m", 1), true}, {strings.Replace(conf, "zone=z", "zone=y", 1), false}} {
		before := s.Gen
		s.Reload(t, c.conf, modules)
		before.Retire(nil)
		got := ""
		for range 6 {
			got += s.Get(t, "/", "Session: x").Body
		}
		if known := got == strings.Repeat(who, 6); known != c.known {
			t.Errorf("known %t, want %t: %s, begun by %s", known, c.known, got, who)
		}
	}
}

func TestMistakes(t *testing.T) {
	for directive, want := range map[string]string{
		"sticky cookie;":         `invalid number of arguments in "sticky" directive`,
		"sticky frob id;":        `unknown parameter "frob"`,
		`sticky cookie "";`:      `"sticky" directive empty cookie name`,
		"sticky cookie id frob;": `unknown parameter "frob"`,
		"sticky cookie id a=b;":  `unknown parameter "a=b"`,

		"sticky cookie id expires=x;":                       `"sticky" directive invalid "expires" parameter value`,
		"sticky cookie id expires=1 expires=2;":             `"sticky" directive parameter "expires" is duplicate`,
		"sticky cookie id domain=;":                         `"sticky" directive no value for "domain"`,
		"sticky cookie id domain=a domain=b;":               `"sticky" directive parameter "domain" is duplicate`,
		"sticky cookie id domain=$no_such;":                 `unknown "no_such" variable`,
		"sticky cookie id path=;":                           `"sticky" directive no value for "path"`,
		"sticky cookie id path=/ path=/a;":                  `"sticky" directive parameter "path" is duplicate`,
		"sticky cookie id httponly httponly;":               `"sticky" directive parameter "httponly" is duplicate`,
		"sticky cookie id secure secure;":                   `"sticky" directive parameter "secure" is duplicate`,
		"sticky cookie id samesite=x;":                      `"sticky" directive invalid "samesite" parameter value`,
		"sticky cookie id samesite=lax samesite=none;":      `"sticky" directive parameter "samesite" is duplicate`,
		"sticky cookie a; sticky cookie b;":                 `"sticky" directive is duplicate`,
		"sticky route uri;":                                 `invalid variable name "uri"`,
		"sticky route $no_such;":                            `unknown "no_such" variable`,
		"sticky learn create=$uri zone=z:64k;":              `"sticky" directive "lookup" parameter is not specified`,
		"sticky learn lookup=$uri zone=z:64k;":              `"sticky" directive "create" parameter is not specified`,
		"sticky learn create=$uri lookup=$uri;":             `"sticky" directive "zone" parameter is not specified`,
		"sticky learn create=uri;":                          `"sticky" directive missing variable in the "create" parameter`,
		"sticky learn lookup=uri;":                          `"sticky" directive missing variable in the "lookup" parameter`,
		"sticky learn lookup=$no_such create=$a zone=z:1m;": `unknown "no_such" variable`,
		"sticky learn frob;":                                `unknown parameter "frob"`,
		"sticky learn zone=z;":                              `"sticky" directive zone size is not specified`,
		"sticky learn zone=:64k;":                           `"sticky" directive zone name is not specified`,
		"sticky learn zone=z:x;":                            `"sticky" directive invalid zone size`,
		"sticky learn zone=z:31k;":                          `"sticky" directive zone is too small`,
		"sticky learn zone=z:64k zone=z:64k;":               `"sticky" directive duplicate zone`,
		"sticky learn timeout=0;":                           `"sticky" directive invalid timeout`,
		"sticky learn timeout=x;":                           `"sticky" directive invalid timeout`,
		"sticky learn timeout=1s timeout=1s;":               `"sticky" directive duplicate timeout`,
	} {
		_, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp {\nupstream u {\n"+directive+" server 127.0.0.1:1;\n}\n}", modules)
		if !errs.Failed() || !strings.HasPrefix(errs[0].Error(), want+" in ") || !strings.HasSuffix(errs[0].Error(), "nginx.conf:4") {
			t.Errorf("%s: %v, want %s", directive, errs, want)
		}
	}
}

// A zone is one upstream's, also from one configuration to the next.
func TestZoneOfAnother(t *testing.T) {
	p := newPeers(t)
	conf := p.conf(learn)
	twice := strings.Replace(conf, "http {", "http { upstream v { "+learn+" server 127.0.0.1:1; }", 1)
	_, _, errs := webtest.Load(t.TempDir(), twice, modules)
	if want := `sticky zone "z" is already used in upstream "v"`; !errs.Failed() || !strings.Contains(errs.Error(), want) {
		t.Errorf("%v, want %s", errs, want)
	}
	s := webtest.New(t, conf, modules, nil)
	_, errs = webtest.LoadAfter(s.HTTP, t.TempDir(), strings.ReplaceAll(conf, "upstream u", "upstream w"), modules)
	if want := `sticky zone "z" is used in upstream "w" while previously it was used in upstream "u"`; !errs.Failed() || !strings.Contains(errs.Error(), want) {
		t.Errorf("%v, want %s", errs, want)
	}
}
