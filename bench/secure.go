package main

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// runSecure has clients ask over TLS. The back end serves beside them.
func runSecure(b *bench, t *contest, p *peer) (perSecond float64, done int, err error) {
	l := &tlsLoad{c: &tlsCase{body: t.c.body, reconnect: t.c.reconnect}, s: t.servers[p]}
	stop := make(chan struct{})
	var back sync.WaitGroup
	var failed error
	back.Go(func() { failed = serveUntil(t.back, stop) })
	perSecond, err = l.run(b.connections, b.duration)
	close(stop)
	back.Wait()
	return perSecond, int(l.done.Load()), errors.Join(err, failed)
}

// serveUntil has a back end serve until then.
func serveUntil(back *backend, stop chan struct{}) error {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	defer func() { _ = unix.Close(epoll) }()
	if err := back.watch(epoll); err != nil {
		return err
	}
	ready := make([]unix.EpollEvent, 256)
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		// The clients are goroutines of the same core, which wait for it.
		n, err := unix.EpollWait(epoll, ready, 0)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("epoll_wait", err)
		}
		for i := range max(n, 0) {
			if err := back.serve(int(ready[i].Fd)); err != nil {
				return err
			}
		}
		if n <= 0 {
			time.Sleep(20 * time.Microsecond)
		}
	}
}
