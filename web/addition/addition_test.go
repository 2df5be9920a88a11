package addition_test

import (
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"tandem/static"
	"tandem/web"
	"tandem/web/addition"
	"tandem/web/charset"
	"tandem/web/compress"
	"tandem/web/rewrite"
	"tandem/web/ssi"
	"tandem/web/sub"
	"tandem/web/webtest"
)

var modules = []*web.Module{rewrite.Module, static.Index, static.Module, addition.Module, sub.Module, charset.Module, ssi.Module, compress.Gzip}

func TestAddition(t *testing.T) {
	s := webtest.Start(t, `events {}
http {
	default_type text/html;
	server { listen 127.0.0.1:8080;
		location /plain { return 200 body; }
		location /before { add_before_body /head; return 200 body; }
		location /after { add_after_body /tail; return 200 body; }
		location /both { add_before_body /head; add_after_body /tail; root html;
			location /both/off { add_before_body ""; add_after_body ""; return 200 body; } }
		location /status { add_before_body /head; return 201 body; }
		location /type { default_type text/css; add_before_body /head; return 200 body; }
		location /types { default_type text/css; addition_types text/css; add_before_body /head; return 200 body; }
		location /missing { add_after_body /nothing; return 200 body; }
		location /self { add_after_body /self; return 200 self; }
		location /held { add_after_body /tail; sub_filter bodyguard x; return 200 "the body"; }
		location /packed { gzip on; gzip_min_length 0; add_before_body /head; add_after_body /tail; return 200 body; }
		location /ssi { ssi on; add_after_body /tail; return 200 '<!--#include virtual="/plain" -->, end'; }
		location /head { return 200 "before-"; }
		location /tail { sub_filter bodyguard x; return 200 "-after"; }
	}
}`, modules, map[string]string{"html/both/index.html": strings.Repeat("x", 100000), "html/both/empty.html": ""})
	for path, want := range map[string]string{
		"/plain": "body", "/before": "before-body", "/after": "body-after", "/both/": "before-" + strings.Repeat("x", 100000) + "-after",
		"/both/empty.html": "before--after", "/both/off": "body", "/status": "body", "/type": "body", "/types": "before-body", "/self": "selfself",
		"/held": "the body-after", "/ssi": "body, end-after",
	} {
		if a := s.Get(t, path); a.Body != want {
			t.Errorf("%s: %.100q, want %.100q", path, a.Body, want)
		}
	}
	if a := s.Get(t, "/missing"); !strings.HasPrefix(a.Body, "body<html>") {
		t.Errorf("error page behind: %q", a.Body)
	}
	a := s.Get(t, "/packed", "Accept-Encoding: gzip")
	z, err := gzip.NewReader(strings.NewReader(a.Body))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(z); err != nil || string(text) != "before-body-after" {
		t.Errorf("packed: %q %v", text, err)
	}
	if a := s.Do(t, "HEAD", "/both/"); a.Status != 200 || a.Body != "" || a.Header.Get("Content-Length") != "" || !strings.HasPrefix(a.Header.Get("ETag"), "W/") {
		t.Errorf("HEAD: %q", a.Raw)
	}
}
