package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/scenario"
)

// peerLinkPort is the port of the peer link, where keepalived.conf names none.
const peerLinkPort = "11200"

// rareRows are faults that are less usual, or that come in the wrong moment.
func rareRows() []row {
	start := func(_ context.Context, s *stand) error { return s.Nodes[s.subject].Start() }
	plain := func(act, undo func(*stand) error) (a, u func(context.Context, *stand) error) {
		return func(_ context.Context, s *stand) error { return act(s) }, func(_ context.Context, s *stand) error { return undo(s) }
	}
	both := func(l limit) map[string]limit { return map[string]limit{tandemPair: l, mixedPair: l} }
	every := []string{tandemPair, mixedPair, classicPair}
	list := []row{
		{key: "link-bfd", pairs: []string{tandemPair}, setup: overBFD, title: "link down, the nodes watch each other by BFD, 50 ms three times (`bfd_takeover`)", master: 1,
			act:    func(_ context.Context, s *stand) error { return s.Nodes[0].Port.Unplug() },
			undo:   func(_ context.Context, s *stand) error { return s.Nodes[0].Port.Plug() },
			limits: map[string]limit{tandemPair: at(250*ms, unlimited)}},
		{key: "suspend-bfd", pairs: []string{tandemPair}, setup: overBFD, title: "SIGSTOP of the whole process, with the same", master: 1, endless: true,
			act: signalled(syscall.SIGSTOP), undo: signalled(syscall.SIGCONT),
			limits: map[string]limit{tandemPair: at(250*ms, 4*time.Second)}},
		{key: "blip", pairs: every, title: "link down for 200 ms", master: 0, limits: both(at(3900*ms, 4*time.Second)),
			act: func(ctx context.Context, s *stand) error {
				if err := s.Nodes[0].Port.Unplug(); err != nil {
					return err
				}
				return errors.Join(s.wait(ctx, 200*ms), s.Nodes[0].Port.Plug())
			}},
		{key: "nap", pairs: every, title: "SIGSTOP for one second", master: 0, limits: both(limit{outage: 1300 * ms, failed: unlimited, kept: unlimited, both: 0, changes: 0, gap: unlimited}),
			act: func(ctx context.Context, s *stand) error {
				return errors.Join(signalled(syscall.SIGSTOP)(ctx, s), s.wait(ctx, time.Second), signalled(syscall.SIGCONT)(ctx, s))
			}},
		{key: "address", pairs: every, title: "somebody deletes the VIP", master: 1, limits: both(at(1100*ms, time.Second)),
			act: func(_ context.Context, s *stand) error {
				_, err := s.Nodes[0].Host.Output("ip", "addr", "del", s.VIP.String()+"/32", "dev", s.Interface)
				return err
			}},
		{key: "interface", pairs: every, title: "the interface is removed", master: 1, limits: both(at(3900*ms, 4*time.Second)),
			act: func(_ context.Context, s *stand) error { return s.Nodes[0].Port.Remove() },
			undo: func(_ context.Context, s *stand) (err error) {
				n := s.Nodes[0]
				n.Port, err = s.Switch.Connect(n.Host, s.Interface, n.Address)
				return err
			}},
		{key: "kill-twice", title: "kill -9, restart, kill -9 again", master: 1, endless: true, undo: start, limits: both(at(3900*ms, 4*time.Second)),
			act: func(ctx context.Context, s *stand) error {
				n := s.Nodes[0]
				return errors.Join(n.Kill(ctx), n.Start(), s.wait(ctx, 500*ms), n.Kill(ctx))
			}},
		{key: "both-start", title: "both are killed and start at the same moment", master: 0, limits: both(at(8*time.Second, 4*time.Second)),
			act: func(ctx context.Context, s *stand) error {
				return errors.Join(s.Nodes[0].Kill(ctx), s.Nodes[1].Kill(ctx), s.Nodes[0].Start(), s.Nodes[1].Start())
			}},
		{key: "loss", pairs: every, title: "every fifth packet of the master is lost", master: 0, endless: true,
			limits: both(limit{outage: 1200 * ms, failed: unlimited, kept: unlimited, both: 3900 * ms, changes: unlimited, gap: unlimited})},
		{key: "one-way", pairs: every, title: "the master's adverts are lost, and nothing else", master: 0, endless: true, limits: both(at(1200*ms, unlimited))},
		{key: "files", title: "the process may not open any more files", master: 1, undo: limitFiles(1024), act: limitFiles(12),
			limits: map[string]limit{tandemPair: at(2*time.Second, unlimited), mixedPair: at(2500*ms, unlimited)}},
		{key: "disk-stop", title: "planned stop with a full disk", master: 1, before: fillDisk, act: func(ctx context.Context, s *stand) error { return s.Nodes[0].Stop(ctx) },
			limits: map[string]limit{tandemPair: lossless(100 * ms), mixedPair: at(100*ms, unlimited)},
			undo:   func(ctx context.Context, s *stand) error { return errors.Join(emptyDisk(s), start(ctx, s)) }},
		{key: "no-link-stop", title: "planned stop, the peer link's port is blocked", master: 1, before: blockLink, act: func(ctx context.Context, s *stand) error { return s.Nodes[0].Stop(ctx) },
			// The successor prepares itself, with the address on its loopback, and that is not heard: the master waits
			// half a second for the answer, then the skew time of VRRP, 0.8 s.
			limits: both(at(250*ms, 1500*ms)),
			undo:   func(ctx context.Context, s *stand) error { return errors.Join(hearing(ctx, s), start(ctx, s)) }},
		{key: "no-link-kill", title: "kill -9, the peer link's port is blocked", master: 1, before: blockLink, act: func(ctx context.Context, s *stand) error { return s.Nodes[0].Kill(ctx) },
			limits: both(at(3900*ms, 4*time.Second)),
			undo:   func(ctx context.Context, s *stand) error { return errors.Join(hearing(ctx, s), start(ctx, s)) }},
		{key: "download", title: "planned stop with a long download under way", master: 1, before: download, act: func(ctx context.Context, s *stand) error { return s.Nodes[0].Stop(ctx) },
			undo: start, limits: map[string]limit{tandemPair: lossless(100 * ms), mixedPair: at(250*ms, time.Second)}},
		{key: "stop-stop", title: "the same, and a second SIGTERM", master: 1, before: download, undo: start,
			limits: both(at(1300*ms, 1300*ms)),
			act: func(ctx context.Context, s *stand) error {
				return errors.Join(signalled(syscall.SIGTERM)(ctx, s), s.wait(ctx, 300*ms), signalled(syscall.SIGTERM)(ctx, s))
			}},
		{key: "successor", pairs: []string{tandemPair}, title: "demote with a long download under way; the successor is killed meanwhile", master: 0, before: download, endless: true,
			limits: map[string]limit{tandemPair: at(400*ms, unlimited)},
			act: func(ctx context.Context, s *stand) error {
				go demote(ctx, s)
				return errors.Join(s.wait(ctx, 500*ms), s.Nodes[1].Kill(ctx))
			},
			undo: func(ctx context.Context, s *stand) error { return s.Nodes[1].Start() }},
		{key: "cut", pairs: []string{tandemPair}, title: "demote with a long download under way; the peer link is blocked meanwhile", master: 1, before: download, endless: true,
			limits: map[string]limit{tandemPair: at(1300*ms, unlimited)},
			act: func(ctx context.Context, s *stand) error {
				go demote(ctx, s)
				return errors.Join(s.wait(ctx, 500*ms), blockLink(ctx, s))
			},
			undo: func(ctx context.Context, s *stand) error {
				return errors.Join(hearing(ctx, s), s.wait(ctx, 2*time.Second), promote(ctx, s))
			}},
		{key: "handover-reload", pairs: []string{tandemPair}, title: "demote with a long download under way; reloads of both nodes meanwhile, one with a mistake", master: 1, before: download, endless: true,
			limits: map[string]limit{tandemPair: lossless(250 * ms)}, undo: promote,
			act: func(ctx context.Context, s *stand) error {
				go demote(ctx, s)
				for _, n := range s.Nodes {
					if err := errors.Join(s.wait(ctx, 300*ms), tandem(n, "-s", "reload")); err != nil {
						return err
					}
				}
				name := filepath.Join(s.Nodes[0].Prefix, "keepalived.conf")
				if err := edit(name, "advert_int 1", "advert_int x"); err != nil {
					return err
				}
				_ = tandem(s.Nodes[0], "-s", "reload") // it says that it does not
				return edit(name, "advert_int x", "advert_int 1")
			}},
		{key: "migrate", pairs: []string{mixedPair}, title: "the peer changes from keepalived to tandem", master: 0, limits: map[string]limit{mixedPair: lossless(100 * ms)},
			act: func(ctx context.Context, s *stand) error {
				n := s.Nodes[1]
				if err := n.Stop(ctx); err != nil {
					return err
				}
				n.Program = scenario.Tandem(scenario.Binary())
				return n.Start()
			}},
	}
	for i := range list {
		if list[i].pairs == nil {
			list[i].pairs = []string{tandemPair, mixedPair}
		}
		switch list[i].key {
		case "loss":
			list[i].act, list[i].undo = plain(func(s *stand) error {
				_, err := s.Nodes[0].Host.Output("nft", "add table inet fault; add chain inet fault out { type filter hook output priority 0; }; add rule inet fault out oif "+s.Interface+" numgen random mod 5 0 drop")
				return err
			}, unfault)
		case "one-way":
			list[i].act, list[i].undo = plain(func(s *stand) error {
				_, err := s.Nodes[0].Host.Output("nft", "add table inet fault; add chain inet fault out { type filter hook output priority 0; }; add rule inet fault out ip protocol 112 drop")
				return err
			}, unfault)
		}
	}
	return list
}

func unfault(s *stand) error {
	_, err := s.Nodes[s.subject].Host.Output("nft", "delete table inet fault")
	return err
}

// blockLink blocks the peer link on the subject, what is established as well.
func blockLink(_ context.Context, s *stand) error {
	_, err := s.Nodes[s.subject].Host.Output("nft", "add table inet fault; add chain inet fault in { type filter hook input priority 0; }; "+
		"add rule inet fault in iif "+s.Interface+" tcp dport "+peerLinkPort+" drop; add rule inet fault in iif "+s.Interface+" tcp sport "+peerLinkPort+" drop")
	return err
}

// limitFiles sets how many files the subject may have open.
func limitFiles(most uint64) func(context.Context, *stand) error {
	return func(_ context.Context, s *stand) error {
		for _, p := range s.Nodes[s.subject].Processes() {
			var limit unix.Rlimit
			if err := unix.Prlimit(p.Pid, unix.RLIMIT_NOFILE, nil, &limit); err != nil {
				return err
			}
			limit.Cur = min(most, limit.Max)
			if err := unix.Prlimit(p.Pid, unix.RLIMIT_NOFILE, &limit, nil); err != nil {
				return err
			}
		}
		return nil
	}
}

// fillDisk leaves no room where the nodes write.
func fillDisk(_ context.Context, s *stand) error {
	f, err := os.Create(filepath.Join(s.dir, "full"))
	if err != nil {
		return err
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for len(block) > 0 {
		if _, err = f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the disk does not fill up: %w", err)
	}
	return nil
}

func emptyDisk(s *stand) error { return os.Remove(filepath.Join(s.dir, "full")) }

// download begins to load a large file, slower than any handover waits. It ends
// with the lab.
func download(ctx context.Context, s *stand) error {
	name := filepath.Join(s.Nodes[0].Prefix, "html", "large")
	if err := os.WriteFile(name, make([]byte, 64<<20), 0o644); err != nil {
		return err
	}
	c, err := s.Client.DialContext(ctx, "tcp", net.JoinHostPort(s.VIP.String(), "80"))
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		return err
	}
	go func() {
		defer c.Close()
		for b := make([]byte, 1<<16); ; {
			if _, err := io.ReadFull(c, b); err != nil || s.wait(ctx, 20*ms) != nil {
				return
			}
		}
	}()
	return nil
}
