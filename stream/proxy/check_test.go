package proxy_test

import (
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tandem/internal/loopback"
	"tandem/proxy/block"
	"tandem/stream/streamtest"
)

// awaitStates waits until the peers of the first upstream are in these states.
func awaitStates(t *testing.T, s *streamtest.Server, want string) {
	t.Helper()
	got := ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		var list []string
		for _, p := range block.Upstreams(&s.Gen.Stream.Realm)[0].Peers {
			list = append(list, string(p.State))
		}
		if got = strings.Join(list, " "); got == want {
			return
		}
	}
	t.Fatalf("peers are %s, want %s\n%s", got, want, s.Log())
}

// A peer that does not answer what the match block expects gets no connections until
// it does again.
func TestCheckMatch(t *testing.T) {
	s := streamtest.Start(t, `upstream u { server 127.0.0.1:8081; server 127.0.0.1:8082; }
		match fine { send "HELO\x20me\x0a"; expect ~* "^250 .*ready"; }
		server { listen 127.0.0.1:8080; proxy_pass u; health_check mandatory interval=5ms match=fine; health_check_timeout 10s; }`, modules...)
	var ill atomic.Bool
	for _, port := range []string{"8081", "8082"} {
		s.Listen(t, port, func(c net.Conn) {
			b := make([]byte, 100)
			n, _ := c.Read(b)
			switch {
			case string(b[:n]) != "HELO me\n":
				_, _ = io.WriteString(c, port)
			case port == "8081" && ill.Load():
				_, _ = io.WriteString(c, "554 no")
			default:
				_, _ = io.WriteString(c, "250 I am ")
				_, _ = io.WriteString(c, "READY\n")
			}
		})
	}
	awaitStates(t, s, "up up")
	ill.Store(true)
	awaitStates(t, s, "unhealthy up")
	for range 4 {
		if got := s.Get(t, "8080", "x"); got != "8082" {
			t.Errorf("%q", got)
		}
	}
	s.AwaitLog(t, `the answer is not what is expected while checking data, health check "fine" of peer `+s.Addr(t, "8081")+` in upstream "u"`)
	ill.Store(false)
	awaitStates(t, s, "up up")
}

// Without a match block a connection is all that is asked for, over UDP that nobody
// says that it cannot be delivered; the port may be another one.
func TestCheckConnects(t *testing.T) {
	s := streamtest.Start(t, `upstream u { server 127.0.0.1:8081; server 127.0.0.1:8082; }
		server { listen 127.0.0.1:8080; proxy_pass u; health_check mandatory interval=5ms; }`, modules...)
	s.Echo(t, "8081")
	awaitStates(t, s, "up unhealthy")
	s.AwaitLog(t, "111: Connection refused while connecting to upstream, health check \"tcp\"")
	s = streamtest.Start(t, `upstream u { server 127.0.0.1:8081; server 127.0.0.1:8082; }
		server { listen 127.0.0.1:8080 udp; proxy_pass u; health_check mandatory interval=5ms udp; health_check_timeout 100ms; }`, modules...)
	s.Echo(t, "8081")
	awaitStates(t, s, "up unhealthy")
	port := loopback.Port(t)
	answering, err := net.ListenPacket("udp4", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer answering.Close()
	go func() {
		b := make([]byte, 100)
		for {
			n, from, err := answering.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = answering.WriteTo(b[:n], from)
		}
	}()
	s = streamtest.Start(t, `upstream u { server 127.0.0.1:8081; server 127.0.0.1:8082; }
		match dns { send "\x00\x01"; expect "\x00\x01"; }
		server { listen 127.0.0.1:8080 udp; proxy_pass u; health_check mandatory interval=5ms udp match=dns port=`+port+`; }`, modules...)
	awaitStates(t, s, "up up")
}

func TestCheckMistakes(t *testing.T) {
	const server = "server { listen 127.0.0.1:8080; "
	for text, want := range map[string]string{
		server + "proxy_pass 127.0.0.1:1; health_check; }":                                       `"health_check" needs a server that passes connections to an upstream block`,
		server + "return x; health_check; }":                                                     `"health_check" needs a server that passes connections to an upstream block`,
		"upstream u { server 127.0.0.1:1; } " + server + "proxy_pass u; health_check uri=/; }":   `invalid parameter "uri=/"`,
		"upstream u { server 127.0.0.1:1; } " + server + "proxy_pass u; health_check match=m; }": `unknown match "m"`,
		`match m { expect "\x0"; }`:                                                              `invalid hex literal in "\x0"`,
		`match m { send a; send b; }`:                                                            `"send" directive is duplicate`,
		`match m { status 200; }`:                                                                `unknown directive "status" in a match block`,
		`match m { expect ~ "("; }`:                                                              `(`,
		"upstream u { least_time header; server 127.0.0.1:1; }":                                  `invalid value "header"`,
		"upstream u { random two least_time=header; server 127.0.0.1:1; }":                       `invalid parameter "least_time=header"`,
		"upstream u { least_time first_byte inflight; server 127.0.0.1:1; }":                     "",
		"upstream u { random two least_time=connect; server 127.0.0.1:1; }":                      "",
	} {
		_, errs := streamtest.Load(t, text, modules...)
		if want == "" && errs.Failed() || want != "" && (!errs.Failed() || !strings.Contains(errs.Error(), want)) {
			t.Errorf("%s: %v, want %s", text, errs, want)
		}
	}
}
