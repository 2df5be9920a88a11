package secure_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"tandem/internal/loopback"
	"tandem/proxy"
	"tandem/proxy/exchange"
	"tandem/web"
	"tandem/web/webtest"
)

var modules = []*web.Module{exchange.Module, proxy.Module}

const begin = "events {}\nhttp { server { listen 127.0.0.1:8080; "

// Connections come from the address that is named, or that a variable has.
func TestBind(t *testing.T) {
	addr := webtest.Backend(t, "127.0.0.1:0", func(c net.Conn) {
		if _, _, err := webtest.ReadHead(bufio.NewReader(c)); err == nil {
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\n\r\n%s", c.RemoteAddr())
		}
	})
	port := loopback.Port(t)
	s := webtest.New(t, begin+"proxy_bind 127.0.0.4; proxy_pass_request_body off;"+
		"location / { proxy_pass http://"+addr+"; }"+
		"location /own { proxy_pass http://"+addr+"; proxy_bind 127.0.0.5; }"+
		"location /port { proxy_pass http://"+addr+"; proxy_bind 127.0.0.6:"+port+"; }"+
		"location /off { proxy_pass http://"+addr+"; proxy_bind off; }"+
		"location /var { proxy_pass http://"+addr+"; proxy_bind $arg_a; }"+
		"} }", modules, nil)
	for _, c := range []struct{ target, want, log string }{
		{"/", "127.0.0.4:", ""},
		{"/own", "127.0.0.5:", ""},
		{"/port", "127.0.0.6:" + port, ""},
		{"/off", "127.0.0.1:", ""},
		{"/var?a=127.0.0.7", "127.0.0.7:", ""},
		{"/var", "127.0.0.1:", ""},
		{"/var?a=nowhere", "127.0.0.1:", `invalid local address "nowhere"`},
		{"/var?a=127.0.0.8:x", "127.0.0.1:", `invalid local address "127.0.0.8:x"`},
		{"/var?a=[127.0.0.8", "127.0.0.1:", `invalid local address "[127.0.0.8"`},
		{"/var?a=192.0.2.1", "", "failed (99: Cannot assign requested address) while connecting to upstream"}, // is not this host's
	} {
		x := s.Ask(t, c.target)
		if c.want == "" {
			if x.Status/100 != 5 {
				t.Errorf("%s: %d %s", c.target, x.Status, x.Content)
			}
		} else if !strings.HasPrefix(x.Content, c.want) {
			t.Errorf("%s: from %q, want %s (%d)", c.target, x.Content, c.want, x.Status)
		}
		if !strings.Contains(s.Log(), c.log) {
			t.Errorf("%s: the log does not say %q", c.target, c.log)
		}
	}
}

func TestBindMistakes(t *testing.T) {
	for directive, want := range map[string]string{
		"proxy_bind nowhere;":                           `invalid address "nowhere"`,
		"proxy_bind 127.0.0.1:x;":                       `invalid address "127.0.0.1:x"`,
		"proxy_bind 127.0.0.1 opaque;":                  `invalid parameter "opaque"`,
		"proxy_bind 127.0.0.1; proxy_bind 127.0.0.1;":   `"proxy_bind" directive is duplicate`,
		"proxy_bind off; proxy_bind off;":               `"proxy_bind" directive is duplicate`,
		"proxy_bind $no_such;":                          `unknown "no_such" variable`,
		"proxy_bind;":                                   `invalid number of arguments in "proxy_bind" directive`,
		"proxy_bind 127.0.0.1 transparent transparent;": `invalid number of arguments in "proxy_bind" directive`,
	} {
		_, _, errs := webtest.Load(t.TempDir(), begin+directive+" } }", modules)
		if !errs.Failed() || !strings.HasPrefix(errs[0].Error(), want) {
			t.Errorf("%s: %v, want %s", directive, errs, want)
		}
	}
	for _, directive := range []string{"127.0.0.1 transparent", "$remote_addr transparent", "[::1]", "::1", "[::1]:81", "off"} {
		if _, _, errs := webtest.Load(t.TempDir(), begin+"proxy_bind "+directive+"; } }", modules); len(errs) > 0 {
			t.Errorf("%s: %v", directive, errs)
		}
	}
}
