// Package volume is a response cache's folder together with its index: it loads
// what is there, removes what is too old or too much, and purges.
//
// Another process may be at work in the same folder, an nginx or another tandem:
// files come, go and change without notice.
package volume

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/errorlog"
	"tandem/proxy/cache/entry"
	"tandem/proxy/cache/index"
)

// Config is what a configuration says of a cache.
type Config struct {
	Zone     string // the name of its keys_zone
	Folder   string // without a slash at its end
	Levels   entry.Levels
	Inactive time.Duration // how long an entry stays that nobody asks for
	MaxSize  int64         // bytes that the files may take on the disk
	MinFree  int64         // bytes that the file system is to have left; 0: none
	Loader   Pace
	Manager  Pace
}

// Pace is how much is done at a time: so many files, for so long, and then a rest.
type Pace struct {
	Files     int
	Threshold time.Duration
	Sleep     time.Duration
}

// Memory is what is known of the files, which outlives configurations.
type Memory struct {
	index   *index.Index
	loading chan struct{} // holds something while somebody loads
	// Uses are for what uses the cache to count in, by how it took part in an answer.
	Uses [8]Uses

	outdated outdated
}

// Uses counts answers.
type Uses struct{ Responses, Bytes atomic.Uint64 }

// NewMemory returns the memory for a zone of that many bytes.
func NewMemory(zoneSize int64) *Memory {
	return &Memory{index: index.New(index.Room(zoneSize)), loading: make(chan struct{}, 1),
		outdated: outdated{texts: make(map[string]struct{}), wake: make(chan struct{}, 1)}}
}

// Volume is a cache at work.
type Volume struct {
	Config
	Index *index.Index

	Memory    *Memory
	block     int64 // what sizes on the disk are multiples of
	log       func() *errorlog.Log
	complains atomic.Int64 // Unix seconds, when the log was told last that there is no room in the zone
	full      atomic.Int64 // Unix seconds, when it was told last that the disk is full
}

// New returns the volume of a configuration. log returns the log that it writes to.
func New(c Config, m *Memory, log func() *errorlog.Log) *Volume {
	return &Volume{Config: c, Index: m.index, Memory: m, block: blockSize(c.Folder), log: log}
}

// blockSize returns the size of the blocks of the file system on which a folder
// is, or will be made.
func blockSize(folder string) int64 {
	for {
		var st unix.Statfs_t
		if err := unix.Statfs(folder, &st); err == nil {
			if st.Bsize <= 0 || st.Bsize%512 != 0 {
				return 512
			}
			return st.Bsize
		}
		up := filepath.Dir(folder)
		if up == folder {
			return 512
		}
		folder = up
	}
}

// Rules returns how entries are kept that have to be asked for minUses times.
func (v *Volume) Rules(minUses int) index.Rules {
	return index.Rules{MinUses: minUses, Inactive: v.Inactive}
}

// Acquire is Index.Acquire, and makes room if there is none.
func (v *Volume) Acquire(h *index.Hold, k entry.Key, now time.Time, minUses int) (index.Finding, index.State) {
	found, state := v.Index.Acquire(h, k, now, v.Rules(minUses))
	if found != index.Full {
		return found, state
	}
	if victim, removal := v.Index.Force(now, v.Inactive); removal == index.Removed {
		v.remove(victim)
	}
	if found, state = v.Index.Acquire(h, k, now, v.Rules(minUses)); found == index.Full {
		v.noRoom(now)
	}
	return found, state
}

// noRoom tells the log that there is no room for an entry, once a second.
func (v *Volume) noRoom(now time.Time) {
	if at := now.Unix(); v.complains.Swap(at) != at {
		v.log().Printf(errorlog.Alert, "could not allocate node in cache keys zone \"%s\"", v.Zone)
	}
}

// Reports reports whether a failure to write an entry is to be told of. That the
// disk is full is told once a minute: requests go on, and there may be many.
func (v *Volume) Reports(err error, now time.Time) bool {
	if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
		return true
	}
	last := v.full.Load()
	return now.Unix()-last >= 60 && v.full.CompareAndSwap(last, now.Unix())
}

// Path returns the name of an entry's file.
func (v *Volume) Path(k entry.Key) string { return string(v.Levels.AppendPath(nil, v.Folder, k)) }

// remove removes the file of an entry.
func (v *Volume) remove(victim index.Victim) {
	v.unlink(v.Path(victim.Key))
	v.Index.Removed(victim)
}

func (v *Volume) unlink(name string) {
	if err := unix.Unlink(name); err != nil && err != unix.ENOENT && err != unix.ENOTDIR {
		v.log().Printf(errorlog.Crit, "unlink() \"%s\" failed (%s)", name, errorlog.Reason(err))
	}
}

// OnDisk returns how many bytes a file takes, as they are counted.
func (v *Volume) OnDisk(st *unix.Stat_t) int64 {
	size := st.Size
	// A file that takes much more than its size has been given room to grow.
	if taken := st.Blocks * 512; taken > size && taken < size+8*int64(st.Blksize) {
		size = taken
	}
	return (size + v.block - 1) / v.block * v.block
}

// free returns how many bytes the file system has left.
func (v *Volume) free() (int64, bool) {
	var st unix.Statfs_t
	if unix.Statfs(v.Folder, &st) != nil {
		return 0, false
	}
	return int64(st.Bavail) * st.Bsize, true
}

// CreateTemp makes a file beside that of an entry, to become it.
func (v *Volume) CreateTemp(k entry.Key) (*os.File, error) {
	name := v.Path(k)
	for range 100 {
		temp := name + suffix()
		f, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		switch {
		case errors.Is(err, fs.ErrExist):
			continue
		case errors.Is(err, fs.ErrNotExist):
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				return nil, err
			}
			continue
		}
		return f, err
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EEXIST}
}

var temporary atomic.Uint64

// suffix returns what follows an entry's name in that of a file that is to become
// it: a dot and ten digits, as nginx has it.
func suffix() string {
	n := temporary.Add(1) + uint64(os.Getpid())*100_003
	digits := []byte(".0000000000")
	for i := len(digits) - 1; i > 0; i-- {
		digits[i] += byte(n % 10)
		n /= 10
	}
	return string(digits)
}

// key returns the key that the file of that name is the entry of; ok is false if
// it is not in its place.
func (v *Volume) key(name string) (k entry.Key, ok bool) {
	k, ok = entry.ParseName(name[strings.LastIndexByte(name, '/')+1:])
	return k, ok && v.Path(k) == name
}
