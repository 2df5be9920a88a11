package check_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"tandem/proxy/check"
	"tandem/proxy/exchange"
	"tandem/proxy/grpc"
	"tandem/web"
	"tandem/web/webtest"
)

var grpcModules = []*web.Module{exchange.Module, grpc.Module, check.Module}

// healthServer answers the health service's question with a message or with a
// status of gRPC.
func healthServer(t testing.TB, asked chan<- string) (addr string, say func(message, status string)) {
	var answer atomic.Value
	say = func(message, status string) { answer.Store([2]string{message, status}) }
	say("", "12")
	b := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		select {
		case asked <- fmt.Sprintf("%s %s %s %s %q", r.Method, r.URL.Path, r.Header.Get("Content-Type"), r.Header.Get("Te"), body):
		default:
		}
		now := answer.Load().([2]string)
		w.Header().Set("Content-Type", "application/grpc")
		if now[0] == "" {
			w.Header().Set("Grpc-Status", now[1]) // without messages
			return
		}
		_, _ = io.WriteString(w, now[0])
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", now[1])
	}))
	b.Config.Protocols = new(http.Protocols)
	b.Config.Protocols.SetUnencryptedHTTP2(true)
	b.Start()
	t.Cleanup(b.Close)
	return b.Listener.Addr().String(), say
}

// A gRPC server is asked by its own health service.
func TestGRPC(t *testing.T) {
	for _, keep := range []string{"", "keepalive_time=1h"} {
		asked := make(chan string, 1)
		addr, say := healthServer(t, asked)
		say("\x00\x00\x00\x00\x02\x08\x01", "0")
		s := webtest.New(t, begin+`upstream u { server `+addr+`; }
		server { listen 127.0.0.1:8080; location / { grpc_pass grpc://u; health_check mandatory interval=5ms `+keep+` type=grpc grpc_service=shop; } } }`, grpcModules, nil)
		awaitStates(t, s.HTTP, "up")
		if got, want := <-asked, `POST /grpc.health.v1.Health/Check application/grpc trailers "\x00\x00\x00\x00\x06\n\x04shop"`; got != want {
			t.Errorf("asked %s, want %s", got, want)
		}
		for _, c := range []struct{ message, status, log string }{
			{"\x00\x00\x00\x00\x02\x08\x02", "0", "health is 2 while checking gRPC health"},
			{"\x00\x00\x00\x00\x00", "0", "health is 0"},
			{"\x00\x00\x00\x00\x05\x08", "0", "health is 0"},
			{"", "12", "grpc-status is 12 while checking gRPC status"},
			{"\x00\x00\x00\x00\x02\x08\x01", "14", "grpc-status is 14"},
			{"", "", "there is no grpc-status"},
		} {
			say(c.message, c.status)
			awaitStates(t, s.HTTP, "unhealthy")
			logHas(t, s, c.log)
			say("\x00\x00\x00\x00\x02\x08\x01", "0")
			awaitStates(t, s.HTTP, "up")
		}
	}
}

// A server that does not have the service may be well all the same.
func TestGRPCStatus(t *testing.T) {
	addr, _ := healthServer(t, make(chan string))
	s := webtest.New(t, begin+`upstream u { server `+addr+`; }
	server { listen 127.0.0.1:8080; location / { grpc_pass u; health_check mandatory interval=5ms type=grpc grpc_status=12; } } }`, grpcModules, nil)
	awaitStates(t, s.HTTP, "up")
}

func TestGRPCMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"grpc_pass u; health_check;":                                       `"type=grpc" is for locations with "grpc_pass"`,
		"grpc_pass u; health_check type=grpc uri=/a;":                      `"type=grpc" asks for the health service`,
		"grpc_pass u; health_check grpc_status=1 type=grpc;":               `"grpc_status" must follow "type=grpc"`,
		"grpc_pass u; health_check type=grpc grpc_status=17;":              `invalid parameter "grpc_status=17"`,
		"grpc_pass u; health_check type=grpc grpc_status=0;":               `invalid parameter "grpc_status=0"`,
		"grpc_pass u; health_check type=grpc grpc_service=;":               `invalid parameter "grpc_service="`,
		"grpc_pass u; health_check type=grpc grpc_service=a grpc_status=5": "",
		"grpc_pass u; health_check type=tcp":                               "",
	} {
		_, _, errs := webtest.Load(t.TempDir(), begin+"upstream u { server 127.0.0.1:1; } server { listen 127.0.0.1:8080; location / { "+strings.TrimSuffix(text, ";")+"; } } }", slices.Clone(grpcModules))
		if want == "" && errs.Failed() || !strings.Contains(fmt.Sprint(errs), want) {
			t.Errorf("%s: %v, want %q", text, errs, want)
		}
	}
}
