// Command bench measures tandem beside nginx and HAProxy: the same work, on
// the same machine, in turns. One core is the server's, one the client's. Every
// answer is checked while it is measured.
//
//	go run ./bench                        all cases, a table with ratios
//	go run ./bench -rounds 7 -for 3s      longer
//	go run ./bench -case small,proxy      some of them
//	go run ./bench -write docs/performance.md
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

func main() {
	var b bench
	var only, write, binary, other string
	flag.IntVar(&b.rounds, "rounds", 5, "how often each server is measured in each case; medians count")
	flag.DurationVar(&b.duration, "for", 2*time.Second, "how long each measurement takes")
	flag.IntVar(&b.connections, "connections", 64, "how many connections ask at the same time")
	flag.StringVar(&only, "case", "", "only these cases, separated by commas")
	flag.StringVar(&binary, "tandem", "", "the binary to measure (default: built from this tree)")
	flag.StringVar(&b.only, "peer", "", "only these programs, separated by commas")
	flag.StringVar(&other, "other", "", "another binary of tandem to measure beside it")
	flag.StringVar(&write, "write", "", "also write the table to this file")
	flag.Parse()
	if err := b.run(only, write, binary, other); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run of the program.
type bench struct {
	rounds      int
	duration    time.Duration
	connections int
	only        string  // names of peers; "": all
	dir         string  // everything that is made, removed at the end
	peers       []*peer // tandem is the first
	base        *peer   // whom the others are compared with, nil if it is not there
}

func (b *bench) run(only, write, binary, other string) error {
	var err error
	if b.dir, err = os.MkdirTemp("", "tandem-bench-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.dir) }()
	if err := os.Chmod(b.dir, 0o755); err != nil {
		return err
	}
	if binary == "" {
		binary = filepath.Join(b.dir, "tandem")
		build := exec.Command("go", "build", "-o", binary, "tandem")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building tandem: %w\n%s", err, out)
		}
	}
	b.findPeers(binary, other)
	// The client stays on the last core; servers are put on the first.
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	if err := pinAll(lastCore()); err != nil {
		return fmt.Errorf("pinning the client to a core: %w", err)
	}
	r := newReport(b)
	for _, c := range cases {
		if only != "" && !contains(strings.Split(only, ","), c.name) {
			continue
		}
		if err := r.measure(b, c); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	r.print(os.Stdout)
	if write == "" {
		return nil
	}
	f, err := os.Create(write)
	if err != nil {
		return err
	}
	r.print(f)
	return f.Close()
}

// findPeers lists the programs that are there.
func (b *bench) findPeers(binary, other string) {
	for _, p := range []*peer{
		newPeer("tandem", binary, nginxLanguage),
		newPeer("other", other, nginxLanguage),
		newPeer("nginx", "nginx", nginxLanguage),
		newPeer("haproxy", "haproxy", haproxyLanguage),
	} {
		if b.only != "" && !contains(strings.Split(b.only, ","), p.name) {
			continue
		}
		if p.program != "" && p.find() == nil {
			b.peers = append(b.peers, p)
			if b.base == nil && p.name == "nginx" {
				b.base = p
			}
		}
	}
}

func contains(list []string, word string) bool {
	for _, w := range list {
		if w == word {
			return true
		}
	}
	return false
}
