package alike

import (
	"fmt"
	"testing"
)

// TestOwnFields: add_header adds to the fields that the server sends anyway.
func TestOwnFields(t *testing.T) {
	addr := backend(t, map[string]string{
		"/named":   "HTTP/1.1 200 OK\r\nServer: back\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n",
		"/unnamed": "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	})
	const head = `^HTTP/1\.1 200 OK\r\n`
	const date = `Date: ..., [^\r]* GMT\r\n`
	cases := []exchangeCase{
		{name: "server", send: "/text-server", answer: is(head + `Server: nginx\r\n` + date + `Content-Type: text/plain\r\nContent-Length: 1\r\nConnection: close\r\nServer: mine\r\n\r\nx$`)},
		{name: "date", send: "/text-date", answer: is(head + `Server: nginx\r\n` + date + `Content-Type: text/plain\r\nContent-Length: 1\r\nConnection: close\r\nDate: mine\r\n\r\nx$`)},
		{name: "length", send: "/text-length", answer: is(head + `Server: nginx\r\n` + date + `Content-Type: text/plain\r\nContent-Length: 1\r\nConnection: close\r\nContent-Length: 9\r\n\r\nx$`)},
		{name: "type", send: "/text-type", answer: is(head + `Server: nginx\r\n` + date + `Content-Type: text/plain\r\nContent-Length: 1\r\nConnection: close\r\nContent-Type: a/b\r\n\r\nx$`)},
		{name: "last modified", send: "/text-modified", answer: is(head + `Server: nginx\r\n` + date + `Content-Type: text/plain\r\nContent-Length: 1\r\nConnection: close\r\nLast-Modified: mine\r\n\r\nx$`)},
		{name: "from a back end", send: "/plain/named", answer: is(head + `Server: nginx\r\n` + date + `Content-Length: 0\r\nConnection: close\r\nServer: mine\r\n\r\n$`)},
		{name: "passed on", send: "/passed/named", answer: is(head + `Content-Length: 0\r\nConnection: close\r\nServer: back\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nServer: mine\r\n\r\n$`)},
		{name: "nothing to pass on", send: "/passed/unnamed", answer: is(head + `Content-Length: 0\r\nConnection: close\r\nServer: mine\r\n\r\n$`)},
	}
	for i := range cases {
		cases[i].send = "GET " + cases[i].send + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	}
	run(t, fmt.Sprintf(`server {
		listen LISTEN; default_type text/plain;
		location /text-server { add_header Server mine; return 200 x; }
		location /text-date { add_header Date mine; return 200 x; }
		location /text-length { add_header Content-Length 9; return 200 x; }
		location /text-type { add_header Content-Type a/b; return 200 x; }
		location /text-modified { add_header Last-Modified mine; return 200 x; }
		location /plain/ { proxy_pass http://%[1]s/; add_header Server mine; }
		location /passed/ { proxy_pass http://%[1]s/; proxy_pass_header Server; proxy_pass_header Date; add_header Server mine; }
	}`, addr), nil, cases)
}

// TestRefusedBodies: a client that is refused by an error page is not asked for
// its body, unless the page may make a success of the request.
func TestRefusedBodies(t *testing.T) {
	const page = `location = /page { return 200 page; } location @named { return 200 named; }`
	for _, c := range []struct {
		pages string
		asked bool
	}{
		{"error_page 403 /page", false}, {"error_page 403 @named", false}, {"error_page 403 =404 /page", false},
		{"error_page 403 =200 /page", true}, {"error_page 403 = /page", true}, {"error_page 403 = @named", true}, {"error_page 404 /page", false},
	} {
		want := is(`^HTTP/1\.1 [2-5]`)
		if c.asked {
			want = is(`^HTTP/1\.1 100 Continue\r\n\r\nHTTP/1\.1 200 `)
		}
		var cases []exchangeCase
		for _, body := range []string{"Content-Length: 3\r\n", "Content-Length: 0\r\n", "", "Transfer-Encoding: chunked\r\n"} {
			for _, method := range []string{"POST", "GET"} {
				cases = append(cases, exchangeCase{name: c.pages + ": " + method + " " + body, answer: want,
					send: method + " /refused HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\n" + body + "\r\n"})
				if last := &cases[len(cases)-1]; c.asked && body == "Content-Length: 3\r\n" {
					last.rest = "abc"
				} else if c.asked && body == "Transfer-Encoding: chunked\r\n" {
					last.rest = "0\r\n\r\n"
				}
			}
		}
		t.Run(c.pages, func(t *testing.T) {
			run(t, `server { listen LISTEN; lingering_timeout 10ms; `+c.pages+`; location /refused { return 403; } `+page+` }`, nil, cases)
		})
	}
}

// TestCharsetTypes: only the types that charset_types names get a charset, and
// text/html.
func TestCharsetTypes(t *testing.T) {
	conf := ""
	var cases []exchangeCase
	for i, c := range []struct {
		types, contentType string
		named              bool
	}{
		{"", "text/plain", true}, {"", "text/html", true}, {"", "application/javascript", true}, {"", "application/json", false}, {"", "text/css", false},
		{"charset_types text/css;", "text/css", true}, {"charset_types text/css;", "text/html", true}, {"charset_types text/css;", "text/plain", false},
		{"charset_types text/css;", "text/xml", false}, {"charset_types text/css;", "application/javascript", false}, {"charset_types *;", "image/gif", true},
	} {
		place := fmt.Sprintf("/%d/", i)
		conf += fmt.Sprintf("location %s { default_type %s; %s return 200 x; }\n", place, c.contentType, c.types)
		want := `\r\nContent-Type: ` + c.contentType
		if c.named {
			want += "; charset=utf-8"
		}
		cases = append(cases, exchangeCase{name: c.types + " " + c.contentType, send: "GET " + place + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", answer: is(want + `\r\n`)})
	}
	cases = append(cases, exchangeCase{name: "callback", send: "GET /list/?callback=f HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", answer: is(`\r\nContent-Type: application/javascript\r\n`)})
	run(t, "server { listen LISTEN; charset utf-8;\n"+conf+`
		location /list/ { charset_types text/css; alias DIR/; autoindex on; autoindex_format jsonp; }
		location /empty/ { types { application/foo; text/x x; } } # a type without extensions
	}`, nil, cases)
}
