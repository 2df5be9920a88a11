package vrrp

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// waiter is where the loop waits: for a time, or until it is woken.
type waiter interface {
	// wait returns when at has come (the zero time never comes) or wake was called since the last return.
	wait(at time.Time)
	// wake ends a wait, this one or the next. It does not wait itself.
	wake()
	// close ends it. A wake that comes later does nothing.
	close()
}

// channelWaiter waits as Go programs do. The runtime's timers are fired by whichever thread happens to look.
type channelWaiter struct {
	timer *time.Timer
	woken chan struct{}
}

func newChannelWaiter() *channelWaiter {
	w := &channelWaiter{timer: time.NewTimer(time.Hour), woken: make(chan struct{}, 1)}
	w.timer.Stop()
	return w
}

func (w *channelWaiter) wait(at time.Time) {
	if at.IsZero() {
		w.timer.Stop()
		<-w.woken
		return
	}
	w.timer.Reset(time.Until(at))
	select {
	case <-w.woken:
	case <-w.timer.C:
	}
}

func (w *channelWaiter) wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

func (w *channelWaiter) close() { w.timer.Stop() }

// threadWaiter waits in the kernel, on the loop's own thread: what wakes it is the kernel's timer, and how soon it runs
// is up to the thread's own scheduling, not that of the runtime's other threads.
type threadWaiter struct {
	fd int

	mu     sync.RWMutex // a wake that is late must not write to whatever has the number next
	closed bool
}

func newThreadWaiter() (*threadWaiter, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("vrrp: eventfd: %w", err)
	}
	return &threadWaiter{fd: fd}, nil
}

func (w *threadWaiter) wait(at time.Time) {
	var timeout *unix.Timespec
	if !at.IsZero() {
		t := unix.NsecToTimespec(int64(max(time.Until(at), 0)))
		timeout = &t
	}
	fds := [1]unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}
	if n, _ := unix.Ppoll(fds[:], timeout, nil); n > 0 {
		var count [8]byte
		_, _ = unix.Read(w.fd, count[:]) // it is there: poll says so
	}
}

func (w *threadWaiter) wake() {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return
	}
	var count [8]byte
	binary.NativeEndian.PutUint64(count[:], 1)
	_, _ = unix.Write(w.fd, count[:]) // a full counter wakes as well
}

func (w *threadWaiter) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	_ = unix.Close(w.fd) // nothing is lost with it
}
