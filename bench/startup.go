package main

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

var startTable = &table{
	title:   "From exec to the first answer",
	text:    "The small file's configuration; the time from starting the program to the last byte of the first answer.",
	columns: []string{"server", "time", "goal"},
}

var startPart = part{"start", startTable, false, measureStart}

// startGoal is how long it may take.
const startGoal = 50 * time.Millisecond

func measureStart(b *bench) ([]row, error) {
	var rows []row
	c := b.caseNamed("small")
	for _, p := range b.peers {
		conf, ok := c.conf[p.reads]
		if !ok {
			continue
		}
		var times []time.Duration
		for range b.rounds {
			s, err := p.prepare(b, conf)
			if err != nil {
				return nil, err
			}
			t, err := s.timeStart("localhost", "200")
			if err != nil {
				return nil, err
			}
			s.stop()
			times = append(times, t)
		}
		r := row{Cells: []string{p.name, milliseconds(median(times)), ""}}
		if p.name == "tandem" {
			r.Cells[2] = startGoal.String()
			if median(times) > startGoal {
				r.Missed = append(r.Missed, fmt.Sprintf("from exec to the first answer: %s, not %s", milliseconds(median(times)), startGoal))
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func milliseconds(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }

// timeStart launches the server and asks until it answers.
func (s *server) timeStart(host, want string) (time.Duration, error) {
	start := time.Now()
	if err := s.launch(0); err != nil {
		return 0, err
	}
	return s.until(start, host, want)
}

// until asks for the page of a host until the answer has want in it, and returns
// the time since start.
func (s *server) until(start time.Time, host, want string) (time.Duration, error) {
	for time.Since(start) < 60*time.Second {
		if answer, err := s.get(host); err == nil && strings.Contains(answer, want) {
			return time.Since(start), nil
		}
		time.Sleep(200 * time.Microsecond)
	}
	return 0, fmt.Errorf("%s: no answer with %q in it", s.peer.name, want)
}

// get asks once, over a connection of its own.
func (s *server) get(host string) (string, error) {
	c, err := net.DialTimeout("tcp", s.addr.String(), time.Second)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host); err != nil {
		return "", err
	}
	var answer [4096]byte
	n := 0
	for {
		m, err := c.Read(answer[n:])
		if n += m; err != nil || n == len(answer) {
			break
		}
	}
	if n == 0 {
		return "", errors.New("no answer")
	}
	return string(answer[:n]), nil
}

// serverCount is how many servers the large configuration has.
const serverCount = 5000

var serversTable = &table{
	title: "A configuration with 5,000 servers",
	text: "Each has a name and three locations; the last one is asked for. Reload is the time from the signal to the first answer of the\n" +
		"new configuration. PSS is that after the start, and that of a while after the last reload. Lookup is the share of the answers a second that one server alone has.",
	columns: []string{"server", "-t", "start", "reload", "PSS, MB", "after reloads", "lookup"},
}

var serversPart = part{"servers", serversTable, false, measureServers}

// serversConf is a configuration of n servers whose answers have a word in them.
func serversConf(n int, word string) string {
	var s strings.Builder
	s.WriteString("worker_processes 1;\nevents { worker_connections 20000; }\nhttp {\n\taccess_log off;\n\tkeepalive_requests 100000000;\n" +
		"\tserver_names_hash_max_size 65536;\n\tserver_names_hash_bucket_size 128;\n\tclient_body_temp_path DIR/tmp;\n\tproxy_temp_path DIR/tmp;\n")
	for i := n - 1; i >= 0; i-- {
		fmt.Fprintf(&s, "\tserver {\n\t\tlisten 127.0.0.1:PORT;\n\t\tserver_name s%d.example.com www.s%d.example.com;\n\t\troot DIR/html;\n"+
			"\t\tlocation / { return 200 \"%s %0*d\"; }\n\t\tlocation /static/ { expires 1h; }\n\t\tlocation ~ \\.php$ { return 404; }\n\t}\n",
			i, i, word, len(smallPage)-len(word)-1, i)
	}
	s.WriteString("}\n")
	return s.String()
}

// serversCost is what a large configuration costs a program.
type serversCost struct {
	test, start, reload time.Duration
	pss, pssReloaded    int64
	lookup              float64 // the share of the answers a second of one server alone
}

func measureServers(b *bench) ([]row, error) {
	var rows []row
	costs := map[*peer]serversCost{}
	for _, p := range b.peers {
		if p.reads != nginxLanguage {
			continue
		}
		c, err := b.serversCost(p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		costs[p] = c
		rows = append(rows, row{Cells: []string{p.name, milliseconds(c.test), milliseconds(c.start), milliseconds(c.reload),
			megabytes(c.pss), megabytes(c.pssReloaded), fmt.Sprintf("%.2f", c.lookup)}})
	}
	if p := b.peer("tandem"); p != nil && b.base != nil {
		rows[0].Missed = costs[p].missed(costs[b.base])
	}
	return rows, nil
}

// missed lists in what nginx is better.
func (c serversCost) missed(nginx serversCost) []string {
	var list []string
	for _, v := range []struct {
		what       string
		own, other time.Duration
	}{{"-t", c.test, nginx.test}, {"start", c.start, nginx.start}, {"reload", c.reload, nginx.reload}} {
		if v.own > v.other {
			list = append(list, fmt.Sprintf("5,000 servers: %s takes %s, nginx %s", v.what, milliseconds(v.own), milliseconds(v.other)))
		}
	}
	if c.pss > nginx.pss {
		list = append(list, fmt.Sprintf("5,000 servers: PSS %s MB, nginx %s", megabytes(c.pss), megabytes(nginx.pss)))
	}
	if c.pssReloaded > nginx.pssReloaded {
		list = append(list, fmt.Sprintf("5,000 servers: PSS after reloads %s MB, nginx %s", megabytes(c.pssReloaded), megabytes(nginx.pssReloaded)))
	}
	return list
}

func (b *bench) serversCost(p *peer) (c serversCost, err error) {
	one, err := b.lookupRate(p, 1)
	if err != nil {
		return c, err
	}
	s, err := p.prepare(b, serversConf(serverCount, "first"))
	if err != nil {
		return c, err
	}
	var tests []time.Duration
	for range b.rounds {
		cmd := exec.Command(p.program, append(p.args(s.dir, s.confFile()), "-t")...)
		start := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			return c, fmt.Errorf("-t: %w\n%s", err, out)
		}
		tests = append(tests, time.Since(start))
	}
	host := "s0.example.com"
	var starts []time.Duration
	for i := range b.rounds {
		t, err := s.timeStart(host, "first")
		if err != nil {
			return c, err
		}
		starts = append(starts, t)
		if i < b.rounds-1 {
			s.stop()
		}
	}
	defer s.stop()
	f, err := memory(family(s.cmd.Process.Pid))
	if err != nil {
		return c, err
	}
	var reloads []time.Duration
	for i := range b.rounds {
		// A word of its own: a worker of nginx that is about to go may still answer with an older one.
		word := fmt.Sprintf("reload-%d", i)
		if err := s.configure(serversConf(serverCount, word)); err != nil {
			return c, err
		}
		start := time.Now()
		if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			return c, err
		}
		t, err := s.until(start, host, word)
		if err != nil {
			return c, err
		}
		reloads = append(reloads, t)
	}
	time.Sleep(idleSettles)
	reloaded, err := memory(family(s.cmd.Process.Pid))
	if err != nil {
		return c, err
	}
	many, err := b.lookupRate(p, serverCount)
	if err != nil {
		return c, err
	}
	return serversCost{median(tests), median(starts), median(reloads), f.pss, reloaded.pss, many / one}, nil
}

// lookupRate is the answers a second of the last of n servers.
func (b *bench) lookupRate(p *peer, n int) (float64, error) {
	const word = "lookup"
	s, err := p.start(b, serversConf(n, word))
	if err != nil {
		return 0, err
	}
	defer s.stop()
	var rates []float64
	for range b.rounds {
		l := b.load(benchCase{path: "/", body: fmt.Appendf(nil, "%s %0*d", word, len(smallPage)-len(word)-1, 0)}, s)
		l.request = []byte(strings.Replace(string(l.request), "localhost", "s0.example.com", 1))
		rate, err := l.run(b.duration)
		if err != nil {
			return 0, err
		}
		rates = append(rates, rate)
	}
	return median(rates), nil
}
