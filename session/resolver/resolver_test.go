package resolver_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	dns "tandem/internal/resolver"
	"tandem/session"
	"tandem/session/resolver"
	"tandem/web"
	"tandem/web/webtest"
)

var modules = []*web.Module{web.Shared(resolver.Module)}

func load(t *testing.T, text string) *web.HTTP {
	t.Helper()
	h, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp {\n"+text+"\n}\n", modules)
	if errs.Failed() {
		t.Fatal(errs)
	}
	return h
}

func TestLevelsInherit(t *testing.T) {
	h := load(t, `resolver 127.0.0.1; resolver_timeout 5s;
	server { listen 127.0.0.1:8080; }
	server { listen 127.0.0.1:8081; resolver_timeout 7s;
		location / { resolver 127.0.0.2:5353 valid=10s ipv6=off status_zone=z; } }`)
	outer, timeout := resolver.Of(&h.Servers[0].Location.Level)
	if outer == nil || timeout != 5*time.Second {
		t.Errorf("the first server has %v, %v", outer, timeout)
	}
	if r, timeout := resolver.Of(&h.Servers[1].Location.Level); r != outer || timeout != 7*time.Second {
		t.Errorf("the second server has %v, %v", r, timeout)
	}
	var all []*dns.Resolver
	h.Realm.Each(func(l *session.Level) {
		r, _ := resolver.Of(l)
		all = append(all, r)
	})
	if n := len(all); n != 4 || all[n-1] == nil || all[n-1] == outer {
		t.Errorf("the resolvers are %v", all)
	}
}

func TestNoResolver(t *testing.T) {
	h := load(t, `server { listen 127.0.0.1:8080; }`)
	if r, timeout := resolver.Of(&h.Servers[0].Location.Level); r != nil || timeout != resolver.DefaultTimeout {
		t.Errorf("without the directives there are %v, %v", r, timeout)
	}
}

// TestTheServersAreAsked looks a name up with what the directive made.
func TestTheServersAreAsked(t *testing.T) {
	server, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	_ = server.SetReadDeadline(time.Now().Add(30 * time.Second))
	asked := make(chan string, 1)
	go func() {
		buf := make([]byte, 512)
		n, from, err := server.ReadFrom(buf)
		if err != nil {
			asked <- err.Error()
			return
		}
		asked <- string(buf[12:n])
		// NXDOMAIN.
		buf[2], buf[3] = 0x81, 0x83
		_, _ = server.WriteTo(buf[:n], from)
	}()
	h := load(t, "resolver "+server.LocalAddr().String()+" ipv6=off; server { listen 127.0.0.1:8080; }")
	r, _ := resolver.Of(&h.Servers[0].Location.Level)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, _, err = r.LookupAddrs(ctx, "a.example")
	if question := <-asked; !strings.HasPrefix(question, "\x01a\x07example\x00") {
		t.Errorf("the question is %q", question)
	}
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the answer is %v", err)
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"resolver 127.0.0.1; resolver 127.0.0.2;": `"resolver" directive is duplicate`,
		"resolver 127.0.0.1 valid=x;":             `invalid parameter: valid=x`,
		"resolver 127.0.0.1 ipv6=maybe;":          `invalid parameter: ipv6=maybe`,
		"resolver 127.0.0.1 ipv4=off ipv6=off;":   `"ipv4" and "ipv6" cannot both be "off"`,
		"resolver 127.0.0.1:0;":                   `invalid port in resolver "127.0.0.1:0"`,
		"resolver 127.0.0.1:x;":                   `invalid port in resolver "127.0.0.1:x"`,
		"resolver a/b;":                           `invalid host in resolver "a/b"`,
		"resolver_timeout never;":                 `"resolver_timeout" directive invalid value`,
	} {
		_, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp {\n"+text+"\n}\n", modules)
		if len(errs) == 0 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%s: %v, want %s", text, errs, want)
		}
	}
}
