package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// http2Connections is how many connections of HTTP/2 there are at a time, each with
// http2Streams requests.
const (
	http2Connections = 16
	http2Streams     = 32
)

// http2Cases are the cases with HTTP/2 between client and server, over TLS. Their
// goals are of the answers a second and of the processor time alike.
func http2Cases() []benchCase {
	file := func(name, what string, goal float64, path string, body []byte) benchCase {
		return benchCase{name: name, what: "HTTP/2: " + what, goal: goal, goalCPU: true, path: path, body: body, streams: http2Streams, conf: both(secured(fileConf(logOff)))}
	}
	proxied := file("h2-proxy", "reverse proxy, HTTP/1.1 behind", 1.05, "/", smallPage)
	proxied.behind, proxied.conf = clientsBackend, both(secured(strings.Replace(proxies[nginxLanguage], "keepalive 128", "keepalive 600", 1)))
	message := append([]byte{0, 0, 0, 0, 100}, fileOf(100)...)
	call := file("grpc-unary", "a unary call of gRPC", 1.2, "/bench.Bench/Unary", message)
	call.post, call.call, call.behind = message, true, clientsBackend
	call.conf = both(secured(proxyConf(`upstream back { server BACKEND; keepalive 600; keepalive_requests 100000000; }`, `grpc_pass grpc://back;`)))
	return []benchCase{
		file("h2-small", "small file", 1.2, "/", smallPage),
		file("h2-10k", "10 KB file", 1.1, "/10k", fileOf(10<<10)),
		file("h2-1m", "1 MB file", 1, "/1m", fileOf(1<<20)),
		proxied, call,
	}
}

// secured has a configuration of tandem and nginx listen for HTTP/2 with TLS.
func secured(conf string) string {
	return strings.Replace(conf, "listen 127.0.0.1:PORT;",
		"listen 127.0.0.1:PORT ssl http2; ssl_certificate CERT.pem; ssl_certificate_key CERT.key; ssl_protocols TLSv1.3;", 1)
}

// writeCertificate makes the certificate of all servers.
func writeCertificate(dir string) error {
	cert, key, err := newCertificate(false)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, "cert.pem"), cert, 0o644), os.WriteFile(filepath.Join(dir, "cert.key"), key, 0o600),
		os.WriteFile(filepath.Join(dir, "cert.both"), append(cert, key...), 0o600))
}
