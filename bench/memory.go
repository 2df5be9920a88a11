package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tandem/examples/pair"
)

var idleTable = &table{
	title:   "Idle connections",
	text:    "Keep-alive connections that have had one answer each. Memory is what the server's PSS has grown by, for one.",
	columns: []string{"connections", "server", "memory of one, bytes", "goal", "answers/s without them", "with them"},
}

// idle is a kind of connection that does nothing.
type idle struct {
	of    string // the case that is asked for
	what  string
	count int // fewer than what one client address has ports for
	goal  int64
}

var (
	idlePart      = idle{"small", "10,000 of HTTP/1.1", 10000, 4096}.part("idle")
	idleHTTP2Part = idle{"h2-small", "2,000 of HTTP/2 with TLS", 2000, 12 << 10}.part("h2-idle")
)

func (i idle) part(name string) part { return part{name, idleTable, false, i.measure} }

// measure opens the idle connections, and measures the case without and beside
// them.
func (i idle) measure(b *bench) ([]row, error) {
	var rows []row
	c := b.caseNamed(i.of)
	for _, p := range b.peers {
		conf, ok := c.conf[p.reads]
		if !ok {
			continue
		}
		s, err := p.start(b, strings.Replace(conf, "keepalive_timeout 65", "keepalive_timeout 650", 1))
		if err != nil {
			return nil, err
		}
		row, err := i.row(b, p, s, c)
		s.stop()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (i idle) row(b *bench, p *peer, s *server, c benchCase) (row, error) {
	without, err := b.load(c, s).run(b.duration)
	if err != nil {
		return row{}, err
	}
	before, err := memory(family(s.cmd.Process.Pid))
	if err != nil {
		return row{}, err
	}
	idle := b.load(c, s)
	idle.connections, idle.once = i.count, true
	if _, err := idle.run(0); err != nil {
		return row{}, err
	}
	// What a server gives back when a connection has been idle for a while
	// counts as given back.
	time.Sleep(idleSettles)
	after, err := memory(family(s.cmd.Process.Pid))
	if err != nil {
		return row{}, err
	}
	with, err := b.load(c, s).run(b.duration)
	idle.close()
	if err != nil {
		return row{}, err
	}
	cost := (after.pss - before.pss) / int64(i.count)
	r := row{Cells: []string{i.what, p.name, strconv.FormatInt(cost, 10), "", fmt.Sprintf("%.0f", without), fmt.Sprintf("%.0f", with)}}
	if p.name == "tandem" {
		r.Cells[3] = strconv.FormatInt(i.goal, 10)
		if cost > i.goal {
			r.Missed = append(r.Missed, fmt.Sprintf("an idle connection, %s: %d bytes, not %d", i.what, cost, i.goal))
		}
	}
	return r, nil
}

// idleSettles is how long after the last request the memory is looked at.
const idleSettles = 5 * time.Second

// footprint is the resident memory of processes, in bytes.
type footprint struct{ rss, pss int64 }

func memory(pids []int) (footprint, error) {
	var f footprint
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return f, err
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) != 3 || fields[2] != "kB" {
				continue
			}
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			switch fields[0] {
			case "Rss:":
				f.rss += n << 10
			case "Pss:":
				f.pss += n << 10
			}
		}
	}
	return f, nil
}

var nodeTable = &table{
	title: "A whole node",
	text: "The first node of `examples/pair` in a network namespace of its own, a second after it became master. RSS counts pages that\n" +
		"processes share once for each of them, PSS once in all.",
	columns: []string{"programs", "processes", "RSS, MB", "PSS, MB"},
}

var nodePart = part{"node", nodeTable, false, measureNode}

// measureNode compares tandem with nginx and keepalived together.
func measureNode(b *bench) ([]row, error) {
	var rows []row
	var own footprint
	if p := b.peer("tandem"); p != nil {
		r, f, err := b.nodeRow("tandem", func(dir string) [][]string {
			return [][]string{{p.program, "-p", dir, "-c", "conf/nginx.conf", "-k", "keepalived.conf", "-g", "daemon off; user root;"}}
		})
		if err != nil {
			return nil, err
		}
		rows, own = append(rows, r), f
	}
	nginx := b.peer("nginx")
	keepalived, err := exec.LookPath("keepalived")
	if nginx == nil || err != nil {
		return rows, nil
	}
	r, sum, err := b.nodeRow("nginx and keepalived", func(dir string) [][]string {
		return [][]string{
			{nginx.program, "-p", dir, "-c", dir + "/conf/nginx.conf", "-e", dir + "/logs/error.log", "-g", "daemon off; pid " + dir + "/pid; user root;"},
			{keepalived, "--dont-fork", "--log-console", "--vrrp", "-f", dir + "/keepalived.conf", "-p", dir + "/k.pid", "-r", dir + "/vrrp.pid"},
		}
	})
	if len(rows) > 0 && own.rss >= sum.rss {
		rows[0].Missed = append(rows[0].Missed, fmt.Sprintf("a whole node: RSS %s MB, nginx and keepalived %s", megabytes(own.rss), megabytes(sum.rss)))
	}
	return append(rows, r), err
}

// nodeRow starts the programs of a node and waits until its page can be had by
// the virtual address.
func (b *bench) nodeRow(name string, programs func(dir string) [][]string) (r row, f footprint, err error) {
	dir, err := os.MkdirTemp(b.dir, "node-")
	if err != nil {
		return r, f, err
	}
	node := pair.Nodes[0]
	if err := node.Write(dir); err != nil {
		return r, f, err
	}
	// nginx wants the file; tandem has it built in.
	if text, err := os.ReadFile("/etc/nginx/mime.types"); err == nil {
		if err := os.WriteFile(filepath.Join(dir, "conf", "mime.types"), text, 0o644); err != nil {
			return r, f, err
		}
	}
	// One process holds the namespace, which the others enter.
	holder := exec.Command("unshare", "--net", "sh", "-c", fmt.Sprintf(
		"ip link set lo up && ip link add %s type veth peer name switch && ip link set switch up && ip address add %s dev %s && ip link set %s up && echo ready && exec sleep 1000",
		pair.Interface, node.Address, pair.Interface, pair.Interface))
	ready := filepath.Join(dir, "namespace")
	if err := launch(holder, ready, 0); err != nil {
		return r, f, err
	}
	defer end(holder)
	if err := await(func() bool { text, _ := os.ReadFile(ready); return string(text) == "ready\n" }); err != nil {
		text, _ := os.ReadFile(ready)
		return r, f, fmt.Errorf("making a network namespace: %w\n%s", err, text)
	}
	enter := []string{"--net=/proc/" + strconv.Itoa(holder.Process.Pid) + "/ns/net"}
	var roots []int
	for i, args := range programs(dir) {
		// nsenter becomes the program.
		cmd := exec.Command("nsenter", append(enter, args...)...)
		if err := launch(cmd, filepath.Join(dir, "output"+strconv.Itoa(i)), 0); err != nil {
			return r, f, err
		}
		defer end(cmd)
		roots = append(roots, cmd.Process.Pid)
	}
	get := append(enter, "curl", "-s", "-o", "/dev/null", "-f", "http://"+net.JoinHostPort(pair.VIP.String(), "80")+"/")
	if err := await(func() bool { return exec.Command("nsenter", get...).Run() == nil }); err != nil {
		out, _ := os.ReadFile(filepath.Join(dir, "output0"))
		return r, f, fmt.Errorf("%s serves nothing at the virtual address: %w\n%s", name, err, out)
	}
	time.Sleep(time.Second)
	var pids []int
	for _, pid := range roots {
		pids = append(pids, family(pid)...)
	}
	f, err = memory(pids)
	return row{Cells: []string{name, strconv.Itoa(len(pids)), megabytes(f.rss), megabytes(f.pss)}}, f, err
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f", float64(n)/(1<<20)) }

// await asks until the answer is yes, for half a minute at most.
func await(done func() bool) error {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if done() {
			return nil
		}
	}
	return errors.New("it takes too long")
}
