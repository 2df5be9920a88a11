package ssl_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"testing"

	h2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// askHTTP2 asks for a host over HTTP/2, and returns the answer as HTTP/1 would have
// it.
func askHTTP2(addr, host string, c *tls.Config) string {
	c.NextProtos = []string{"h2"}
	conn, err := tls.Dial("tcp", addr, c)
	if err != nil {
		return refusalText(err)
	}
	defer func() { _ = conn.Close() }()
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, f := range []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: "/"}, {Name: ":authority", Value: host}} {
		_ = e.WriteField(f)
	}
	f := h2.NewFramer(conn, conn)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	// What cannot be written is refused, which reading tells.
	_, _ = io.WriteString(conn, h2.ClientPreface)
	_ = f.WriteSettings()
	_ = f.WriteHeaders(h2.HeadersFrameParam{StreamID: 1, EndStream: true, EndHeaders: true, BlockFragment: block.Bytes()})
	var answer strings.Builder
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return refusalText(err)
		}
		switch frame := frame.(type) {
		case *h2.MetaHeadersFrame:
			fmt.Fprintf(&answer, "HTTP/1.1 %s \r\n", frame.PseudoValue("status"))
			for _, field := range frame.RegularFields() {
				if field.Name == "x-seen" {
					fmt.Fprintf(&answer, "X-Seen: %s\r\n", field.Value)
				}
			}
		case *h2.DataFrame:
			answer.Write(frame.Data())
		default:
			continue
		}
		if frame.Header().Flags.Has(h2.FlagDataEndStream) {
			return answer.String()
		}
	}
}

// What a host is answered is the same over HTTP/2, whoever the client is and
// whatever it negotiated.
func TestHostsOverHTTP2(t *testing.T) {
	s, certs := startServers(t, "http2 on;\n"+hostServers)
	for _, port := range []string{"8080", "8081"} {
		addr := s.Addr(t, port)
		for _, sni := range sniNames {
			for cert, pair := range certs {
				for _, host := range hostNames {
					first, _ := askTLS(addr, "GET / HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n", presenting(pair, sni))
					second := askHTTP2(addr, host, presenting(pair, sni))
					if want, got := summary(first), summary(second); got != want {
						t.Errorf("%s, SNI %q, certificate %s, host %s: %s; over HTTP/1 %s", port, sni, cert, host, got, want)
					}
				}
			}
		}
	}
}
