package keepalivedconf

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"tandem/keepalivedconf/text"
)

// memory is a file system of a test's own.
type memory struct{ fstest.MapFS }

func (m memory) ReadFile(name string) ([]byte, error)  { return m.MapFS.ReadFile(path.Clean(name)) }
func (m memory) Stat(name string) (fs.FileInfo, error) { return m.MapFS.Stat(path.Clean(name)) }
func (m memory) Glob(pattern string) ([]string, error) { return m.MapFS.Glob(path.Clean(pattern)) }

// readMemory reads "main" of a file system in memory, at most so many lines.
func readMemory(files fstest.MapFS, most int) (*Config, Reports) {
	m := memory{files}
	return Read("main", Options{Host: testHost, Text: text.Options{
		ConfigID: "node1", ReadFile: m.ReadFile, Stat: m.Stat, Glob: m.Glob, Random: rand.NewPCG(1, 2),
		Env: func(name string) string { return "value of " + name }, MaxLines: most,
	}})
}

// checkPlaces fails if something is placed outside the files that were read.
func checkPlaces(t *testing.T, cfg *Config, reports Reports) {
	t.Helper()
	lines := map[string]int{}
	percent := false
	for _, f := range cfg.Files {
		percent = percent || bytes.IndexByte(f.Data, '%') >= 0
		lines[f.Name] = bytes.Count(f.Data, []byte("\n")) + 1
	}
	check := func(p Pos, what any) {
		if p.Line < 0 || p.Line == 0 && p.File != "" || p.Line > lines[p.File] {
			t.Errorf("%v is at %+v, which is no place in %v", what, p, lines)
		}
	}
	for _, r := range reports {
		check(r.Pos, r)
		if r.Through != 0 && (r.Through < r.Pos.Line || r.Through > lines[r.Pos.File]) {
			t.Errorf("%v skips to line %d", r, r.Through)
		}
		if !percent && strings.Contains(r.Explain(), "%!") {
			t.Errorf("badly formatted: %v", r.Explain())
		}
		_ = r.Kind.String()
	}
	var walk func([]*Statement)
	walk = func(body []*Statement) {
		for _, s := range body {
			check(s.Pos, s.Words)
			check(s.Close, s.Words)
			walk(s.Body)
		}
	}
	walk(cfg.Statements)
}

// checkInstances fails if an instance has a value that its state machine could not work with.
func checkInstances(t *testing.T, cfg *Config, reports Reports) {
	t.Helper()
	for _, i := range cfg.Instances {
		low, high := time.Second, 255*time.Second
		if i.Version == 3 {
			low, high = 10*time.Millisecond, 40950*time.Millisecond
		}
		switch {
		case i.Priority == 0, i.State == StateUnset, i.Family == FamilyUnset, i.Version != 2 && i.Version != 3,
			i.AdvertInterval < low, i.AdvertInterval > high, i.AdvertInterval%low != 0,
			i.DownTimerAdverts < 1, i.DownTimerAdverts > 100, i.PreemptDelay < 0, i.PreemptDelay > 1000*time.Second,
			i.State == StateMaster && !i.Preempt, i.Version == 3 && i.Auth != AuthNone,
			i.Unicast != (len(i.Peers) > 0), len(i.Addresses) > 255, i.GARP.Repeat < 1, i.Tandem.Lease < time.Second,
			i.VRID == 0 && !reports.Stops():
			t.Errorf("impossible instance:\n%v", cfg)
		}
		for _, a := range i.Addresses {
			if !a.Prefix.IsValid() || a.Family() != i.Family || len(a.Label) > maxInterfaceName {
				t.Errorf("impossible address %v", a)
			}
		}
	}
}

// checkVirtualServers fails if a virtual server has a value that nothing could be done with.
func checkVirtualServers(t *testing.T, cfg *Config) {
	t.Helper()
	for _, v := range cfg.VirtualServers {
		ways := 0
		for _, is := range []bool{v.Group != nil, v.Mark != 0, v.Address.IsValid()} {
			if is {
				ways++
			}
		}
		switch {
		case ways != 1, v.Scheduler == "", len(v.RealServers) == 0, v.Hysteresis > v.Quorum, v.PersistenceTimeout < 0,
			v.Family == FamilyUnset && v.Group == nil, v.Protocol == 0 && v.byAddress():
			t.Errorf("impossible virtual server:\n%v", cfg)
		}
		for _, r := range v.RealServers {
			if !r.Address.IsValid() || r.Weight > maxWeight {
				t.Errorf("impossible real server %v", r.Address)
			}
			for _, c := range r.Checkers {
				asks := c.Kind != CheckMisc && c.Kind != CheckFile && c.Kind != CheckBFD
				switch {
				case c.DelayLoop <= 0, c.Warmup < 0, c.DelayBeforeRetry < 0, asks && (c.Connect.Timeout <= 0 || !c.Connect.To.IsValid()),
					c.Misc != nil && c.Misc.Timeout <= 0, c.HTTP != nil && len(c.HTTP.URLs) == 0, c.File != nil && c.File.File == nil:
					t.Errorf("impossible checker:\n%v", cfg)
				}
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	archives, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range append(archives, "testdata/agree.txtar", "testdata/values.txtar") {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			if file.Name != "reports" && file.Name != "config" {
				f.Add(file.Data)
			}
		}
	}
	f.Add([]byte("a{b}c{\"}\"\\#}\r\n@x ~SEQ(\x00"))
	f.Add([]byte("include main\ninclude {other,main}\ninclude *\n$A=\\\n$A\\\n$A\n$A"))
	f.Add([]byte("~SEQ(A,1,1000000000) ~SEQ(B,1,1000000000) vrrp_instance $A { x"))
	f.Add([]byte("}\nx {\ninclude main"))
	f.Add([]byte("~SEQ(A,9223372036854775806,9223372036854775807) x $A"))
	f.Fuzz(func(t *testing.T, data []byte) {
		files := fstest.MapFS{
			"main":  {Data: data, Mode: 0o644},
			"other": {Data: []byte("virtual_router_id 7\n~LST(X, 1, 2) priority $X"), Mode: 0o644},
		}
		cfg, reports := readMemory(files, 3000)
		checkPlaces(t, cfg, reports)
		checkInstances(t, cfg, reports)
		checkVirtualServers(t, cfg)
		config := cfg.String()
		again, reportsAgain := readMemory(files, 3000)
		if again.String() != config || !reflect.DeepEqual(reports, reportsAgain) {
			t.Error("read twice, and it came to something else")
		}
	})
}
