package session_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/internal/errorlog"
	"tandem/internal/proxyproto"
	nc "tandem/nginxconf"
	"tandem/session"
	"tandem/session/sessiontest"
)

func TestCommonVariables(t *testing.T) {
	s := sessiontest.Start(t, "server { }")
	host, _ := os.Hostname()
	header := &proxyproto.Header{Source: []byte("198.51.100.1"), SourcePort: 5, Dest: []byte("198.51.100.2"), DestPort: 6}
	for _, c := range []struct {
		peer, local string
		header      *proxyproto.Header
		want        map[string]string
	}{
		{"192.0.2.1:1234", "", nil, map[string]string{
			"remote_addr": "192.0.2.1", "remote_port": "1234", "binary_remote_addr": "\xc0\x00\x02\x01", "server_addr": "192.0.2.99", "server_port": "4433",
			"connection": "1", "hostname": host, "pid": fmt.Sprint(os.Getpid()), "nginx_version": "1.31.5", "proxy_protocol_addr": "-", "proxy_protocol_tlv_alpn": "-",
		}},
		{"[2001:db8::1]:1", "", header, map[string]string{
			"remote_addr": "2001:db8::1", "binary_remote_addr": string(netip.MustParseAddr("2001:db8::1").AsSlice()), "proxy_protocol_addr": "198.51.100.1",
			"proxy_protocol_port": "5", "proxy_protocol_server_addr": "198.51.100.2", "proxy_protocol_server_port": "6", "proxy_protocol_tlv_alpn": "-",
		}},
		{"unix:", "/run/a.sock", nil, map[string]string{
			"remote_addr": "unix:", "remote_port": "", "binary_remote_addr": "unix:", "server_addr": "unix:/run/a.sock", "server_port": "",
		}},
	} {
		client := s.Client(c.peer)
		client.Proxied = c.header
		if c.local != "" {
			client.Local = &net.UnixAddr{Name: c.local, Net: "unix"}
		}
		x := s.Session(0, client)
		for name, want := range c.want {
			if got := x.Value(name); got != want {
				t.Errorf("%s: $%s is %q, want %q", c.peer, name, got, want)
			}
		}
	}
	x := s.Session(0, s.Client("unix:"))
	for _, name := range []string{"msec", "time_iso8601", "time_local"} {
		if got := x.Value(name); len(got) < 14 {
			t.Errorf("$%s is %q", name, got)
		}
	}
}

func TestWhatIsKeptLivesUntilTheSessionEnds(t *testing.T) {
	s := sessiontest.Start(t, "server { }")
	c := s.Client("192.0.2.1:1")
	x := s.Session(0, c)
	level := x.Level()
	for round := range 3 {
		var kept [][]byte
		var want []string
		for i := range 300 {
			text := strings.Repeat(fmt.Sprint(round, i, " "), 1+i%7*50)
			source := []byte(text)
			kept, want = append(kept, x.Keep(source)), append(want, text)
			clear(source)
		}
		for i := range kept {
			if string(kept[i]) != want[i] {
				t.Fatalf("round %d: piece %d has changed", round, i)
			}
			// What grows does not grow into its neighbour.
			_ = append(kept[i], 'X')
		}
		for i := range kept {
			if string(kept[i]) != want[i] {
				t.Fatalf("round %d: piece %d was written into", round, i)
			}
		}
		x.Reset()
		x.Attach(c, level)
	}
	if x.Keep(nil) != nil || x.Keep([]byte{}) != nil {
		t.Error("of nothing something is kept")
	}
}

func TestScratchNests(t *testing.T) {
	s := sessiontest.Start(t, "server { }")
	x := s.Session(0, s.Client("unix:"))
	outer := append(x.Scratch(), "outer"...)
	inner := append(x.Scratch(), "inner"...)
	if string(outer) != "outer" || string(inner) != "inner" {
		t.Errorf("%q, %q", outer, inner)
	}
	x.Unscratch(inner)
	x.Unscratch(outer)
	if again := x.Scratch(); len(again) != 0 || !bytes.Equal(again[:5], []byte("outer")) {
		t.Error("what was given back first is lent first")
	}
}

func TestTheEndComesInReverse(t *testing.T) {
	s := sessiontest.Start(t, "server { }")
	x := s.Session(0, s.Client("unix:"))
	var order string
	for _, name := range []string{"a", "b", "c"} {
		x.OnEnd(func() {
			order += name
			if name == "b" {
				panic("b")
			}
		})
	}
	func() {
		defer func() { _ = recover() }()
		x.Close()
	}()
	if order != "cb" || x.Ended() {
		t.Errorf("%s, ended: %v", order, x.Ended())
	}
	if x.Close(); order != "cba" || !x.Ended() {
		t.Errorf("%s, ended: %v", order, x.Ended())
	}
}

func TestMessagesSayWhomTheyAreAbout(t *testing.T) {
	s := sessiontest.Start(t, "server { }")
	x := s.Session(0, s.Client("192.0.2.1:1"))
	x.Logf(errorlog.Error, "%d of %d", 1, 2)
	x.LogMessage(errorlog.Warn, []byte("complete"))
	x.LogUpstreamf(errorlog.Info, func(b []byte) []byte { return append(b, ", upstream: u"...) }, "lost")
	for _, want := range []string{
		"[error] ", "*1 1 of 2, client: 192.0.2.1, server: test\n", "*1 complete, client: 192.0.2.1, server: test\n", "*1 lost, client: 192.0.2.1, server: test, upstream: u\n",
	} {
		if !strings.Contains(s.ErrorLog(), want) {
			t.Errorf("the log has %q, want %q", s.ErrorLog(), want)
		}
	}
}

func TestRecords(t *testing.T) {
	s := sessiontest.Start(t, "server { }")
	x := s.Session(0, s.Client("unix:"))
	if record.Of(&x.Session) != nil {
		t.Error("there is a record before it is set")
	}
	n := 7
	if record.Set(&x.Session, &n); *record.Of(&x.Session) != 7 {
		t.Error("the record is not what was set")
	}
	if x.Reset(); record.Of(&x.Session) != nil {
		t.Error("the record outlives the session")
	}
}

var (
	record     = session.NewRecord[int]()
	realmSlot  = session.NewRealmSlot[[]string]()
	levelSlot  = session.NewLevelSlot(func(c, p *named) error { return c.inherit(p) })
	serverSlot = session.NewServerSlot(func(c, p *named) error { return c.inherit(p) })
)

type named struct{ name nc.Value[string] }

func (c *named) inherit(p *named) error {
	c.name.Inherit(p.name, "default")
	if c.name.V == "wrong" {
		return fmt.Errorf("%s is wrong", c.name.V)
	}
	return nil
}

// settings understands level NAME and server_level NAME.
func settings(in session.Contexts) *session.Module {
	field := func(c *named) *nc.Value[string] { return &c.name }
	return &session.Module{Name: "settings", Commands: []nc.Command{
		{Name: "level", In: in.Levels, Arity: nc.Take1, Set: nc.SetString(session.At(levelSlot, field))},
		{Name: "server_level", In: in.Servers, Arity: nc.Take1, Set: nc.SetString(session.AtServer(serverSlot, field))},
	}, Init: func(r *session.Realm) error {
		r.Each(func(l *session.Level) { *realmSlot.Of(r) = append(*realmSlot.Of(r), levelSlot.Of(l).name.V) })
		for _, srv := range r.Servers() {
			*realmSlot.Of(r) = append(*realmSlot.Of(r), serverSlot.Of(srv).name.V)
		}
		return nil
	}}
}

func TestSettingsInherit(t *testing.T) {
	s := sessiontest.Start(t, "level outer; server { } server { level inner; server_level own; }", settings)
	if got, want := fmt.Sprint(*realmSlot.Of(&s.Realm)), "[outer outer inner default own]"; got != want {
		t.Errorf("the settings are %s, want %s", got, want)
	}
	for i, want := range []string{"outer", "inner"} {
		x := s.Session(i, s.Client("unix:"))
		if got := levelSlot.Of(x.Level()).name.V; got != want || x.Realm() != &s.Realm {
			t.Errorf("a session with server %d has %q, want %q", i, got, want)
		}
	}
	for _, text := range []string{"level wrong; server { }", "server { level wrong; }", "server { server_level wrong; }"} {
		if _, errs := sessiontest.Load(t, nil, text, settings); len(errs) == 0 || errs[0].Msg != "wrong is wrong" {
			t.Errorf("%s: %v", text, errs)
		}
	}
}

func TestTemporaryFiles(t *testing.T) {
	s := sessiontest.Start(t, "server { }")
	s.AddTempFolder("test_temp")
	x := s.Session(0, s.Client("unix:"))
	for range 2 {
		f, err := x.CreateTemp("test_temp")
		if err != nil {
			t.Fatal(err)
		}
		if dir := filepath.Dir(f.Name()); dir != s.Dir+"test_temp" {
			t.Errorf("the file is in %s", dir)
		}
		_ = f.Close()
	}
	if named, defaults := s.TempFolders(); len(named) != 0 || len(defaults) != 1 || defaults[0] != s.Dir+"test_temp" {
		t.Errorf("the folders are %v and %v", named, defaults)
	}
	s.TempRoot = func(name string) string { return filepath.Join(s.Dir, "elsewhere", name) }
	f, err := x.CreateTemp("test_temp")
	if err != nil || filepath.Dir(f.Name()) != s.Dir+"elsewhere/test_temp" {
		t.Fatalf("%v, %v", f, err)
	}
	_ = f.Close()
	s.Write(t, "file")
	if _, err := x.CreateTemp(s.Dir + "file/below"); err == nil {
		t.Error("a file is made below a file")
	}
}

// zone understands zone NAME SIZE and use_zone NAME.
func zone(kind string) sessiontest.Module {
	return func(in session.Contexts) *session.Module {
		return &session.Module{Name: "zone", Commands: []nc.Command{
			{Name: "zone", In: in.Block, Arity: nc.Take2, Set: func(s *nc.Scope, d *nc.Directive) error {
				z, err := session.BlockOf(s).Realm.Zone(d, kind, d.Args[0])
				if err != nil {
					return err
				}
				size, err := nc.ParseSize(d.Args[1])
				if err != nil {
					return err
				}
				return z.Declare(size, "", func(old any) (any, error) {
					if old != nil {
						return old, nil
					}
					return new(int), nil
				})
			}},
			{Name: "use_zone", In: in.Levels, Arity: nc.Take1, Set: func(s *nc.Scope, d *nc.Directive) error {
				_, err := session.BlockOf(s).Realm.Zone(d, kind, d.Args[0])
				return err
			}},
		}}
	}
}

func TestZonesOutliveAReload(t *testing.T) {
	data := func(s *sessiontest.Server) any {
		z, err := s.Zone(&nc.Directive{}, "a", "z")
		if err != nil {
			t.Fatal(err)
		}
		return z.Data()
	}
	first := sessiontest.Start(t, "use_zone z; zone z 1m; server { }", zone("a"))
	for text, same := range map[string]bool{"zone z 1m; server { }": true, "zone z 2m; server { }": false} {
		next, errs := sessiontest.Load(t, first, text, zone("a"))
		if len(errs) > 0 || (data(next) == data(first)) != same {
			t.Errorf("%s: the same is %v, want %v (%v)", text, !same, same, errs)
		}
	}
	other, _ := sessiontest.Load(t, first, "zone z 1m; server { }", zone("b"))
	if z, err := other.Zone(&nc.Directive{}, "b", "z"); err != nil || z.Data() == data(first) {
		t.Errorf("a zone of another kind has the same data, or %v", err)
	}
	if _, err := other.Zone(&nc.Directive{}, "a", "z"); err == nil || err.Error() != `the shared memory zone "z" is already declared for a different use` {
		t.Errorf("of another kind it is %v", err)
	}
	for text, want := range map[string]string{
		"use_zone z; server { }":           `zero size shared memory zone "z"`,
		"zone z 1m; zone z 2m; server { }": `the size 2097152 of shared memory zone "z" conflicts with already declared size 1048576`,
	} {
		if _, errs := sessiontest.Load(t, nil, text, zone("a")); len(errs) != 1 || errs[0].Msg != want {
			t.Errorf("%s: %v, want %s", text, errs, want)
		}
	}
}
