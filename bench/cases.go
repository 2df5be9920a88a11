package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// benchCase is one kind of work and who does it how.
type benchCase struct {
	name, what string
	goal       float64 // of tandem's rate, as a multiple of nginx's
	path       string
	body       []byte
	reconnect  bool
	backend    bool // BACKEND in the configurations is a server beside the client
	conf       map[language]string
}

// The files that every server has.
var (
	small = []byte(strings.Repeat("A page as small as most. ", 7)[:165])
	tenK  = bytes.Repeat([]byte("0123456789abcdef"), 640)
	oneM  = bytes.Repeat([]byte("0123456789abcdef"), 65536)
)

func writeFiles(dir string) error {
	html := filepath.Join(dir, "html")
	if err := os.Mkdir(html, 0o755); err != nil {
		return err
	}
	for _, d := range []string{"logs", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	for name, body := range map[string][]byte{"index.html": small, "10k": tenK, "1m": oneM} {
		if err := os.WriteFile(filepath.Join(html, name), body, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// fileConf is the pair's usual configuration, with more in http.
func fileConf(more string) string {
	return fmt.Sprintf(`worker_processes 1;
events { worker_connections 20000; }
http {
	default_type application/octet-stream;
	types { text/html html; }
	sendfile on;
	keepalive_timeout 65;
	keepalive_requests 100000000;
	client_body_temp_path DIR/tmp;
	proxy_temp_path DIR/tmp;
	%s
	server {
		listen 127.0.0.1:PORT;
		server_name localhost;
		location / { root DIR/html; index index.html index.htm; }
		error_page 500 502 503 504 /50x.html;
		location = /50x.html { root DIR/html; }
	}
}
`, more)
}

const logOn, logOff = "access_log DIR/logs/access.log;", "access_log off;"

// both is the configuration of tandem and nginx.
func both(conf string) map[language]string { return map[language]string{nginxLanguage: conf} }

// parts is everything that can be measured, in the order of the tables.
var parts = func() []part {
	var list []part
	for _, c := range cases {
		list = append(list, c.part())
	}
	return append(list, idlePart, nodePart, startPart, serversPart, scalePart)
}()

// withCaddy adds Caddy, which serves the same files.
func withCaddy(conf string) map[language]string {
	return map[language]string{nginxLanguage: conf, caddyLanguage: caddyConf}
}

const caddyConf = `{
	admin off
	auto_https off
	persist_config off
}
http://127.0.0.1:PORT, http://localhost:PORT {
	root * DIR/html
	file_server
}
`

const caddyProxyConf = `{
	admin off
	auto_https off
	persist_config off
}
http://127.0.0.1:PORT, http://localhost:PORT {
	reverse_proxy BACKEND
}
`

var cases = []benchCase{
	{name: "small-log", what: "small file, access log on", goal: 2, path: "/", body: small, conf: both(fileConf(logOn))},
	{name: "small", what: "small file, access log off", goal: 1.7, path: "/", body: small, conf: withCaddy(fileConf(logOff))},
	{name: "small-cache", what: "small file, log off, open_file_cache", goal: 1.25, path: "/", body: small,
		conf: both(fileConf(logOff + " open_file_cache max=1000;"))},
	{name: "10k", what: "10 KB file", goal: 1.25, path: "/10k", body: tenK, conf: both(fileConf(logOff))},
	{name: "1m", what: "1 MB file", goal: 1, path: "/1m", body: oneM, conf: both(fileConf(logOff))},
	{name: "connect", what: "a new connection for each request", goal: 1, path: "/", body: small, reconnect: true, conf: both(fileConf(logOff))},
	{name: "proxy", what: "reverse proxy, keep-alive both sides", goal: 1.05, path: "/", body: small, backend: true, conf: map[language]string{
		nginxLanguage: proxyConf, haproxyLanguage: haproxyConf, caddyLanguage: caddyProxyConf,
	}},
}

const proxyConf = `worker_processes 1;
events { worker_connections 20000; }
http {
	access_log off;
	keepalive_requests 100000000;
	client_body_temp_path DIR/tmp;
	proxy_temp_path DIR/tmp;
	upstream back { server BACKEND; keepalive 128; keepalive_requests 100000000; }
	server {
		listen 127.0.0.1:PORT;
		location / { proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection ""; }
	}
}
`

const haproxyConf = `global
	maxconn 4000
	nbthread 1
defaults
	mode http
	timeout connect 5s
	timeout client 65s
	timeout server 60s
	http-reuse always
frontend f
	bind 127.0.0.1:PORT
	default_backend b
backend b
	server s BACKEND pool-max-conn 128
`
