package volume

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
	"tandem/proxy/cache/entry"
)

// Load tells the index of all files, at the loader's pace, unless it knows them.
// If somebody else is at it, Load waits for what comes of it.
func (v *Volume) Load(ctx context.Context) {
	select {
	case v.Memory.loading <- struct{}{}:
		defer func() { <-v.Memory.loading }()
	case <-ctx.Done():
		return
	}
	if v.Index.Warm() {
		return
	}
	w := walk{v: v, turn: v.Loader.begin(time.Now())}
	if !w.folder(ctx, v.Folder, 0) {
		return
	}
	v.Index.SetWarm()
	v.log().Printf(errorlog.Notice, "http file cache: %s %.3fM, bsize: %d", v.Folder, float64(v.Index.Counts().Bytes)/(1<<20), v.block)
	if w.foreign > 0 {
		v.log().Printf(errorlog.Warn, "%d files in the cache folder \"%s\" are no entries of it, such as \"%s\"", w.foreign, v.Folder, w.example)
	}
}

// walk is the way through the files of a cache.
type walk struct {
	v       *Volume
	turn    turn
	foreign int    // files that are not the cache's
	example string // one of them
}

// abandoned is how long a file that was to become an entry has not been written
// when its process must have died.
const abandoned = 24 * time.Hour

// readAtOnce is how many names of a folder are in memory at a time.
const readAtOnce = 256

// folder looks at what is in a folder at a depth below that of the cache. It
// reports false if it had to end before its time.
func (w *walk) folder(ctx context.Context, name string, depth int) bool {
	f, err := os.Open(name)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			w.v.log().Printf(errorlog.Crit, "open() \"%s\" failed (%s)", name, errorlog.Reason(err))
		}
		return true
	}
	defer func() { _ = f.Close() }()
	for {
		names, err := f.Readdirnames(readAtOnce)
		for _, n := range names {
			if !w.entry(ctx, int(f.Fd()), name, n, depth) {
				return false
			}
		}
		if err != nil {
			if err != io.EOF {
				w.v.log().Printf(errorlog.Crit, "readdir() \"%s\" failed (%s)", name, errorlog.Reason(err))
			}
			return true
		}
	}
}

// entry looks at one name in a folder.
func (w *walk) entry(ctx context.Context, dir int, folder, name string, depth int) bool {
	v := w.v
	var st unix.Stat_t
	if unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return true // gone meanwhile
	}
	path := folder + "/" + name
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		if depth < len(v.Levels) && int(v.Levels[depth]) == len(name) {
			return w.folder(ctx, path, depth+1)
		}
		return true
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		w.stranger(path)
	case entry.IsTemporary(name):
		if time.Since(time.Unix(st.Mtim.Unix())) > abandoned {
			v.unlink(path)
		}
	default:
		w.file(path, &st)
	}
	return w.turn.done(ctx)
}

func (w *walk) file(path string, st *unix.Stat_t) {
	v := w.v
	k, ok := v.key(path)
	switch {
	case !ok:
		w.stranger(path)
	case st.Size < int64(entry.HeaderSize):
		v.log().Printf(errorlog.Crit, "cache file \"%s\" is too small", path)
		v.unlink(path)
	default:
		now := time.Now()
		if !v.Index.Add(k, v.OnDisk(st), now, v.Inactive) {
			v.noRoom(now)
			v.unlink(path)
		}
	}
}

func (w *walk) stranger(path string) {
	w.foreign++
	w.example = path
}
