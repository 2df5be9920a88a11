// Command bench measures tandem beside nginx, HAProxy and Caddy: the same work,
// on the same machine, in turns. One core is the server's, one the client's.
// Every answer is checked while it is measured.
//
//	go run ./bench                              everything; Markdown on standard output
//	go run ./bench -rounds 7 -for 3s            longer
//	go run ./bench -part small,proxy            some of it; -list names the parts
//	go run ./bench -nginx2 ... -caddy ...       with programs that are not in PATH
//	go run ./bench -results r.json -part small  keep results, and print all that were kept
//	go run ./bench -write docs/performance.md
//
// It has to be root: servers are put on a core, and a whole node is started in a
// network namespace of its own.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	var b bench
	var o options
	flag.IntVar(&b.rounds, "rounds", 5, "how often each server is measured in each part; medians count")
	flag.DurationVar(&b.duration, "for", 2*time.Second, "how long each measurement takes")
	flag.IntVar(&b.connections, "connections", 64, "how many connections ask at the same time")
	flag.StringVar(&o.parts, "part", "", "only these parts, separated by commas")
	flag.StringVar(&o.peers, "peer", "", "only these programs, separated by commas")
	flag.StringVar(&o.binary, "tandem", "", "the binary to measure (default: built from this tree)")
	flag.StringVar(&o.other, "other", "", "another binary of tandem to measure beside it")
	flag.StringVar(&o.nginx2, "nginx2", "", "another binary of nginx to measure")
	flag.StringVar(&o.caddy, "caddy", "caddy", "the binary of Caddy")
	flag.StringVar(&o.results, "results", "", "keep the results in this file, beside those that are there")
	flag.StringVar(&o.write, "write", "", "write the tables to this file")
	flag.BoolVar(&o.list, "list", false, "list the parts")
	flag.Parse()
	if err := b.run(&o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options is what the command line says.
type options struct {
	parts, peers                 string
	binary, other, nginx2, caddy string
	results, write               string
	list                         bool
}

// bench is one run of the program.
type bench struct {
	rounds      int
	duration    time.Duration
	connections int
	dir         string  // everything that is made, removed at the end
	peers       []*peer // tandem is the first
	base        *peer   // whom the others are compared with, nil if it is not there
}

func (b *bench) run(o *options) error {
	if o.list {
		for _, p := range parts {
			fmt.Println(p.name)
		}
		return nil
	}
	var err error
	if b.dir, err = os.MkdirTemp("", "tandem-bench-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.dir) }()
	if err := os.Chmod(b.dir, 0o755); err != nil {
		return err
	}
	if o.binary == "" {
		o.binary = filepath.Join(b.dir, "tandem")
		build := exec.Command("go", "build", "-o", o.binary, "tandem")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building tandem: %w\n%s", err, out)
		}
	}
	b.findPeers(o)
	// The client stays on the last core; servers are put on the first.
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	if err := pinAll(lastCore()); err != nil {
		return fmt.Errorf("pinning the client to a core: %w", err)
	}
	kept, err := readResults(o.results)
	if err != nil {
		return err
	}
	kept.describe(b)
	for _, p := range parts {
		if o.parts != "" && !slices.Contains(strings.Split(o.parts, ","), p.name) {
			continue
		}
		rows, err := p.measure(b)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		for _, row := range rows {
			fmt.Fprintf(os.Stderr, "%-12s %s\n", p.name, strings.Join(row, "  "))
		}
		kept.Rows[p.name] = rows
		if err := kept.save(o.results); err != nil {
			return err
		}
	}
	if o.write == "" {
		kept.print(os.Stdout)
		return nil
	}
	return writeFile(o.write, kept.print)
}

func writeFile(name string, print func(io.Writer)) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	print(f)
	return f.Close()
}

// findPeers lists the programs that are there and wanted.
func (b *bench) findPeers(o *options) {
	for _, p := range []*peer{
		newPeer("tandem", o.binary, nginxLanguage),
		newPeer("other", o.other, nginxLanguage),
		newPeer("nginx", "nginx", nginxLanguage),
		newPeer("nginx 2", o.nginx2, nginxLanguage),
		newPeer("HAProxy", "haproxy", haproxyLanguage),
		newPeer("Caddy", o.caddy, caddyLanguage),
	} {
		if o.peers != "" && !slices.Contains(strings.Split(o.peers, ","), p.name) {
			continue
		}
		if p.program == "" || p.find() != nil {
			continue
		}
		b.peers = append(b.peers, p)
		if p.name == "nginx" {
			b.base = p
		}
	}
}

// tandem returns the binary that is measured, nil if it is not wanted.
func (b *bench) peer(name string) *peer {
	for _, p := range b.peers {
		if p.name == name {
			return p
		}
	}
	return nil
}
