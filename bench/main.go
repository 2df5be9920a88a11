// Command bench measures tandem beside nginx, HAProxy and Caddy: the same work,
// on the same machine, in turns. One core is the server's, one the client's.
// Every answer is checked while it is measured.
//
//	go run ./bench                              what has a goal; Markdown on standard output
//	go run ./bench -part '*'                    everything
//	go run ./bench -part 'small*,proxy'         some of it; -list names the parts
//	go run ./bench -part stream                 what stream {} costs
//	go run ./bench -rounds 7 -for 3s            longer
//	go run ./bench -size 4k,10m                 also files of these sizes: parts 4k, proxy-4k, 10m, proxy-10m
//	go run ./bench -header 'Cookie: a=b'        with more in the head of each request; may be repeated
//	go run ./bench -nginx2 ... -caddy ...       with programs that are not in PATH
//	go run ./bench -part attacks                attacks on HTTP/2: what they cost, and what others notice of them
//	go run ./bench -results r.json -part small  keep results, and print all that were kept
//	go run ./bench -write docs/performance.md   into the place that is marked in it
//
// It has to be root: servers are put on a core, and a whole node is started in a
// network namespace of its own.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"tandem/bench/measured"
)

func main() {
	var b bench
	var o options
	flag.IntVar(&b.rounds, "rounds", 5, "how often each server is measured in each part; medians count")
	flag.DurationVar(&b.duration, "for", 2*time.Second, "how long each measurement takes")
	flag.IntVar(&b.connections, "connections", 64, "how many connections ask at the same time")
	flag.BoolVar(&b.latency, "p99", true, "measure latency as well, which takes as long again")
	flag.Func("header", "a line `'Name: value'` that each request has as well", func(line string) error {
		if !strings.Contains(line, ": ") {
			return errors.New("it is no header line")
		}
		b.header = append(b.header, line)
		return nil
	})
	flag.StringVar(&o.sizes, "size", "", "also files of these sizes, such as 4k,10m")
	flag.StringVar(&o.parts, "part", "", "only these parts, separated by commas; * stands for any text")
	flag.StringVar(&o.peers, "peer", "", "only these programs, separated by commas")
	flag.StringVar(&o.binary, "tandem", "", "the binary to measure (default: built from this tree)")
	flag.StringVar(&o.other, "other", "", "another binary of tandem to measure beside it")
	flag.StringVar(&o.nginx2, "nginx2", "", "another binary of nginx to measure")
	flag.StringVar(&o.caddy, "caddy", "caddy", "the binary of Caddy")
	flag.StringVar(&o.results, "results", "", "keep the results in this file, beside those that are there")
	flag.StringVar(&o.write, "write", "", "write the tables into this document")
	flag.BoolVar(&o.list, "list", false, "list the parts")
	flag.Parse()
	if err := b.run(&o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options is what the command line says.
type options struct {
	sizes, parts, peers          string
	binary, other, nginx2, caddy string
	results, write               string
	list                         bool
}

// bench is one run of the program.
type bench struct {
	rounds      int
	duration    time.Duration
	connections int
	latency     bool
	header      []string // lines that every request has
	cases       []benchCase
	dir         string  // everything that is made, removed at the end
	peers       []*peer // tandem is the first
	base        *peer   // whom the others are compared with, nil if it is not there
}

func (b *bench) run(o *options) error {
	var err error
	if b.cases, err = casesWith(o.sizes); err != nil {
		return err
	}
	parts := b.parts()
	if o.list {
		for _, p := range parts {
			fmt.Println(p.name)
		}
		return nil
	}
	chosen, err := choose(parts, o.parts)
	if err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "tandem-bench-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.dir) }()
	if err := os.Chmod(b.dir, 0o755); err != nil {
		return err
	}
	if err := errors.Join(writeFiles(b.files(), b.cases), writeCertificate(b.dir)); err != nil {
		return err
	}
	if o.binary == "" {
		o.binary = filepath.Join(b.dir, "tandem")
		if err := build(o.binary); err != nil {
			return err
		}
	}
	b.findPeers(o)
	// The client stays on the last core; servers are put on the first.
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	if err := pinAll(lastCore()); err != nil {
		return fmt.Errorf("putting the client on a core, before others: %w", err)
	}
	kept, err := readResults(o.results)
	if err != nil {
		return err
	}
	kept.describe(b)
	for _, p := range chosen {
		rows, err := p.measure(b)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		for _, row := range rows {
			fmt.Fprintf(os.Stderr, "%-12s %s\n", p.name, strings.Join(row.Cells, "  "))
		}
		kept.Parts[p.name] = measurement{Rows: rows, Command: b.command(), Day: time.Now().UTC().Format(time.DateOnly)}
		if err := kept.save(o.results); err != nil {
			return err
		}
	}
	if o.write == "" {
		_, err := os.Stdout.WriteString(kept.text(parts))
		return err
	}
	return measured.Write(o.write, kept.text(parts))
}

// build builds tandem.
func build(binary string, flags ...string) error {
	cmd := exec.Command("go", append(append([]string{"build", "-o", binary}, flags...), "tandem")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building tandem: %w\n%s", err, out)
	}
	return nil
}

// files is the folder with the files that all servers have.
func (b *bench) files() string { return filepath.Join(b.dir, "files") }

// casesWith returns the standard cases and those of more sizes.
func casesWith(sizes string) ([]benchCase, error) {
	list := standardCases()
	if sizes == "" {
		return list, nil
	}
	for name := range strings.SplitSeq(sizes, ",") {
		size, err := parseSize(name)
		if err != nil {
			return nil, err
		}
		for _, c := range ofSize(name, size) {
			i := slices.IndexFunc(list, func(l benchCase) bool { return l.name == c.name })
			if i < 0 {
				list = append(list, c)
			} else {
				list[i].byName = false
			}
		}
	}
	return list, nil
}

// parts returns everything that can be measured, in the order of the tables.
func (b *bench) parts() []part {
	var list []part
	for _, c := range b.cases {
		list = append(list, c.part())
	}
	list = append(list, idlePart, idleHTTP2Part, nodePart, startPart, serversPart, scalePart, entriesPart, zipfPart, attackPart)
	return append(append(list, tlsParts()...), streamParts()...)
}

// choose returns the parts that are to be measured: those that one of the
// patterns matches, or whose group it names, or, without any, those that are not only for who names them.
func choose(parts []part, patterns string) ([]part, error) {
	var list []part
	for _, p := range parts {
		ok := patterns == "" && !p.byName
		for pattern := range strings.SplitSeq(patterns, ",") {
			if match, err := path.Match(pattern, p.name); err != nil {
				return nil, fmt.Errorf("%s: %w", pattern, err)
			} else if match || pattern == path.Dir(p.name) {
				ok = true
			}
		}
		if ok {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("there is no part %s", patterns)
	}
	return list, nil
}

// command returns the command line but for what is measured and where it goes.
// Of paths the last element is enough.
func (b *bench) command() string {
	line := "go run ./bench"
	flag.VisitAll(func(f *flag.Flag) {
		value := f.Value.String()
		switch f.Name {
		case "part", "results", "write", "list", "header":
			return
		case "rounds", "for": // they are worth telling in any case
		default:
			if value == f.DefValue {
				return
			}
			value = path.Base(value)
		}
		line += " -" + f.Name + " " + value
	})
	for _, h := range b.header {
		line += " -header '" + h + "'"
	}
	return line
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

// peer returns a program that is measured, nil if it is not wanted.
func (b *bench) peer(name string) *peer {
	for _, p := range b.peers {
		if p.name == name {
			return p
		}
	}
	return nil
}
