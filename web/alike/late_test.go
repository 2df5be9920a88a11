package alike

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tandem/web/webtest"
)

// TestUnknownVariables: nginx looks at the variables of some directives only where
// these are in force. In the http block that is where a server has none of its own.
func TestUnknownVariables(t *testing.T) {
	const used, overridden, inLocation, inServer, alone = "server { location / { PASS } }", "server { OWN; location / { PASS } }",
		"server { location / { OWN; PASS } }", "server { D; location / { OWN; PASS } }", ""
	for _, c := range []struct {
		directive, own, pass string
		late                 bool
	}{
		{"proxy_set_header X $nosuch", "proxy_set_header Y z", "proxy_pass http://127.0.0.1:1;", true},
		{"proxy_set_body $nosuch", "proxy_set_body z", "proxy_pass http://127.0.0.1:1;", true},
		{"fastcgi_param X $nosuch", "fastcgi_param Y z", "fastcgi_pass 127.0.0.1:1;", true},
		{"scgi_param X $nosuch", "scgi_param Y z", "scgi_pass 127.0.0.1:1;", true},
		{"uwsgi_param X $nosuch", "uwsgi_param Y z", "uwsgi_pass 127.0.0.1:1;", true},
		{"proxy_method $nosuch", "proxy_method GET", "proxy_pass http://127.0.0.1:1;", false},
		{"proxy_cookie_path $nosuch /", "proxy_cookie_path off", "proxy_pass http://127.0.0.1:1;", false},
		{"proxy_bind $nosuch", "proxy_bind off", "proxy_pass http://127.0.0.1:1;", false},
		{"add_header X $nosuch", "add_header Y z", "", false},
		{"limit_rate $nosuch", "limit_rate 0", "", false},
		{"root $nosuch", "root /", "", false},
	} {
		for _, place := range []struct {
			http string
			ok   bool
		}{
			{"D; " + used, false}, {"D; " + overridden, c.late}, {"D; " + inLocation, false}, {inServer, false}, {"D; " + alone, c.late},
			{"D; " + overridden + overridden, c.late}, {"D; " + overridden + used, false},
		} {
			conf := strings.NewReplacer("D;", c.directive+";", "OWN", c.own, "PASS", c.pass, "server {", "server { listen 127.0.0.1:8080;").Replace(place.http)
			dir := t.TempDir()
			if _, _, errs := webtest.Load(dir, "events {}\nhttp { "+conf+" }", modules); errs.Failed() == place.ok {
				t.Errorf("%s: %v", conf, errs)
			}
			if ok, ran := nginxTakes(t, dir, conf); ran && ok != place.ok {
				t.Errorf("%s: nginx takes it: %v", conf, ok)
			}
		}
	}
}

// nginxTakes asks the installed nginx for its opinion of an http block.
func nginxTakes(t *testing.T, dir, http string) (ok, ran bool) {
	t.Helper()
	binary, err := exec.LookPath("nginx")
	if err != nil {
		return false, false
	}
	file := filepath.Join(dir, "nginx.conf")
	errlog := filepath.Join(dir, "errors")
	conf := "pid " + dir + "/pid; error_log " + errlog + ";\nevents {}\nhttp { access_log off;\n"
	for _, folder := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		conf += folder + "_temp_path " + dir + "/" + folder + "_temp;\n"
	}
	if err := os.WriteFile(file, []byte(conf+http+"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return exec.Command(binary, "-t", "-p", dir, "-e", errlog, "-c", file).Run() == nil, true
}
