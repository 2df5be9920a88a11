package volume

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/internal/errorlog"
	"tandem/proxy/cache/entry"
	"tandem/proxy/cache/index"
)

// newVolume returns a volume of a folder of its own, and its log.
func newVolume(t *testing.T, change func(*Config)) (*Volume, *bytes.Buffer) {
	c := Config{Zone: "z", Folder: t.TempDir(), Levels: entry.Levels{1, 2}, Inactive: time.Minute, MaxSize: math.MaxInt64,
		Loader: Pace{100, time.Minute, time.Millisecond}, Manager: Pace{100, time.Minute, 50 * time.Millisecond}}
	if change != nil {
		change(&c)
	}
	var log bytes.Buffer
	to := errorlog.New(errorlog.Target{Level: errorlog.Debug, To: &log})
	return New(c, NewMemory(1<<20), func() *errorlog.Log { return to }), &log
}

// write makes the file of an entry, of about that many bytes.
func write(t *testing.T, v *Volume, key string, size int) string {
	t.Helper()
	h := entry.Header{ValidUntil: math.MaxInt64, BodyStart: entry.HeadStart(len(key)) + 4}
	name := v.Path(entry.KeyOf([]byte(key)))
	b := append(h.Append(nil, []byte(key)), "head"...)
	b = append(b, make([]byte, max(size-len(b), 0))...)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func files(t *testing.T, v *Volume) (n int) {
	t.Helper()
	err := filepath.WalkDir(v.Folder, func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestLoad(t *testing.T) {
	v, log := newVolume(t, nil)
	for i := range 300 {
		write(t, v, fmt.Sprint(i), 5000)
	}
	small := write(t, v, "small", 0)
	if err := os.Truncate(small, 100); err != nil {
		t.Fatal(err)
	}
	temp := write(t, v, "temp", 0)
	old := time.Now().Add(-25 * time.Hour)
	for _, name := range []string{temp + ".0000000001", temp + ".0000000002"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(temp+".0000000002", old, old); err != nil {
		t.Fatal(err)
	}
	// What is not the cache's is left alone.
	for _, name := range []string{v.Folder + "/README", v.Folder + "/" + filepath.Base(temp)} {
		if err := os.WriteFile(name, make([]byte, 1000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Dir(temp)+"/"+strings.Repeat("0", 32)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(v.Folder+"/other", 0o700); err != nil {
		t.Fatal(err)
	}
	v.Load(t.Context())
	if c := v.Index.Counts(); !v.Index.Warm() || c.Entries != 301 || c.Bytes < 300*5000 {
		t.Errorf("warm %v, %+v", v.Index.Warm(), c)
	}
	if got := files(t, v); got != 301+1+3 {
		t.Errorf("%d files are left", got)
	}
	for _, want := range []string{"is too small", "3 files in the cache folder", "http file cache: " + v.Folder} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("log lacks %q: %s", want, log)
		}
	}
	v.Load(t.Context()) // knows all already
}

func TestLoadIsInterrupted(t *testing.T) {
	v, _ := newVolume(t, func(c *Config) { c.Loader = Pace{1, time.Minute, time.Hour} })
	write(t, v, "a", 0)
	write(t, v, "b", 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v.Load(ctx)
	if v.Index.Warm() {
		t.Error("half a load is a whole one")
	}
	// The next configuration goes on.
	next := New(v.Config, v.Memory, v.log)
	next.Loader.Sleep = 0
	next.Load(t.Context())
	if c := next.Index.Counts(); !v.Index.Warm() || c.Entries != 2 {
		t.Errorf("%+v", c)
	}
}

func TestLoadWithoutFolder(t *testing.T) {
	v, log := newVolume(t, func(c *Config) { c.Folder += "/none/yet" })
	v.Load(t.Context())
	if !v.Index.Warm() || strings.Contains(log.String(), "crit") {
		t.Errorf("warm %v: %s", v.Index.Warm(), log)
	}
}

func TestLoadMoreThanFits(t *testing.T) {
	v, log := newVolume(t, nil)
	v.Index = index.New(2)
	for i := range 5 {
		write(t, v, fmt.Sprint(i), 0)
	}
	v.Load(t.Context())
	if n := files(t, v); n != 2 || !strings.Contains(log.String(), `could not allocate node in cache keys zone "z"`) {
		t.Errorf("%d files: %s", n, log)
	}
}

// turns has the manager do what it does at once, up to its first real pause.
func turns(v *Volume, now func() time.Time) (pauses []time.Duration) {
	for {
		wait := v.manage(now)
		pauses = append(pauses, wait)
		if wait != v.Manager.Sleep {
			return pauses
		}
	}
}

func TestManageMaxSize(t *testing.T) {
	v, _ := newVolume(t, func(c *Config) { c.MaxSize, c.Manager.Files = 10*4096, 3 })
	for i := range 20 {
		write(t, v, fmt.Sprint(i), 4000)
	}
	v.Load(t.Context())
	pauses := turns(v, time.Now)
	if n := files(t, v); n != 9 || len(pauses) != 4 {
		t.Errorf("%d files after %d turns", n, len(pauses))
	}
}

func TestManageInactive(t *testing.T) {
	v, _ := newVolume(t, nil)
	write(t, v, "a", 0)
	v.Load(t.Context())
	if wait := v.manage(time.Now); wait != idle || files(t, v) != 1 {
		t.Errorf("next in %v, %d files", wait, files(t, v))
	}
	later := func() time.Time { return time.Now().Add(55 * time.Second) }
	if wait := v.manage(later); wait > 6*time.Second || files(t, v) != 1 {
		t.Errorf("next in %v, %d files", wait, files(t, v))
	}
	later = func() time.Time { return time.Now().Add(time.Hour) }
	if v.manage(later); files(t, v) != 0 {
		t.Error("a file that nobody has asked for is there")
	}
}

func TestManageMinFree(t *testing.T) {
	v, _ := newVolume(t, func(c *Config) { c.MinFree = math.MaxInt64 })
	write(t, v, "a", 0)
	v.Load(t.Context())
	if v.manage(time.Now); files(t, v) != 0 {
		t.Error("nothing is removed when little is free")
	}
}

func TestManageWatermark(t *testing.T) {
	v, _ := newVolume(t, nil)
	v.Index = index.New(16)
	for i := range 16 {
		write(t, v, fmt.Sprint(i), 0)
	}
	v.Load(t.Context())
	h := new(index.Hold)
	if found, _ := v.Acquire(h, entry.KeyOf([]byte("more")), time.Now(), 1); found != index.Absent {
		t.Errorf("found %d", found)
	}
	if v.manage(time.Now); v.Index.Counts().Entries != 13 {
		t.Errorf("%+v", v.Index.Counts())
	}
}

func TestPurge(t *testing.T) {
	v, _ := newVolume(t, nil)
	long := "/long/" + strings.Repeat("x", 5000)
	for _, key := range []string{"/a/1", "/a/2", "/b", long} {
		write(t, v, key, 0)
	}
	// One that the index does not know of yet.
	if !v.Purge(entry.KeyOf([]byte("/b"))) || v.Purge(entry.KeyOf([]byte("/b"))) {
		t.Error("not purged once")
	}
	prefix := func(p string) func([]byte) bool {
		return func(text []byte) bool { return bytes.HasPrefix(text, []byte(p)) }
	}
	if n := v.PurgeKeys(t.Context(), prefix("/a/")); n != 2 {
		t.Errorf("%d purged", n)
	}
	if n := v.PurgeKeys(t.Context(), prefix("/long/")); n != 1 || files(t, v) != 0 || v.Index.Counts().Entries != 0 {
		t.Errorf("%d purged, %d files, %+v", n, files(t, v), v.Index.Counts())
	}
}

func TestCreateTemp(t *testing.T) {
	v, _ := newVolume(t, nil)
	k := entry.KeyOf([]byte("a"))
	one, err := v.CreateTemp(k)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	two, err := v.CreateTemp(k)
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	if one.Name() == two.Name() || !entry.IsTemporary(filepath.Base(one.Name())) || filepath.Dir(one.Name()) != filepath.Dir(v.Path(k)) {
		t.Errorf("%s, %s", one.Name(), two.Name())
	}
}
