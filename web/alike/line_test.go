package alike

import (
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
)

const lineConf = `
	log_format line '$request|$status|$body_bytes_sent|$bytes_sent|$request_length|$server_protocol|$request_method|$uri|$request_uri|$args|$host|$http_x';
	access_log DIR/access.log line;
	server {
		listen LISTEN; keepalive_timeout 0; location / { return 204; }
	}
`

func is(pattern string) *regexp.Regexp { return regexp.MustCompile(pattern) }

// get is the beginning of a request.
const get = "GET / HTTP/1.1\r\nHost: a\r\n"

// TestRequestLine: what the logs show of a request line that is refused or unusual.
func TestRequestLine(t *testing.T) {
	const refused = "|400|150|295|0|-|-|-|-|-||-"
	const refused09 = "|400|150|150|0|-|-|-|-|-||-"
	invalid := func(what, line string) *regexp.Regexp {
		return is(`^[^\n]*\[info\][^\n]* client sent ` + what + ` while reading client request ` + line + `\n$`)
	}
	const client = `client: 127\.0\.0\.1, server: `
	uri := strings.Repeat("x", 9000)
	run(t, lineConf, nil, []exchangeCase{
		{name: "plain", send: get + "X: \ty\t \r\n\r\n", logged: `GET / HTTP/1.1|204|0|98|36|HTTP/1.1|GET|/|/|-|a|\x09y\x09`},
		{name: "TLS", send: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abc", logged: `\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03abc` + refused,
			errors: invalid("invalid method", "line, "+client+`, request: "\x16\x03\x01\x02\x00\x01\x00\x01[^"]*\x03\x03abc"`)},
		{name: "TLS with a line end", send: "\x16\x03\x01\x02\x0aab\x0d\x0ac", logged: `\x16\x03\x01\x02` + refused,
			errors: invalid("invalid method", "line, "+client+`, request: "\x16\x03\x01\x02"`)},
		{name: "CR first", send: "\x16\x03\x0dab\x0ac", logged: `\x16\x03` + refused},
		{name: "bytes beyond the buffer", send: strings.Repeat("\x01", 2000), logged: strings.Repeat(`\x01`, 1024) + refused},
		{name: "too long", send: "GET /" + uri + " HTTP/1.1\r\nHost: a\r\n\r\n", logged: "GET /" + uri[:8192-5] + "|414|170|325|0|-|-|-|-|-||-",
			errors: invalid("too long URI", "line, "+client+`, request: "GET /x+"?`)},
		{name: "never ending", send: "GET /" + strings.Repeat(uri, 4), logged: "GET /" + uri[:8192-5] + "|414|170|325|0|-|-|-|-|-||-", answer: is(`^HTTP/1.1 414 [^\n]*\n(.*\n)+</html>\r\n$`)},
		{name: "method", send: "get / HTTP/1.1\r\n\r\n", logged: "get / HTTP/1.1" + refused, errors: invalid("invalid method", "line, "+client+`, request: "get / HTTP/1.1"`)},
		{name: "no method", send: " / HTTP/1.1\r\n\r\n", logged: " / HTTP/1.1" + refused},
		{name: "no URI", send: "GET\r\n\r\n", logged: "GET" + refused},
		{name: "control", send: "GET /\x01 HTTP/1.1\r\n\r\n", logged: `GET /\x01 HTTP/1.1` + refused},
		{name: "NUL", send: "GET /\x00 HTTP/1.1\r\n\r\n", logged: `GET /\x00 HTTP/1.1` + refused},
		{name: "DEL", send: "GET /\x7f HTTP/1.1\r\n\r\n", logged: `GET /\x7F HTTP/1.1` + refused},
		{name: "relative", send: "GET x HTTP/1.1\r\n\r\n", logged: `GET x HTTP/1.1` + refused},
		{name: "space in the URI", send: "GET /a b HTTP/1.1\r\n\r\n", logged: `GET /a b HTTP/1.1` + refused},
		{name: "HTTP/2.0", send: "GET / HTTP/2.0\r\n\r\n", logged: "GET / HTTP/2.0|505|180|340|0||-|-|-|-||-"},
		{name: "HTTP/2 preface", send: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", logged: "PRI * HTTP/2.0" + refused},
		{name: "HTTP/1.2", send: "GET / HTTP/1.2\r\nHost: a\r\n\r\n", logged: "GET / HTTP/1.2|204|0|98|27|HTTP/1.2|GET|/|/|-|a|-"},
		{name: "HTTP/1.9", send: "GET / HTTP/1.9\r\nHost: a\r\n\r\n", logged: "GET / HTTP/1.9|204|0|98|27|HTTP/1.9|GET|/|/|-|a|-"},
		{name: "HTTP/1.0", send: "GET / HTTP/1.0\r\n\r\n", logged: "GET / HTTP/1.0|204|0|98|18|HTTP/1.0|GET|/|/|-||-"},
		{name: "HTTP/0.9 with its name", send: "GET / HTTP/0.9\r\n\r\n", logged: "GET / HTTP/0.9|400|150|295|0||-|-|-|-||-"},
		{name: "HTTP/1", send: "GET / HTTP/1\r\n\r\n", logged: "GET / HTTP/1|400|150|295|0||-|-|-|-||-"},
		{name: "HTTPS", send: "GET / HTTPS/1.1\r\n\r\n", logged: "GET / HTTPS/1.1|400|150|295|0||-|-|-|-||-"},
		{name: "http", send: "GET / http/1.1\r\n\r\n", logged: "GET / http/1.1" + refused},
		{name: "HTTP/0.9", send: "GET /a?b\r\n", logged: "GET /a?b|204|0|0|10|-|GET|/a|/a?b|b||-"},
		{name: "HTTP/0.9 POST", send: "POST /\r\n", logged: "POST /" + refused09},
		{name: "up too far", send: "GET /../x HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n", logged: "GET /../x HTTP/1.1|400|150|295|20|HTTP/1.1|GET||-|-||-"},
		{name: "percent", send: "GET /%zz HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n", logged: "GET /%zz HTTP/1.1|400|150|295|19|HTTP/1.1|GET||-|-||-"},
		{name: "bad host in the line", send: "GET http://a..b/c?d HTTP/1.1\r\nHost: b\r\n\r\n", logged: "GET http://a..b/c?d HTTP/1.1|400|150|295|30|HTTP/1.1|GET|/c|/c?d|d||-",
			errors: invalid("invalid host in request line", "line, "+client+`, request: "GET http://a\.\.b/c\?d HTTP/1\.1"`)},
		{name: "empty line first", send: "\r\n\x16/ HTTP/1.1\r\n", logged: `\x16/ HTTP/1.1` + refused},
	})
}

// TestBrokenOff: what the logs show of a request that ends before its time.
func TestBrokenOff(t *testing.T) {
	for _, c := range []struct{ send, logged string }{
		{"GET /part", "GET /part|400|0|0|0|-|-|-|-|-||-"},
		{"GET /part\r", "GET /part|400|0|0|0|-|-|-|-|-||-"},
		{"GET /part HTTP/1.1\r\nHo", "GET /part HTTP/1.1|400|0|0|20|HTTP/1.1|GET|/part|/part|-||-"},
		{get + "X: y\r\nY", "GET / HTTP/1.1|400|0|0|31|HTTP/1.1|GET|/|/|-|a|y"},
		{get + "X: y\r\nLong: " + strings.Repeat("y", 1100), "GET / HTTP/1.1|400|0|0|31|HTTP/1.1|GET|/|/|-|a|y"},
		{"\r\n", "|400|0|0|0|-|-|-|-|-||-"},
	} {
		c.logged = strings.ReplaceAll(c.logged, "\r", "")
		t.Run(strings.Fields(c.send + " -")[0], func(t *testing.T) {
			brokenOff(t, c.send, c.logged)
		})
	}
}

// TestRefusedField: how far a request had been read whose fields are refused.
func TestRefusedField(t *testing.T) {
	const line = "GET / HTTP/1.1\r\nHost: a\r\n"
	cases := []exchangeCase{
		{name: "control in a name", send: line + "\x01: b\r\n\r\n", logged: "25|a", errors: is(`invalid header line: "\\x01\.\.\." while reading client request headers,`)},
		{name: "space in a name", send: line + "A : b\r\n\r\n", logged: "25|a", errors: is(`invalid header line: "A\\x20\.\.\." while`)},
		{name: "NUL", send: line + "A: \x00b\r\n\r\n", logged: "25|a", errors: is(`invalid header line: "A: \\x00\.\.\." while`)},
		{name: "folded", send: line + " b\r\n\r\n", logged: "25|a", errors: is(`invalid header line: "\\x20\.\.\." while`)},
		{name: "no name", send: line + ": b\r\n\r\n", logged: "25|a", errors: is(`invalid header line: "\\x3a\.\.\." while`), since: "1.21.1"},
		{name: "second host", send: line + "Host: a\r\n\r\n", logged: "34|a", errors: is(`while reading client request headers,`)},
		{name: "bad host", send: "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", logged: "27|", errors: is(`client sent invalid host header while reading client request headers,`)},
		{name: "no host", send: "GET / HTTP/1.1\r\nX: y\r\n\r\n", logged: "24|", errors: is(`without "Host" header while reading client request headers,`)},
		{name: "length", send: line + "Content-Length: x\r\n\r\n", logged: "46|a", errors: is(`invalid "Content-Length" header while reading client request headers,`)},
		{name: "TRACE", send: "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", logged: "29|a", errors: is(`client sent TRACE method while reading client request headers,`)},
		{name: "too long", send: line + "A: " + strings.Repeat("x", 9000) + "\r\n\r\n", logged: "25|a", errors: is(`too long header line: "A: ` + strings.Repeat("x", 1745) + `\.\.\." while reading client request headers,`)},
		{name: "too many", send: line + strings.Repeat("A: "+strings.Repeat("x", 4995)+"\r\n", 8) + "\r\n", logged: "20025|a"},
	}
	run(t, `log_format f '$request_length|$host'; access_log DIR/access.log f; server { listen LISTEN; return 204; }`, nil, cases)
}

// TestConnectionWords: nginx finds the words of Connection wherever they stand,
// and Expect only as it is.
func TestConnectionWords(t *testing.T) {
	const line = "GET / HTTP/1.1\r\nHost: a\r\n"
	const old = "GET / HTTP/1.0\r\nHost: a\r\n"
	closed, kept := is("\r\nConnection: close\r\n"), is("\r\nConnection: keep-alive\r\n")
	cases := []exchangeCase{{name: "default", send: line + "\r\n", stays: true, logged: "204", answer: kept}}
	for _, v := range []string{"close", "Close", "close;x", "\"close\"", "x-close", "closed", "a,close", "close, keep-alive", "keep-alive, close", "\tclose", "TE close", "keep-alive;close"} {
		cases = append(cases, exchangeCase{name: v, send: line + "Connection: " + v + "\r\n\r\n", logged: "204", answer: closed})
	}
	for _, v := range []string{"", "clos", "keep-alive", "upgrade", "c lose", "Connection"} {
		cases = append(cases, exchangeCase{name: v, send: line + "Connection: " + v + "\r\n\r\n", stays: true, logged: "204", answer: kept})
	}
	for _, v := range []string{"keep-alive", "Keep-Alive", "\"keep-alive\"", "keep-alive;x", "x,keep-alive", "keep-alives"} {
		cases = append(cases, exchangeCase{name: "1.0 " + v, send: old + "Connection: " + v + "\r\n\r\n", stays: true, logged: "204", answer: kept})
	}
	for _, v := range []string{"keepalive", "keep-aliv", "", "upgrade", "keep-alive, close"} {
		cases = append(cases, exchangeCase{name: "1.0 " + v, send: old + "Connection: " + v + "\r\n\r\n", logged: "204", answer: closed})
	}
	run(t, `log_format f '$status'; access_log DIR/access.log f; server { listen LISTEN; return 204; }`, nil, cases)
}

// brokenOff has a client send a part of a request to both servers and leave.
func brokenOff(t *testing.T, send, logged string) {
	t.Helper()
	for _, start := range []func(*testing.T, string, func(*testing.T, string)) *side{here, there} {
		s := start(t, lineConf, nil)
		conn, err := net.Dial("tcp4", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, send); err != nil {
			t.Fatal(err)
		}
		_ = conn.(*net.TCPConn).CloseWrite()
		if line := s.logged(t); line != logged {
			t.Errorf("nginx %q logged %q, want %q", s.version, line, logged)
		}
		_ = conn.Close()
	}
}

// TestExpect: who is told to go on.
func TestExpect(t *testing.T) {
	const post = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n"
	asked, not := is("^HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 "), is("^HTTP/1.1 200 ")
	var cases []exchangeCase
	for _, v := range []string{"100-continue", "100-Continue", "  100-continue  "} {
		cases = append(cases, exchangeCase{name: v, send: post + "Expect:" + v + "\r\n\r\n", rest: "x", answer: asked})
	}
	for _, v := range []string{"\t100-continue", "100-continue\t", "100-continue;x", "100-continue, x", "\"100-continue\"", "100", ""} {
		cases = append(cases, exchangeCase{name: v, send: post + "Expect:" + v + "\r\n\r\nx", answer: not})
	}
	run(t, `server { listen LISTEN; location / { empty_gif; } }`, nil, cases)
}
