package nginxconf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// broken are configurations that nginx refuses. want is nginx's message with
// DIR for the folder; where nginx stops, tandem goes on, and more is what it
// says further. In files, "text" is what nginx.conf includes as x.conf.
var broken = []struct {
	name string
	conf string
	x    string // content of x.conf; "-": there is none
	g    string // option -g
	want string
	more []string
}{
	{name: "unknown", conf: "events {}\nhttp {\n  frobnicate on;\n}\n",
		want: `unknown directive "frobnicate" in DIR/nginx.conf:3`},
	{name: "unknown block", conf: "events {}\nfrob {\n  frobnicate on;\n}\n",
		want: `unknown directive "frob" in DIR/nginx.conf:2`},
	{name: "unknown over several lines", conf: "events {}\nfrob\n a\n b\n ;\n",
		want: `unknown directive "frob" in DIR/nginx.conf:5`},
	{name: "unknown quoted", conf: "events {}\n\"fr ob\" a;\n",
		want: `unknown directive "fr ob" in DIR/nginx.conf:2`},
	{name: "unknown with escapes", conf: "events {}\nfr\\tob\\; a;\n",
		want: "unknown directive \"fr\tob\\;\" in DIR/nginx.conf:2"},
	{name: "unknown not UTF-8", conf: "events {}\n\xc8\xe7;\n",
		want: "unknown directive \"\xc8\xe7\" in DIR/nginx.conf:2"},
	{name: "wrong case", conf: "events {}\nDaemon on;\n",
		want: `unknown directive "Daemon" in DIR/nginx.conf:2`},

	{name: "http in events", conf: "events {\n  http {\n  }\n}\n",
		want: `"http" directive is not allowed here in DIR/nginx.conf:2`},
	{name: "listen in http", conf: "events {}\nhttp {\n  listen 80;\n}\n",
		want: `"listen" directive is not allowed here in DIR/nginx.conf:3`},
	{name: "server outside", conf: "events {}\nserver {\n  listen 80;\n}\n",
		want: `"server" directive is not allowed here in DIR/nginx.conf:2`},
	{name: "location in http", conf: "events {}\nhttp {\n  location / {\n  }\n}\n",
		want: `"location" directive is not allowed here in DIR/nginx.conf:3`},
	{name: "listen in location", conf: "events {}\nhttp {\n  server {\n    location / {\n      listen 80;\n    }\n  }\n}\n",
		want: `"listen" directive is not allowed here in DIR/nginx.conf:5`},
	{name: "worker_connections outside", conf: "worker_connections 5;\nevents {}\n",
		want: `"worker_connections" directive is not allowed here in DIR/nginx.conf:1`},
	{name: "daemon in http", conf: "events {}\nhttp {\n  daemon on;\n}\n",
		want: `"daemon" directive is not allowed here in DIR/nginx.conf:3`},
	{name: "if in http", conf: "events {}\nhttp {\n  if ($host) {\n  }\n}\n",
		want: `"if" directive is not allowed here in DIR/nginx.conf:3`},
	{name: "location in if", conf: "events {}\nhttp {\n  server {\n    if ($host) {\n      location / {\n      }\n    }\n  }\n}\n",
		want: `"location" directive is not allowed here in DIR/nginx.conf:5`},
	{name: "internal in server", conf: "events {}\nhttp {\n  server {\n    internal;\n  }\n}\n",
		want: `"internal" directive is not allowed here in DIR/nginx.conf:4`},
	{name: "return in limit_except", conf: "events {}\nhttp {\n  server {\n    location / {\n      limit_except GET {\n        return 403;\n      }\n    }\n  }\n}\n",
		want: `"return" directive is not allowed here in DIR/nginx.conf:6`},
	{name: "listen in upstream", conf: "events {}\nhttp {\n  upstream u {\n    listen 80;\n  }\n}\n",
		want: `"listen" directive is not allowed here in DIR/nginx.conf:4`},

	{name: "no arguments", conf: "events {}\nhttp {\n  server {\n    listen;\n  }\n}\n",
		want: `invalid number of arguments in "listen" directive in DIR/nginx.conf:4`},
	{name: "an argument too many", conf: "events {}\nhttp {\n  default_type a b;\n}\n",
		want: `invalid number of arguments in "default_type" directive in DIR/nginx.conf:3`},
	{name: "a flag with two", conf: "daemon on off;\nevents {}\n",
		want: `invalid number of arguments in "daemon" directive in DIR/nginx.conf:1`},
	{name: "a block with an argument", conf: "events a {\n}\n",
		want: `invalid number of arguments in "events" directive in DIR/nginx.conf:1`},
	{name: "location without", conf: "events {}\nhttp {\n  server {\n    location {\n    }\n  }\n}\n",
		want: `invalid number of arguments in "location" directive in DIR/nginx.conf:4`},
	{name: "location with three", conf: "events {}\nhttp {\n  server {\n    location ~ a b {\n    }\n  }\n}\n",
		want: `invalid number of arguments in "location" directive in DIR/nginx.conf:4`},
	{name: "try_files with one", conf: "events {}\nhttp {\n  server {\n    try_files $uri;\n  }\n}\n",
		want: `invalid number of arguments in "try_files" directive in DIR/nginx.conf:4`},
	{name: "internal with one", conf: "events {}\nhttp {\n  server {\n    location / {\n      internal on;\n    }\n  }\n}\n",
		want: `invalid number of arguments in "internal" directive in DIR/nginx.conf:5`},
	{name: "a missing semicolon", conf: "events {}\nhttp {\n  default_type text/plain\n  sendfile on;\n}\n",
		want: `invalid number of arguments in "default_type" directive in DIR/nginx.conf:4`},
	{name: "nine arguments", conf: "daemon 1 2 3 4 5 6 7 8 9;\nevents {}\n",
		want: `invalid number of arguments in "daemon" directive in DIR/nginx.conf:1`},

	{name: "a block that is none", conf: "daemon on {\n}\nevents {}\n",
		want: `directive "daemon" is not terminated by ";" in DIR/nginx.conf:1`},
	{name: "a missing semicolon before a block", conf: "events {}\nhttp {\n  server {\n    listen 80\n    location / {\n    }\n  }\n}\n",
		want: `directive "listen" is not terminated by ";" in DIR/nginx.conf:5`},
	{name: "no block", conf: "events;\n",
		want: `directive "events" has no opening "{" in DIR/nginx.conf:1`},
	{name: "location without a block", conf: "events {}\nhttp {\n  server {\n    location /;\n  }\n}\n",
		want: `directive "location" has no opening "{" in DIR/nginx.conf:4`},
	{name: "include with a block", conf: "events {}\ninclude x {\n}\n",
		want: `directive "include" is not terminated by ";" in DIR/nginx.conf:2`},

	{name: "a duplicate", conf: "daemon on;\ndaemon on;\nevents {}\n",
		want: `"daemon" directive is duplicate in DIR/nginx.conf:2`},
	{name: "a duplicate block", conf: "events {}\nevents {\n}\n",
		want: `"events" directive is duplicate in DIR/nginx.conf:2`},
	{name: "a duplicate in a location", conf: "events {}\nhttp {\n  server {\n    location / {\n      etag on;\n      etag off;\n    }\n  }\n}\n",
		want: `"etag" directive is duplicate in DIR/nginx.conf:6`},
	{name: "not a flag", conf: "daemon yes;\nevents {}\n",
		want: `invalid value "yes" in "daemon" directive, it must be "on" or "off" in DIR/nginx.conf:1`},
	{name: "not a number", conf: "worker_rlimit_nofile 1x;\nevents {}\n",
		want: `"worker_rlimit_nofile" directive invalid number in DIR/nginx.conf:1`},
	{name: "a negative number", conf: "worker_rlimit_nofile -1;\nevents {}\n",
		want: `"worker_rlimit_nofile" directive invalid number in DIR/nginx.conf:1`},
	{name: "an empty number", conf: "worker_rlimit_nofile '';\nevents {}\n",
		want: `"worker_rlimit_nofile" directive invalid number in DIR/nginx.conf:1`},
	{name: "not a size", conf: "events {}\nhttp {\n  client_body_buffer_size 1g;\n}\n",
		want: `"client_body_buffer_size" directive invalid value in DIR/nginx.conf:3`},
	{name: "out of bounds", conf: "events {}\nhttp {\n  gzip_comp_level 10;\n}\n",
		want: `value must be between 1 and 9 in DIR/nginx.conf:3`},

	{name: "a closing brace too many", conf: "events {}\n}\ndaemon maybe;\n",
		want: `unexpected "}" in DIR/nginx.conf:2`},
	{name: "a missing closing brace", conf: "events {\n\n",
		want: `unexpected end of file, expecting "}" in DIR/nginx.conf:3`},
	{name: "a missing closing brace without newline", conf: "events {}\nhttp {\n  server {\n    listen 80;\n  }",
		want: `unexpected end of file, expecting "}" in DIR/nginx.conf:5`},
	{name: "a missing semicolon at the end", conf: "events {}\ndaemon on\n",
		want: `unexpected end of file, expecting ";" or "}" in DIR/nginx.conf:3`},
	{name: "a missing semicolon at the end of a block", conf: "events {\n  multi_accept on\n}\n",
		want: `unexpected "}" in DIR/nginx.conf:3`},
	{name: "a semicolon after a block", conf: "events {\n};\ndaemon perhaps;\n",
		want: `unexpected ";" in DIR/nginx.conf:2`,
		more: []string{`invalid value "perhaps" in "daemon" directive, it must be "on" or "off" in DIR/nginx.conf:3`}},
	{name: "a block without a name", conf: "events {}\n{\n  daemon on;\n}\ndaemon possibly;\n",
		want: `unexpected "{" in DIR/nginx.conf:2`,
		more: []string{`invalid value "possibly" in "daemon" directive, it must be "on" or "off" in DIR/nginx.conf:5`}},
	{name: "text after quotes", conf: "events {}\npid \"a\"b;\n",
		want: `unexpected "b" in DIR/nginx.conf:2`},
	{name: "quotes after quotes", conf: "events {}\npid 'a''b';\n",
		want: `unexpected "'" in DIR/nginx.conf:2`},
	{name: "a brace after quotes", conf: "events {\n  multi_accept \"on\"}\n",
		want: `unexpected "}" in DIR/nginx.conf:2`},
	{name: "an open quote", conf: "events {}\npid \"a;\n\n",
		want: `unexpected end of file, expecting ";" or "}" in DIR/nginx.conf:4`},
	{name: "an open quote in a long file", conf: "events {}\npid \"a;\n" + strings.Repeat("# text\n", 1000),
		want: `too long parameter, probably missing terminating """ character in DIR/nginx.conf:2`},
	{name: "an open single quote in a long file", conf: "events {}\npid 'a;\n" + strings.Repeat("# text\n", 1000),
		want: `too long parameter, probably missing terminating "'" character in DIR/nginx.conf:2`},
	{name: "a long word", conf: "events {}\npid\n" + strings.Repeat("0123456789", 500) + ";\n",
		want: `too long parameter "0123456789..." started in DIR/nginx.conf:3`},

	{name: "an error in an included file", conf: "events {}\ninclude x.conf;\ndaemon maybe;\n", x: "\n\nfrob on;\n",
		want: `unknown directive "frob" in DIR/x.conf:3`,
		more: []string{`invalid value "maybe" in "daemon" directive, it must be "on" or "off" in DIR/nginx.conf:3`}},
	{name: "a syntax error in an included file", conf: "events {}\ninclude x.conf;\ndaemon maybe;\n", x: "pid \"a;\n",
		want: `unexpected end of file, expecting ";" or "}" in DIR/x.conf:2`,
		more: []string{`invalid value "maybe" in "daemon" directive, it must be "on" or "off" in DIR/nginx.conf:3`}},
	{name: "a block closed in an included file", conf: "events {\n  include x.conf;\n", x: "}\n",
		want: `unexpected "}" in DIR/x.conf:1`,
		more: []string{`unexpected end of file, expecting "}" in DIR/nginx.conf:3`}},
	{name: "a block opened in an included file", conf: "include x.conf;\n}\n", x: "events {\n",
		want: `unexpected end of file, expecting "}" in DIR/x.conf:2`,
		more: []string{`unexpected "}" in DIR/nginx.conf:2`}},
	{name: "a directive over the end of a file", conf: "include x.conf;\n on;\nevents {}\n", x: "daemon",
		want: `unexpected end of file, expecting ";" or "}" in DIR/x.conf:1`,
		more: []string{`unknown directive "on" in DIR/nginx.conf:2`}},
	{name: "include of nothing", conf: "events {}\ninclude;\n",
		want: `invalid number of arguments in "include" directive in DIR/nginx.conf:2`},
	{name: "include of two", conf: "events {}\ninclude a b;\n",
		want: `invalid number of arguments in "include" directive in DIR/nginx.conf:2`},
	{name: "include of a missing file", conf: "events {}\nhttp {\n  include x.conf;\n}\n", x: "-",
		want: `open() "DIR/x.conf" failed (2: No such file or directory) in DIR/nginx.conf:3`},
	{name: "include of a file in a file", conf: "events {}\nhttp {\n  include x.conf/y;\n}\n",
		want: `open() "DIR/x.conf/y" failed (20: Not a directory) in DIR/nginx.conf:3`},

	{name: "-g without semicolon", conf: "events {}\n", g: "daemon on",
		want: `unexpected end of parameter, expecting ";" in command line`},
	{name: "-g with a block", conf: "daemon off;\n", g: "daemon on; events {}",
		want: `block directives are not supported in -g option in command line`,
		more: []string{`"daemon" directive is duplicate in DIR/nginx.conf:1`}},
	{name: "-g with a brace", conf: "events {}\n", g: "}",
		want: `unexpected "}" in command line`},
	{name: "-g unknown", conf: "events {}\n", g: "pid logs/pid; frob on;",
		want: `unknown directive "frob" in command line`},
	{name: "-g and file", conf: "events {}\ndaemon on;\n", g: "daemon on;",
		want: `"daemon" directive is duplicate in DIR/nginx.conf:2`},
	{name: "-g not allowed", conf: "events {}\n", g: "multi_accept on;",
		want: `"multi_accept" directive is not allowed here in command line`},
	{name: "-g includes an error", conf: "events {}\n", g: "include x.conf;", x: "\nfrob on;\n",
		want: `unknown directive "frob" in DIR/x.conf:2`},

	{name: "several mistakes",
		conf: "daemon ja;\nevents {\n  multi_accept on off;\n}\nhttp {\n  server {\n    listen 80\n  }\n  frob;\n  server {\n    etag on;\n    etag on;\n  }\n}\n",
		want: `invalid value "ja" in "daemon" directive, it must be "on" or "off" in DIR/nginx.conf:1`,
		more: []string{
			`invalid number of arguments in "multi_accept" directive in DIR/nginx.conf:3`,
			`unexpected "}" in DIR/nginx.conf:8`,
			`unknown directive "frob" in DIR/nginx.conf:9`,
			`"etag" directive is duplicate in DIR/nginx.conf:12`,
		}},
}

// files writes the configuration of a test into dir.
func writeBroken(t *testing.T, dir, conf, x string) {
	t.Helper()
	files := map[string]string{"nginx.conf": conf, "x.conf": x}
	if x == "-" {
		delete(files, "x.conf")
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMessages(t *testing.T) {
	for _, test := range broken {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			writeBroken(t, dir, test.conf, test.x)
			errs := readAndBind(t, "nginx.conf", Options{Prefix: dir, Globals: test.g})
			want := append([]string{test.want}, test.more...)
			for i := range max(len(errs), len(want)) {
				ours, wanted := "(nothing)", "(nothing)"
				if i < len(errs) {
					ours = strings.ReplaceAll(firstOf(errs[i:]), dir, "DIR")
				}
				if i < len(want) {
					wanted = want[i]
				}
				if !sameComplaint(ours, wanted) {
					t.Errorf("message %d: %s\nwant: %s", i, ours, wanted)
				}
			}
			if !errs.Failed() {
				t.Error("the configuration is not refused")
			}
		})
	}
}

func TestMessagesAreNginxs(t *testing.T) {
	for _, test := range broken {
		t.Run(test.name, func(t *testing.T) {
			nginx := newPeer(t)
			writeBroken(t, nginx.dir, test.conf, test.x)
			got := strings.ReplaceAll(nginx.complaint(t, "nginx.conf", test.g), nginx.dir, "DIR")
			if got != test.want {
				t.Errorf("nginx says: %s\nwant:       %s", got, test.want)
			}
		})
	}
}
