package alike

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"tandem/web/webtest"
)

// backend answers each request with the bytes that stand for its path, once it
// has read the request's body, and closes the connection. It returns the address.
func backend(t *testing.T, answers map[string]string) string {
	t.Helper()
	return webtest.Backend(t, "127.0.0.1:0", func(c net.Conn) {
		request, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, request.Body)
		answer, ok := answers[request.URL.Path]
		if !ok {
			answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
		}
		_, _ = io.WriteString(c, answer)
	})
}

// TestSizes: $bytes_sent and $body_bytes_sent are what went to the client, with
// what frames it, and $request_length is what came from it.
func TestSizes(t *testing.T) {
	addr := backend(t, map[string]string{
		"/close": "HTTP/1.1 200 OK\r\n\r\n0123456789",
		"/chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
		"/trail": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX: y\r\n\r\n",
	})
	const get, post = " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
	const chunked = "Transfer-Encoding: chunked\r\n\r\n"
	big := strings.Repeat("x", 20000)
	cases := []exchangeCase{
		{name: "text", send: "GET /text" + get + "\r\n", logged: "4|50|139"},
		{name: "HEAD", send: "HEAD /text" + get + "\r\n", logged: "0|51|135"},
		{name: "pieces", send: "GET /close" + get + "\r\n", logged: "20|51|138"},
		{name: "pieces for 1.0", send: "GET /close HTTP/1.0\r\n\r\n", logged: "10|23|100"},
		{name: "chunks", send: "GET /chunk" + get + "\r\n", logged: "14|51|132"},
		{name: "trailers that are not passed on", send: "GET /trail" + get + "\r\n", logged: "14|51|132"},
		{name: "chunks for 1.0", send: "GET /chunk HTTP/1.0\r\n\r\n", logged: "4|23|94"},
		{name: "HEAD of chunks", send: "HEAD /chunk" + get + "\r\n", logged: "0|52|90"},
		{name: "asked to go on", send: "POST /" + post + "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", rest: "abc", logged: "27|91|136"},
		{name: "asked to go on, not buffered", send: "POST /unbuffered" + post + "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", rest: "abc", logged: "27|101|136"},
		{name: "body", send: "POST /" + post + "Content-Length: 3\r\n\r\nabc", logged: "2|69|111"},
		{name: "large body", send: "POST /" + post + "Content-Length: 20000\r\n\r\n" + big, logged: "2|20070|111"},
		{name: "chunked body", send: "POST /" + post + chunked + "3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\n", logged: "2|98|111"},
		{name: "large chunked body", send: "POST /" + post + chunked + "4e20\r\n" + big + "\r\n0\r\n\r\n", logged: "2|20088|111"},
		{name: "empty chunked body", send: "POST /" + post + chunked + "0\r\n\r\n", logged: "2|80|111"},
		{name: "unbuffered body", send: "POST /unbuffered" + post + "Content-Length: 3\r\n\r\nabc", logged: "2|79|111"},
		{name: "large unbuffered body", send: "POST /unbuffered" + post + "Content-Length: 20000\r\n\r\n" + big, logged: "2|20080|111"},
		{name: "unbuffered chunked body", send: "POST /unbuffered" + post + chunked + "3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\n", logged: "2|108|111"},
		{name: "large unbuffered chunked body", send: "POST /unbuffered" + post + chunked + "4e20\r\n" + big + "\r\n0\r\n\r\n", logged: "2|20098|111"},
		{name: "body that nobody wants", send: "GET /text" + post + "Content-Length: 3\r\n\r\nabc", logged: "4|69|139"},
		{name: "chunked body that nobody wants", send: "GET /text" + post + chunked + "3\r\nabc\r\n0\r\n\r\n", logged: "4|78|139"},
	}
	run(t, `
		log_format f '$body_bytes_sent|$request_length|$bytes_sent';
		access_log DIR/access.log f;
		proxy_http_version 1.1;
		server {
			listen LISTEN;
			server_tokens off;
			location /text { return 200 text; }
			location / { proxy_pass http://`+addr+`/; }
			location /close { proxy_pass http://`+addr+`; }
			location /chunk { proxy_pass http://`+addr+`; }
			location /trail { proxy_pass http://`+addr+`; }
			location /unbuffered { proxy_pass http://`+addr+`/; proxy_request_buffering off; }
		}`, nil, cases)
}

// TestUpstreamResponseLength: of an answer that has no body counts what has come
// with its head, except that of HEAD.
func TestUpstreamResponseLength(t *testing.T) {
	addr := backend(t, map[string]string{
		"/204":  "HTTP/1.1 204 No Content\r\n\r\nbody",
		"/204c": "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
		"/304":  "HTTP/1.1 304 Not Modified\r\n\r\nbody",
		"/304l": "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n",
		"/304b": "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nbody",
		"/200":  "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
		"/200c": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
		"/more": "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodymore",
	})
	none := is("^$")
	var cases []exchangeCase
	for _, place := range []string{"/buffered", "/direct"} {
		more := is(`sent more data than specified in "Content-Length" header while reading upstream,`)
		if place == "/direct" {
			more = is(`sent more data than specified in "Content-Length" header while reading response header from upstream,`)
		}
		add := func(method, path, logged string, errors bool) {
			c := exchangeCase{name: method + " " + place + path, send: method + " " + place + path + " HTTP/1.0\r\n\r\n", logged: logged, errors: none}
			if errors {
				c.errors = more
			}
			cases = append(cases, c)
		}
		add("GET", "/204", "204 4", true)
		add("GET", "/204c", "204 14", true)
		add("GET", "/304", "304 4", true)
		add("GET", "/304l", "304 0", false)
		add("GET", "/304b", "304 4", true)
		add("GET", "/200", "200 4", false)
		add("GET", "/200c", "200 14", false)
		add("GET", "/more", "200 8", true)
		for _, path := range []string{"/204", "/204c"} {
			add("HEAD", path, "204 0", false)
		}
		for _, path := range []string{"/200", "/200c", "/more"} {
			add("HEAD", path, "200 0", false)
		}
		add("HEAD", "/304b", "304 0", false)
	}
	run(t, `
		log_format f '$upstream_status $upstream_response_length';
		access_log DIR/access.log f;
		proxy_http_version 1.1;
		server {
			listen LISTEN;
			location /buffered/ { proxy_pass http://`+addr+`/; }
			location /direct/ { proxy_pass http://`+addr+`/; proxy_buffering off; }
		}`, nil, cases)
}

// TestUwsgiStatus: the header Status of a uwsgi back end is passed on, which that
// of the other protocols of applications is not.
func TestUwsgiStatus(t *testing.T) {
	answer := func(bytes string) string {
		return webtest.Backend(t, "127.0.0.1:0", func(c net.Conn) {
			if _, err := c.Read(make([]byte, 4096)); err == nil {
				_, _ = io.WriteString(c, bytes)
			}
		})
	}
	http := answer("HTTP/1.1 201 Created\r\nStatus: 404 Not Found\r\nContent-Length: 0\r\n\r\n")
	cgi := answer("Status: 404 Not Found\r\nContent-Length: 0\r\n\r\n")
	const line = " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	run(t, `server {
		listen LISTEN;
		location /uwsgi-http { uwsgi_pass `+http+`; }
		location /uwsgi-cgi { uwsgi_pass `+cgi+`; }
		location /scgi-http { scgi_pass `+http+`; }
		location /scgi-cgi { scgi_pass `+cgi+`; }
	}`, nil, []exchangeCase{
		{name: "uwsgi, HTTP", send: "GET /uwsgi-http" + line, answer: is(`^HTTP/1\.1 201 Created\r\n(.*\r\n)*Status: 404 Not Found\r\n(.*\r\n)*\r\n$`)},
		{name: "uwsgi, CGI", send: "GET /uwsgi-cgi" + line, answer: is(`^HTTP/1\.1 404 Not Found\r\n(.*\r\n)*Status: 404 Not Found\r\n(.*\r\n)*\r\n$`)},
		{name: "SCGI, HTTP", send: "GET /scgi-http" + line, answer: is(`^HTTP/1\.1 201 Created\r\n([^S].*\r\n|Server.*\r\n)*\r\n$`)},
		{name: "SCGI, CGI", send: "GET /scgi-cgi" + line, answer: is(`^HTTP/1\.1 404 Not Found\r\n([^S].*\r\n|Server.*\r\n)*\r\n$`)},
	})
}
