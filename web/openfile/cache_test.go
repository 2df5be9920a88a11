package openfile

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// opened opens something, for a cache to own.
func opened(t testing.TB) int {
	fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func isOpen(fd int) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil
}

func TestCache(t *testing.T) {
	c := NewCache(2, time.Minute)
	a := opened(t)
	k := c.Add(name("a"), &Info{Ino: 1}, a, 1, noon)
	if k == nil || c.Len() != 1 || int(k.Fd()) != a {
		t.Fatalf("%+v", k)
	}
	again := c.Take(name("a"), noon)
	if again != k || again.Info.Ino != 1 {
		t.Fatalf("%+v", again)
	}
	k.Release()
	// Taken out while it is in use, it is closed with its last user.
	k.Forget()
	if c.Take(name("a"), noon) != nil || !isOpen(a) {
		t.Error("forgotten too much or too little")
	}
	again.Release()
	if isOpen(a) {
		t.Error("still open")
	}
}

func TestCacheMinUses(t *testing.T) {
	c := NewCache(10, time.Minute)
	fd := opened(t)
	defer Close(fd)
	for use := range 2 {
		if c.Take(name("a"), noon) != nil || c.Add(name("a"), &Info{}, fd, 3, noon) != nil {
			t.Fatalf("kept at use %d", use+1)
		}
	}
	c.Take(name("a"), noon)
	k := c.Add(name("a"), &Info{}, opened(t), 3, noon)
	if k == nil {
		t.Fatal("not kept at the third use")
	}
	k.Release()
	k.Forget()
}

func TestCacheLimits(t *testing.T) {
	c := NewCache(2, time.Minute)
	var fds []int
	for i, n := range []string{"a", "b", "c"} {
		fd := opened(t)
		fds = append(fds, fd)
		c.Add(name(n), &Info{}, fd, 1, noon.Add(time.Duration(i)*time.Second)).Release()
	}
	if c.Len() != 2 || isOpen(fds[0]) || !isOpen(fds[1]) || !isOpen(fds[2]) {
		t.Errorf("%d kept; open: %v %v %v", c.Len(), isOpen(fds[0]), isOpen(fds[1]), isOpen(fds[2]))
	}
	// What has not been asked for long enough goes when something is added.
	c.Take(name("c"), noon.Add(30*time.Second)).Release()
	fd := opened(t)
	c.Add(name("d"), &Info{}, fd, 1, noon.Add(70*time.Second)).Release()
	if isOpen(fds[1]) || !isOpen(fds[2]) || !isOpen(fd) {
		t.Errorf("open: %v %v %v", isOpen(fds[1]), isOpen(fds[2]), isOpen(fd))
	}
	for _, n := range []string{"c", "d"} {
		k := c.Take(name(n), noon)
		k.Forget()
		k.Release()
	}
	if c.Len() != 0 || isOpen(fds[2]) || isOpen(fd) {
		t.Error("not empty")
	}
}

// TestCacheOfTheDead: files of a cache that nobody refers to any more are
// closed.
func TestCacheOfTheDead(t *testing.T) {
	c := NewCache(2, time.Minute)
	fd := opened(t)
	c.Add(name("a"), &Info{}, fd, 1, noon).Release()
	runtime.KeepAlive(c)
	c = nil
	for until := time.Now().Add(5 * time.Second); isOpen(fd); {
		if time.Now().After(until) {
			t.Fatal("still open")
		}
		runtime.GC()
		runtime.Gosched()
	}
}

func TestCacheConcurrently(t *testing.T) {
	c := NewCache(8, time.Minute)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 2000 {
				n := name(fmt.Sprint(rand.IntN(12)))
				k := c.Take(n, noon)
				if k == nil {
					fd := opened(t)
					if k = c.Add(n, &Info{}, fd, 1, noon); k == nil {
						Close(fd)
						continue
					}
				}
				if !isOpen(int(k.Fd())) {
					t.Error("closed while in use")
				}
				if rand.IntN(4) == 0 {
					k.Forget()
				}
				k.Release()
			}
		})
	}
	wg.Wait()
	if c.Len() > 8 {
		t.Errorf("%d kept", c.Len())
	}
	for i := range 12 {
		if k := c.Take(name(fmt.Sprint(i)), noon); k != nil {
			k.Forget()
			k.Release()
		}
	}
}
