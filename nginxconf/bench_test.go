package nginxconf

import (
	"fmt"
	"strings"
	"testing"
)

// manyServers is a configuration of 5,000 servers as panels write them.
func manyServers() string {
	var b strings.Builder
	b.WriteString("events {}\nhttp {\n")
	for i := range 5000 {
		fmt.Fprintf(&b, `
    # site %d
    server {
        listen 80;
        listen [::]:80;
        server_name site%d.example.com www.site%d.example.com;
        index index.html index.htm;
        client_max_body_size 16m;
        add_header X-Frame-Options "SAMEORIGIN" always;

        location / {
            try_files $uri $uri/ =404;
        }
        location ~ "\.(jpg|png)$" {
            etag on;
            add_header Cache-Control "public, max-age=3600";
        }
        if ($host = "www.site%d.example.com") {
            return 301 https://site%d.example.com$request_uri;
        }
    }
`, i, i, i, i, i)
	}
	b.WriteString("}\n")
	return b.String()
}

func BenchmarkRead5000Servers(b *testing.B) {
	text := manyServers()
	opt := Options{ReadFile: memory(map[string]string{"/nginx.conf": text})}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, errs := Read("/nginx.conf", opt); len(errs) > 0 {
			b.Fatal(errs)
		}
	}
}

func BenchmarkBind5000Servers(b *testing.B) {
	tree, _ := Read("/nginx.conf", Options{ReadFile: memory(map[string]string{"/nginx.conf": manyServers()})})
	b.ReportAllocs()
	for b.Loop() {
		if errs := testTable.Bind(tree, newLevel(), BindOptions{}); len(errs) > 0 {
			b.Fatal(errs)
		}
	}
}
