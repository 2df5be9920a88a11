package main

import "fmt"

// The configurations of the programs. PORT is where they listen, DIR a folder
// of their own, FILES the one with the files that all of them serve, BACKEND
// the address of what they are a proxy for.

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
		location / { root FILES; index index.html index.htm; }
		error_page 500 502 503 504 /50x.html;
		location = /50x.html { root FILES; }
	}
}
`, more)
}

const logOn, logOff = "access_log DIR/logs/access.log;", "access_log off;"

// both is a configuration of tandem and nginx.
func both(conf string) map[language]string { return map[language]string{nginxLanguage: conf} }

const caddyGlobal = `{
	admin off
	auto_https off
	persist_config off
}
`

const caddyConf = caddyGlobal + `http://127.0.0.1:PORT, http://localhost:PORT {
	root * FILES
	file_server
}
`

// proxies keep their connections to the back end.
var proxies = map[language]string{
	nginxLanguage: proxyConf(`upstream back { server BACKEND; keepalive 128; keepalive_requests 100000000; }`,
		`proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection "";`),
	haproxyLanguage: haproxyConf("http-reuse always"),
	caddyLanguage:   caddyGlobal + "http://127.0.0.1:PORT, http://localhost:PORT {\n\treverse_proxy BACKEND\n}\n",
}

// onceProxies open a connection for each request, as nginx does unless it is
// told otherwise.
var onceProxies = map[language]string{
	nginxLanguage:   proxyConf("", "proxy_pass http://BACKEND;"),
	haproxyLanguage: haproxyConf("option http-server-close\n\thttp-reuse never"),
}

func proxyConf(upstream, location string) string {
	return fmt.Sprintf(`worker_processes 1;
events { worker_connections 20000; }
http {
	access_log off;
	keepalive_requests 100000000;
	client_body_temp_path DIR/tmp;
	proxy_temp_path DIR/tmp;
	%s
	server {
		listen 127.0.0.1:PORT;
		location / { %s }
	}
}
`, upstream, location)
}

func haproxyConf(reuse string) string {
	return fmt.Sprintf(`global
	maxconn 4000
	nbthread 1
defaults
	mode http
	timeout connect 5s
	timeout client 65s
	timeout server 60s
	%s
frontend f
	bind 127.0.0.1:PORT
	default_backend b
backend b
	server s BACKEND pool-max-conn 128
`, reuse)
}
