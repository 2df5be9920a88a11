package webtest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	h2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// overHTTP2 has Get and Do ask over HTTP/2, so that the tests of any module tell
// whether it does the same there:
//
//	TANDEM_TEST_HTTP2=1 go test ./web/headers
var overHTTP2 = os.Getenv(overHTTP2Env) != ""

const overHTTP2Env = "TANDEM_TEST_HTTP2"

// Main runs the tests of a package twice, the second time over HTTP/2, unless they
// are to be short. TestMain calls it.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 && !overHTTP2 && !testing.Short() {
		code = again(os.Args)
	}
	os.Exit(code)
}

// again runs the test program args over HTTP/2. What is for tests of one kind, such
// as benchmarks, or writes a file is done once.
func again(args []string) (code int) {
	short := []string{"-test.short"}
	for _, arg := range args[1:] {
		name, _, _ := strings.Cut(arg, "=")
		switch name {
		case "-test.run", "-test.skip", "-test.v", "-test.count", "-test.timeout", "-test.failfast", "-test.parallel", "-test.cpu", "-test.shuffle":
			short = append(short, arg)
		case "-test.testlogfile", "-test.paniconexit0", "-test.coverprofile", "-test.gocoverdir":
		default:
			return 0
		}
	}
	cmd := exec.Command(args[0], short...)
	cmd.Env = append(os.Environ(), overHTTP2Env+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		fmt.Printf("over HTTP/2 (%s=1): %v\n%s", overHTTP2Env, err, out)
		return 1
	}
	return 0
}

// OnHTTP1 skips a test over HTTP/2 that looks at something of HTTP/1.
func OnHTTP1(t testing.TB, what string) {
	t.Helper()
	if overHTTP2 {
		t.Skip("of HTTP/1: " + what)
	}
}

// withHTTP2 has every server of a configuration speak HTTP/2.
func withHTTP2(conf string) string {
	if strings.Contains(conf, "http2 ") {
		return conf // which says so itself
	}
	return strings.Replace(conf, "http {", "http { http2 on;", 1)
}

// askHTTP2 sends a request and returns the answer as HTTP/1 would have it.
func (s *Server) askHTTP2(t testing.TB, method, path string, headers []string) string {
	t.Helper()
	conn := s.Dial(t)
	defer conn.Close()
	host := "localhost"
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	field := func(name, value string) { _ = e.WriteField(hpack.HeaderField{Name: name, Value: value}) }
	for _, h := range headers {
		if name, value, _ := strings.Cut(h, ":"); strings.EqualFold(name, "host") {
			host = strings.TrimSpace(value)
		}
	}
	field(":method", method)
	field(":scheme", "http")
	field(":path", path)
	field(":authority", host)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		switch name = strings.ToLower(name); name {
		case "host", "connection":
		default:
			field(name, strings.TrimSpace(value))
		}
	}
	if _, err := io.WriteString(conn, h2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f := h2.NewFramer(conn, conn)
	_ = f.WriteSettings(h2.Setting{ID: h2.SettingInitialWindowSize, Val: 1<<31 - 1})
	_ = f.WriteWindowUpdate(0, 1<<30)
	if err := f.WriteHeaders(h2.HeadersFrameParam{StreamID: 1, EndStream: true, EndHeaders: true, BlockFragment: block.Bytes()}); err != nil {
		t.Fatal(err)
	}
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var answer strings.Builder
	for ended := false; !ended; {
		frame, err := f.ReadFrame()
		if err != nil {
			t.Fatalf("%s %s: %v after %q", method, path, err, answer.String())
		}
		switch frame := frame.(type) {
		case *h2.MetaHeadersFrame:
			if status := frame.PseudoValue("status"); status != "" {
				code, _ := strconv.Atoi(status)
				fmt.Fprintf(&answer, "HTTP/1.1 %s %s\r\n", status, http.StatusText(code))
				for _, f := range frame.RegularFields() {
					name := textproto.CanonicalMIMEHeaderKey(f.Name)
					if name == "Etag" {
						name = "ETag"
					}
					fmt.Fprintf(&answer, "%s: %s\r\n", name, f.Value)
					if name == "Date" {
						answer.WriteString("Connection: close\r\n")
					}
				}
				answer.WriteString("\r\n")
			}
			ended = frame.StreamEnded()
		case *h2.DataFrame:
			answer.Write(frame.Data())
			ended = frame.StreamEnded()
		case *h2.RSTStreamFrame:
			ended = true
		}
	}
	return answer.String()
}
