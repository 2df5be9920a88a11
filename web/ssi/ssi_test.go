package ssi_test

import (
	"strings"
	"testing"

	"tandem/static"
	"tandem/web"
	"tandem/web/ssi"
	"tandem/web/webtest"
)

const conf = `events {}
http {
	server { listen 127.0.0.1:8080; root .;
		location / { ssi on; }
		location /silent { ssi on; ssi_silent_errors on; }
	}
}`

func start(t testing.TB, files map[string]string) *webtest.Server {
	return webtest.Start(t, strings.Replace(conf, "types", "", 1), []*web.Module{static.Module, ssi.Module}, files)
}

func TestCommands(t *testing.T) {
	const wrong = "[an error occurred while processing the directive]"
	pages := map[string]struct{ text, want string }{
		"plain":   {`a<!-- b --><!--# c`, `a<!-- b --><!--# c`},
		"echo":    {`<!--#echo var="arg_a" -->|<!--#echo var="arg_none" -->|<!--#echo var="arg_none" default="d" -->|<!--#echo var="nonsense" -->`, `&lt;x&gt;|(none)|d|(none)`},
		"enc":     {`<!--#echo var="arg_a" encoding="none" -->|<!--#echo var='arg_a' encoding='url' -->`, `<x>|%3Cx%3E`},
		"set":     {`<!--#set var="v" value="1\$2${arg_b}" --><!--#echo var="v" -->`, `1$2bb`},
		"include": {`[<!--#include virtual="/inc.html?x=1" -->][<!--#include file="inc.html" -->]`, `[included][included]`},
		"nested":  {`[<!--#include virtual="outer.html" -->]`, `[(included)]`},
		"missing": {`[<!--#include virtual="/none.html" stub="s" -->]`, `[` + wrong + `]`},
		"stub":    {`<!--#block name="s" -->S<!--#echo var="arg_b" --><!--#endblock -->[<!--#include virtual="/none.html" stub="s" -->]`, `[Sbb]`},
		"capture": {`<!--#include virtual="/inc.html" set="got" -->[<!--#echo var="got" -->]`, `[included]`},
		"unsafe":  {`<!--#include virtual="../../etc/passwd" -->`, wrong},
		"both":    {`<!--#include virtual="/a" file="b" -->`, wrong},
		"unknown": {`<!--#exec cmd="id" -->`, wrong},
		"errmsg":  {`<!--#config errmsg="oops" --><!--#nope -->`, `oops`},
		"if":      {`<!--#if expr="$arg_b = bb" -->yes<!--#else -->no<!--#endif -->`, `yes`},
		"ifnot":   {`<!--#if expr="$arg_b != bb" -->yes<!--#elif expr="$arg_a" -->elif<!--#endif -->`, `elif`},
		"regex":   {`<!--#if expr="$arg_b = /^(b)(?P<tail>.)/" --><!--#echo var="1" -->-<!--#echo var="tail" --><!--#endif -->`, `b-b`},
		"badif":   {`<!--#endif -->`, wrong},
		"time":    {`<!--#config timefmt="%Y%%" --><!--#echo var="date_gmt" -->`, `20`},
		"params":  {`<!--#echo var="arg_b" bogus="1" -->`, wrong},
	}
	files := map[string]string{"inc.html": "included", "outer.html": `(<!--#include file="inc.html" -->)`,
		"silent/x.html": "a<!--#nope -->b"}
	for name, p := range pages {
		files[name+".html"] = p.text
	}
	s := start(t, files)
	for name, p := range pages {
		a := s.Get(t, "/"+name+".html?a=<x>&b=bb")
		if name == "time" {
			if !strings.HasPrefix(a.Body, p.want) || !strings.HasSuffix(a.Body, "%") {
				t.Errorf("%s: %q", name, a.Body)
			}
			continue
		}
		if a.Status != 200 || a.Body != p.want {
			t.Errorf("%s: %d %q, want %q", name, a.Status, a.Body, p.want)
		}
		if a.Header.Get("Last-Modified") != "" || a.Header.Get("ETag") != "" || a.Header.Get("Content-Length") != "" {
			t.Errorf("%s: the page looks as if it never changed: %q", name, a.Raw)
		}
	}
	if got := s.Get(t, "/silent/x.html").Body; got != "ab" {
		t.Errorf("silent: %q", got)
	}
}
