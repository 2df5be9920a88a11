package privilege

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Raise runs f as who started the process: its files are opened as that user,
// with every right that Confine has kept. What f does on its own goroutine has
// them and what it leaves to others has not. Before Confine it only calls f.
func Raise(f func()) { wake(true, ^Rights(0), f) }

// With runs f with the given rights, as far as Confine has kept them, on f's own
// goroutine. Files are opened as before. Before Confine it only calls f.
func With(r Rights, f func()) { wake(false, r, f) }

// Lower runs f, on its own goroutine, as the user that files are opened as and
// without any right, within Raise too. Before Confine, and without such a user, it
// only calls f.
func Lower(f func()) {
	s := state.Load()
	if s == nil || s.account == nil {
		f()
		return
	}
	runtime.LockOSThread()
	before, permitted, err := ofThread()
	if err != nil {
		panic("privilege: " + err.Error())
	}
	user := identity{s.account.UID, s.account.GID}
	id := openAs(user)
	if now := openAs(unchanged); now != user {
		panic("privilege: cannot become the user")
	}
	if err := setThread(0, permitted); err != nil {
		panic("privilege: " + err.Error())
	}
	defer restore(id, before, permitted)
	f()
}

func wake(asRoot bool, r Rights, f func()) {
	s := state.Load()
	if s == nil {
		f()
		return
	}
	runtime.LockOSThread()
	before, permitted, err := ofThread()
	if err != nil {
		panic("privilege: " + err.Error())
	}
	id := unchanged
	if asRoot && s.account != nil {
		id = openAs(identity{unix.Geteuid(), unix.Getegid()})
	}
	if err := setThread(before|r&permitted, permitted); err != nil {
		panic("privilege: " + err.Error())
	}
	defer restore(id, before, permitted)
	f()
}

// restore puts the calling thread back. One that cannot be put back stays locked,
// and the runtime ends it together with the goroutine.
func restore(id identity, effective, permitted Rights) {
	// To become a user takes rights that may not be effective now.
	err := setThread(permitted, permitted)
	openAs(id)
	if back := openAs(unchanged); err == nil && (id == unchanged || back == id) && setThread(effective, permitted) == nil {
		runtime.UnlockOSThread()
	}
}

// identity is who a thread opens files as.
type identity struct{ uid, gid int }

// unchanged asks openAs for the identity only.
var unchanged = identity{-1, -1}

// openAs changes the identity of the calling thread and returns the one before.
// To become who the process is takes no right; the way back takes SetUID and
// SetGID.
func openAs(i identity) (before identity) {
	before.gid, _ = unix.SetfsgidRetGid(i.gid)
	before.uid, _ = unix.SetfsuidRetUid(i.uid)
	return before
}
