package block_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/proxy/block"
	"tandem/session"
	"tandem/web/webtest"
)

// order is an order for u, as words: "set A weight=2", in which A, B and C stand for
// the addresses that are given.
func order(words string, addrs map[string]string) block.Order {
	fields := strings.Fields(words)
	for len(fields) < 2 {
		fields = append(fields, "")
	}
	server := fields[1]
	if addr := addrs[server]; addr != "" {
		server = addr
	}
	return block.Order{Upstream: "U", Verb: fields[0], Server: server, Params: fields[2:]}
}

// Servers come, change and go while requests are served, and the state file has what
// there is then.
func TestChange(t *testing.T) {
	addrs := map[string]string{"A": named(t, "A"), "B": named(t, "B"), "C": named(t, "C")}
	s := webtest.New(t, `events {}
		http { upstream u { state u.state; } server { listen 127.0.0.1:8080; location / { proxy_pass http://u; } } }`,
		modules, map[string]string{"u.state": "server " + addrs["A"] + " weight=2;\n"})
	file := filepath.Join(s.Dir, "u.state")
	for _, c := range []struct {
		order string
		who   string // answers four requests then
		state string
		err   string
	}{
		{"", "AAAA", "", `add, set or remove is to be done with a server, not ""`},
		{"add B", "ABAA", `server "A" weight=2; server "B";`, ""},
		{"add B", "", "", block.ErrExists.Error()},
		{"set A weight=1", "", `server "A"; server "B";`, ""},
		{"set A down", "BBBB", `server "A" down; server "B";`, ""},
		{"set A up", "", `server "A"; server "B";`, ""},
		{"set B drain max_conns=3 max_fails=2 fail_timeout=5s slow_start=1500ms", "AAAA",
			`server "A"; server "B" max_conns=3 max_fails=2 fail_timeout=5s slow_start=1500ms drain;`, ""},
		{"set B weight=3 weight=0", "AAAA", "", `invalid parameter "weight=0"`}, // all or nothing
		{"set B backup", "", "", `invalid parameter "backup"`},
		{"set C down", "", "", block.ErrNoServer.Error()},
		{"add C backup route=c", "AAAA",
			`server "A"; server "B" max_conns=3 max_fails=2 fail_timeout=5s slow_start=1500ms drain; server "C" "route=c" backup;`, ""},
		{"remove B", "AAAA", `server "A"; server "C" "route=c" backup;`, ""},
		{"remove B", "", "", block.ErrNoServer.Error()},
		{"remove A", "CCCC", `server "C" "route=c" backup;`, ""},
		{"add name.test", "", "", "needs an address, not a name"},
		{"add 127.0.0.1:1 resolve", "", "", "needs an address, not a name"},
		{"add 127.0.0.1:0", "", "", `invalid port in upstream "127.0.0.1:0"`},
		{"add 127.0.0.1:1 frob=1", "", "", `invalid parameter "frob=1"`},
		{"remove C", "----", "", ""},
		{"add A", "AAAA", `server "A";`, ""},
	} {
		name, text, err := block.Change(&s.HTTP.Realm, order(c.order, addrs))
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || name != "" || text != "" {
				t.Errorf("%s: %v, %q, want %s", c.order, err, text, c.err)
			}
		} else {
			for short, addr := range addrs {
				text = strings.ReplaceAll(text, addr, short)
			}
			if got := strings.Join(strings.Fields(text), " "); err != nil || name != file || got != c.state {
				t.Errorf("%s: %v, state %s in %s, want %s", c.order, err, got, name, c.state)
			}
		}
		if got := answers(t, s, len(c.who), "/"); got != c.who {
			t.Errorf("%s: %s answered, want %s", c.order, got, c.who)
		}
	}
}

func TestChangeWithoutState(t *testing.T) {
	s := withUpstream(t, "server A; server 127.0.0.1:1 down;")
	name, text, err := block.Change(&s.HTTP.Realm, order("remove 127.0.0.1:1", nil))
	if name != "" || text != "" || err != nil {
		t.Errorf("%q %q %v", name, text, err)
	}
	if _, _, err := block.Change(&s.HTTP.Realm, block.Order{Upstream: "v", Verb: "remove", Server: "x"}); !errors.Is(err, block.ErrNoUpstream) {
		t.Errorf("got %v", err)
	}
	if _, _, err := block.Change(new(session.Realm), block.Order{Upstream: "u", Verb: "add"}); !errors.Is(err, block.ErrNoUpstream) {
		t.Errorf("without any http block: %v", err)
	}
}

// What a state file keeps is read back as it was; one that is not there yet has no
// servers, and mistakes are told with its lines.
func TestState(t *testing.T) {
	const conf = "events {}\nhttp { upstream u { state u.state; } server { listen 127.0.0.1:8080; location / { proxy_pass http://u; } } }"
	s := webtest.New(t, conf, modules, nil)
	name, text, err := block.Change(&s.HTTP.Realm, order(`add 127.0.0.1:7 weight=4 max_conns=3 max_fails=2 fail_timeout=5s slow_start=1s route=a;b" down`, nil))
	if err != nil || filepath.Base(name) != "u.state" {
		t.Fatal(name, err)
	}
	again := webtest.New(t, conf, modules, map[string]string{"u.state": text})
	// A change of nothing tells what was read.
	_, back, err := block.Change(&again.HTTP.Realm, order("set 127.0.0.1:7", nil))
	if err != nil || back != text || !strings.Contains(text, "weight=4") {
		t.Errorf("written\n%s\nread\n%s\n%v", text, back, err)
	}
	if p := block.Upstreams(&again.HTTP.Realm)[0].Peers; len(p) != 1 || p[0].SID != `a;b"` || p[0].State != "down" {
		t.Errorf("%+v", p)
	}
	for state, want := range map[string][]string{
		"server 127.0.0.1:1;\nkeepalive 1;\n":              {`"keepalive" directive is not allowed here in DIR/u.state:2`},
		"server;\nserver 127.0.0.1:1 { }\nserver 1:x;\n":   {`"server" directive is not allowed here in DIR/u.state:1`, `"server" directive is not allowed here in DIR/u.state:2`, `invalid port in upstream "1:x" in DIR/u.state:3`},
		"server 127.0.0.1:1 weight=x; server 127.0.0.1:2;": {`invalid parameter "weight=x" in DIR/u.state:1`},
		"server 127.0.0.1:1":                               {`unexpected end of file, expecting ";" or "}" in DIR/u.state:1`},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "u.state"), []byte(state), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, errs := webtest.Load(dir, conf, modules)
		if !errs.Failed() {
			t.Errorf("%q: no mistake", state)
			continue
		}
		got := strings.ReplaceAll(errs.Error(), dir, "DIR")
		for _, line := range want {
			if !strings.Contains(got, line) {
				t.Errorf("%q: %s, want %s", state, got, line)
			}
		}
	}
}
