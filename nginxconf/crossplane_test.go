package nginxconf

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	crossplane "github.com/nginxinc/nginx-go-crossplane"
)

// crossplane's reading as a second opinion, where it does not deviate from
// nginx: without escapes, carriage returns and bytes that are not UTF-8, and
// with each directive on one line, as it names the first line and nginx the
// last.
func TestCrossplaneReadsTheSame(t *testing.T) {
	const text = `# A configuration of the usual kind.
user www-data;
worker_processes auto;
events { worker_connections 768; multi_accept on; }
http {
    include types.conf;
    log_format main '$remote_addr - $remote_user [$time_local] "$request" '
                    '$status $body_bytes_sent "$http_referer"';
    access_log /var/log/nginx/access.log main;
    map $http_upgrade $connection_upgrade {
        default upgrade;
        ''      close;
    }
    upstream backend {
        server 10.0.0.1:8080 weight=3 max_fails=2; # the big one
        server unix:/run/app.sock backup;
        keepalive 16;
    }
    server {
        listen 80 default_server;
        listen [::]:80 default_server;
        server_name example.com *.example.com "~^(?<sub>[a-z]{2,3})[.]example[.]org$";
        root /srv/${sub};
        location = /50x.html { root html; }
        location ~ ^/(?<a>.+)[.]php$ { return 403 "no {braces}; here"; }
        location / {
            proxy_pass http://backend;
            proxy_set_header Host $host;
            add_header X "a 'b' c" always;
            try_files $uri $uri/ /index.php?q=$uri&$args;
            if ($request_method != POST) { return 405; }
            if ($http_user_agent ~* "(bot|spider)") { return 403; }
        }
        include sites/*.conf;
    }
}`
	dir := t.TempDir()
	for name, content := range map[string]string{
		"nginx.conf":   text,
		"types.conf":   "types {\n    text/html html htm shtml;\n    application/json json;\n}\n",
		"sites/a.conf": "location /a { alias /srv/a/; }\n",
		"sites/b.conf": "location /b { alias /srv/b/; }\n",
	} {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	conf := filepath.Join(dir, "nginx.conf")

	tree, errs := Read(conf, Options{})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	payload, err := crossplane.Parse(conf, &crossplane.ParseOptions{CombineConfigs: true, SkipDirectiveContextCheck: true})
	if err != nil {
		t.Fatal(err)
	}

	var ours, theirs []string
	var walk func(depth int, ds []*Directive)
	walk = func(depth int, ds []*Directive) {
		for _, d := range ds {
			line := fmt.Sprint(d.Pos.Line)
			args := d.Args
			switch d.Name {
			case "log_format": // over two lines, see above
				line = fmt.Sprint(d.Pos.Line - 1)
			case "if": // crossplane takes the parentheses away
				args = slices.Clone(args)
				args[0] = strings.TrimPrefix(args[0], "(")
				args[len(args)-1] = strings.TrimSuffix(args[len(args)-1], ")")
				args = slices.DeleteFunc(args, func(arg string) bool { return arg == "" })
			}
			ours = append(ours, fmt.Sprintf("%d %s:%s %s %q", depth, d.Pos.File, line, d.Name, args))
			walk(depth+1, d.Block)
		}
	}
	walk(0, tree.Main)
	var walkTheirs func(depth int, ds crossplane.Directives)
	walkTheirs = func(depth int, ds crossplane.Directives) {
		for _, d := range ds {
			theirs = append(theirs, fmt.Sprintf("%d %s:%d %s %q", depth, d.File, d.Line, d.Directive, d.Args))
			walkTheirs(depth+1, d.Block)
		}
	}
	walkTheirs(0, payload.Config[0].Parsed)
	for i := range max(len(ours), len(theirs)) {
		o, th := "(nothing)", "(nothing)"
		if i < len(ours) {
			o = ours[i]
		}
		if i < len(theirs) {
			th = theirs[i]
		}
		if o != th {
			t.Errorf("ours       %s\ncrossplane %s", o, th)
		}
	}
}
