package grpc_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"tandem/internal/flow"
	"tandem/proxy/exchange"
	"tandem/proxy/grpc"
	"tandem/web"
	"tandem/web/headers"
	"tandem/web/http2"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

var modules = []*web.Module{http2.Module, rewrite.Module, exchange.Module, grpc.Module}

// message frames a message as gRPC does: not compressed, its length, itself.
func message(text string) string {
	return string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(text)))) + text
}

// readMessage reads a message.
func readMessage(r io.Reader) (string, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	text := make([]byte, binary.BigEndian.Uint32(head[1:]))
	_, err := io.ReadFull(r, text)
	return string(text), err
}

// server is a gRPC server with a few methods.
func server(t testing.TB) string {
	b := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("X-Te", r.Header.Get("Te"))
		status, text := "0", ""
		send := func(text string) {
			_, _ = io.WriteString(w, message(text))
			w.(http.Flusher).Flush()
		}
		switch r.URL.Path {
		case "/s/Unary":
			got, _ := readMessage(r.Body)
			send("Hello " + got)
		case "/s/Count": // many answers to one message
			for i := range 3 {
				send(fmt.Sprint(i))
			}
		case "/s/Collect": // one answer to many messages
			var all []string
			for {
				got, err := readMessage(r.Body)
				if err != nil {
					break
				}
				all = append(all, got)
			}
			send(strings.Join(all, " "))
		case "/s/Chat": // an answer to each, at once
			w.(http.Flusher).Flush()
			for {
				got, err := readMessage(r.Body)
				if err != nil {
					break
				}
				send("re " + got)
			}
		case "/s/Fail": // an outcome without messages
			w.Header().Set("Grpc-Status", "5")
			w.Header().Set("Grpc-Message", "not found")
			return
		default:
			status, text = "12", "no such method"
		}
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", status)
		w.Header().Set(http.TrailerPrefix+"Grpc-Message", text)
	}))
	b.Config.Protocols = new(http.Protocols)
	b.Config.Protocols.SetUnencryptedHTTP2(true)
	b.Start()
	t.Cleanup(b.Close)
	return b.Listener.Addr().String()
}

func call(s *webtest.Server, t testing.TB, method string, messages ...string) *webtest.Exchange {
	x := &webtest.Exchange{Method: "POST", Target: "/s/" + method, Fields: []string{"Content-Type: application/grpc", "TE: trailers"}, Body: []string{}}
	for _, m := range messages {
		x.Body = append(x.Body, message(m))
	}
	return s.Exchange(t, x)
}

const begin = "events {}\nhttp {\n"

// The four kinds of calls, and the outcome of each.
func TestCalls(t *testing.T) {
	addr := server(t)
	s := webtest.New(t, begin+`upstream back { server `+addr+`; keepalive 2; }
	server { listen 127.0.0.1:8080; location / { grpc_pass grpc://back; } } }`, modules, nil)
	for _, c := range []struct {
		method   string
		messages []string
		content  string
		trailer  []string
	}{
		{"Unary", []string{"you"}, message("Hello you"), []string{"grpc-message: ", "grpc-status: 0"}},
		{"Count", []string{""}, message("0") + message("1") + message("2"), []string{"grpc-message: ", "grpc-status: 0"}},
		{"Collect", []string{"a", "b", "c"}, message("a b c"), []string{"grpc-message: ", "grpc-status: 0"}},
		{"Chat", []string{"a", "b"}, message("re a") + message("re b"), []string{"grpc-message: ", "grpc-status: 0"}},
		{"Missing", []string{""}, "", []string{"grpc-message: no such method", "grpc-status: 12"}},
	} {
		x := call(s, t, c.method, c.messages...)
		slices.Sort(x.Trailer)
		if x.Status != 200 || x.Content != c.content || !slices.Equal(x.Trailer, c.trailer) || !x.Ended || x.Field("x-te") != "trailers" {
			t.Errorf("%s: %d %q %q, ended %t, TE %q", c.method, x.Status, x.Content, x.Trailer, x.Ended, x.Field("x-te"))
		}
	}
	if x := call(s, t, "Fail", ""); x.Field("grpc-status") != "5" || x.Field("grpc-message") != "not found" || x.Content != "" || !x.Ended {
		t.Errorf("an outcome without messages: %q %q", x.Head, x.Content)
	}
}

// talker is a client that sends its last message when it has got the answer to the
// one before.
type talker struct {
	*webtest.Exchange
	last string
}

func (c *talker) SendBody(chunk web.Chunk) error {
	before := len(c.Content)
	err := c.Exchange.SendBody(chunk)
	if len(c.Content) > before && c.last != "" {
		go c.Continue(message(c.last))
		c.last = ""
	}
	return err
}

// Both sides talk at the same time: neither waits for the other's end.
func TestFullDuplex(t *testing.T) {
	s := webtest.New(t, begin+`server { listen 127.0.0.1:8080; location / { grpc_pass `+server(t)+`; } } }`, modules, nil)
	x := &webtest.Exchange{Method: "POST", Target: "/s/Chat", Body: []string{message("1")}, BodyEnd: flow.ErrNotYet}
	s.ExchangeBy(t, &talker{x, "2"}, x)
	if want := message("re 1") + message("re 2"); x.Content != want || !x.Ended {
		t.Errorf("%q, want %q, ended %t", x.Content, want, x.Ended)
	}
}

// What the configuration says of fields, hosts and addresses.
func TestSettings(t *testing.T) {
	requests := make(chan *http.Request, 1)
	b := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r
		w.Header().Set("Server", "back")
		w.Header().Set("X-Hidden", "1")
	}))
	b.Config.Protocols = new(http.Protocols)
	b.Config.Protocols.SetUnencryptedHTTP2(true)
	b.Start()
	defer b.Close()
	addr := b.Listener.Addr().String()
	s := webtest.New(t, begin+`server { listen 127.0.0.1:8080;
		grpc_set_header X-Server 1; grpc_hide_header X-Hidden;
		location / { grpc_pass `+addr+`; }
		location /set { grpc_pass `+addr+`; grpc_set_header Host other.example; grpc_set_header X-One $arg_one; grpc_set_header X-Two ""; grpc_set_header TE ""; }
		location /variable { grpc_pass grpc://$arg_to; }
		location /path { rewrite ^ "/a b" break; grpc_pass `+addr+`; }
		location /if { if ($arg_if) { set $x 1; } grpc_pass `+addr+`; }
	} }`, modules, nil)
	for _, c := range []struct{ target, host, uri, field, value string }{
		{"/x%20y?z", addr, "/x%20y?z", "X-Server", "1"},
		{"/", addr, "/", "Te", "trailers"},
		{"/", addr, "/", "X-Two", "client"},
		{"/set?one=1", "other.example", "/set?one=1", "X-One", "1"},
		{"/set?one=", "other.example", "/set?one=", "X-One", ""},
		{"/set?one=1", "other.example", "/set?one=1", "X-Two", ""},
		{"/set?one=1", "other.example", "/set?one=1", "Te", ""},
		{"/set?one=1", "other.example", "/set?one=1", "X-Server", ""},
		{"/variable?to=" + addr, addr, "/variable?to=" + addr, "X-Server", "1"},
		{"/path?q", addr, "/a%20b?q", "X-Server", "1"},
		{"/if?if=1", addr, "/if?if=1", "X-Server", "1"},
	} {
		x := s.Ask(t, c.target, "TE: trailers, deflate", "X-Two: client", "Connection: x", "Keep-Alive: y")
		if x.Status != 200 {
			t.Errorf("%s: %d", c.target, x.Status)
			continue
		}
		got := <-requests
		if got.Host != c.host || got.URL.RequestURI() != c.uri || got.Header.Get(c.field) != c.value || got.Header.Get("Keep-Alive") != "" {
			t.Errorf("%s: %s %s %v", c.target, got.Host, got.URL.RequestURI(), got.Header)
		}
		if x.Field("Server") == "back" || x.Field("x-hidden") != "" {
			t.Errorf("%s: %q", c.target, x.Head)
		}
	}
}

// error_page makes the outcome of a failure one that gRPC's clients understand.
func TestErrorPage(t *testing.T) {
	s := webtest.New(t, begin+`server { listen 127.0.0.1:8080; error_page 502 = /failed;
		location / { grpc_pass 127.0.0.1:1; }
		location = /failed { internal; default_type application/grpc; add_header grpc-status 14; add_header grpc-message unavailable; return 204; } } }`,
		append(slices.Clip(modules), headers.Module), nil)
	x := call(s, t, "Unary", "x")
	if x.Status != 204 || x.Field("grpc-status") != "14" || x.Field("grpc-message") != "unavailable" {
		t.Errorf("%d %q", x.Status, x.Head)
	}
}

// Mistakes are nginx's, and directives that it does not have there are not known.
func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"grpc_pass 127.0.0.1:1; grpc_pass 127.0.0.1:2;":              `"grpc_pass" directive is duplicate`,
		"grpc_pass grpc://;":                                         "no host in upstream",
		"grpc_pass 127.0.0.1;":                                       "no port in upstream",
		"grpc_buffering on;":                                         `unknown directive "grpc_buffering"`,
		"grpc_cache off;":                                            `unknown directive "grpc_cache"`,
		"grpc_next_upstream updating;":                               `invalid value "updating"`,
		"grpc_pass grpcs://127.0.0.1:1; grpc_ssl_verify on;":         "no grpc_ssl_trusted_certificate for grpc_ssl_verify",
		"grpc_pass grpcs://127.0.0.1:1; grpc_ssl_certificate a.pem;": `no "grpc_ssl_certificate_key" is defined`,
		"grpc_pass $arg_a; grpc_ssl_certificate a.pem;":              `no "grpc_ssl_certificate_key" is defined`,
		"grpc_pass 127.0.0.1:1; grpc_intercept_errors maybe;":        `invalid value "maybe"`,
		"grpc_pass unix:/tmp/x; grpc_set_header X-A $no_such_variable; grpc_pass_header Date;": `unknown "no_such_variable" variable`,
	} {
		_, _, errs := webtest.Load(t.TempDir(), begin+"server { listen 127.0.0.1:8080; location / { "+text+" } } }", modules)
		if !strings.Contains(fmt.Sprint(errs), want) {
			t.Errorf("%s: %v, want %s", text, errs, want)
		}
	}
}
