package main

import (
	"fmt"
	"strings"
	"time"
)

var streamTable = &table{
	title: "stream {}",
	text: "What comes is passed on to a back end, which is the client itself, on its core. Requests and answers are those of HTTP, of which the\n" +
		"servers do not know; a bulk answer has 16 MB. Each datagram has 512 bytes, comes back, and is followed by another one; a packet is one there and\n" +
		"back. Where the client is the limit (busy), CPU is the better measure, so the goals are of it: how much work of nginx's costs as much as one of ours.\n" +
		"Memory is what PSS has grown by for one of 5,000 connections that are relayed and have had one answer each.",
	columns: []string{"work", "server", "a second", "x nginx", "CPU of one, us", "busy", "work for the same CPU, x nginx", "goal"},
}

// streamGroup is what -part calls all of them.
const streamGroup = "stream"

// streamCase is one kind of work of stream {}.
type streamCase struct {
	name string
	goal float64 // how much more work for the same processor time than nginx
	work benchCase
	// run has the server work for a while; nil: as for HTTP.
	run func(b *bench, t *contest, p *peer) (perSecond float64, done int, err error)
}

// streamParts returns what is measured of stream {}.
func streamParts() []part {
	relayed := func(what, file string, size int) benchCase {
		return benchCase{what: what, path: "/" + file, body: fileOf(size), behind: clientsBackend, conf: relays("", "")}
	}
	kept := relayed("TCP, 1 KB answers on kept connections", "1k", 1<<10)
	connect := relayed("TCP, a new connection for each answer", "1k", 1<<10)
	connect.reconnect = true
	bulk := relayed("TCP, in bulk", "16m", 16<<20)
	secure := relayed("TLS from the client, 1 KB answers on kept connections", "1k", 1<<10)
	secure.conf = relays(" ssl", "ssl_protocols TLSv1.3; ssl_certificate CERT.pem; ssl_certificate_key CERT.key;")
	secure.conf[haproxyLanguage] = strings.Replace(secure.conf[haproxyLanguage], "PORT ssl", "PORT ssl crt CERT.both", 1)
	handshakes := secure
	handshakes.what, handshakes.reconnect = "TLS from the client, a new connection for each answer", true
	datagrams := func(what string) benchCase {
		return benchCase{what: what, behind: datagramsBackend, conf: both(relays(" udp", "} server { listen 127.0.0.1:PORT; return up;")[nginxLanguage])}
	}
	var parts []part
	for _, c := range []streamCase{
		{"kept", 1, kept, nil},
		{"connect", 1, connect, nil},
		{"bulk", 1.2, bulk, nil},
		{"tls", 1, secure, runSecure},
		{"tls-connect", 1, handshakes, runSecure},
		{"udp", 1.5, datagrams("UDP, 64 clients with one packet on its way each"), runDatagrams(1)},
		{"udp-more", 1.5, datagrams("UDP, 64 clients with eight packets on their way each"), runDatagrams(8)},
	} {
		c.work.name = streamGroup + "/" + c.name
		parts = append(parts, part{c.work.name, streamTable, false, c.measure})
	}
	return append(parts, part{streamGroup + "/idle", streamTable, false, measureRelayed})
}

// relays is who passes on what comes, with more after the port and in the server.
func relays(listen, more string) map[language]string {
	return map[language]string{
		nginxLanguage: fmt.Sprintf(`load_module /usr/lib/nginx/modules/ngx_stream_module.so;
worker_processes 1;
worker_rlimit_nofile 60000;
events { worker_connections 30000; }
stream {
	server {
		listen 127.0.0.1:PORT%s;
		proxy_pass BACKEND;
		%s
	}
}
`, listen, more),
		haproxyLanguage: fmt.Sprintf(`global
	maxconn 9000
	nbthread 1
defaults
	mode tcp
	timeout connect 5s
	timeout client 600s
	timeout server 600s
frontend f
	bind 127.0.0.1:PORT%s
	default_backend b
backend b
	server s BACKEND
`, listen),
	}
}

// measure has every peer work in turns.
func (c streamCase) measure(b *bench) ([]row, error) {
	if c.run == nil {
		c.run = func(b *bench, t *contest, p *peer) (float64, int, error) {
			l := t.load(b, p)
			if len(c.work.body) > 1<<20 {
				l.connections = min(l.connections, 8)
			}
			rate, err := l.run(b.duration)
			return rate, l.done, err
		}
	}
	t := newContest(c.work, 1)
	defer t.stop()
	if err := t.start(b); err != nil {
		return nil, err
	}
	for range b.rounds {
		for _, p := range t.peers {
			s, res := t.servers[p], t.results[p]
			before := s.cpu()
			rate, done, err := c.run(b, t, p)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			res.rate = append(res.rate, rate)
			res.cpu = append(res.cpu, (s.cpu()-before)/time.Duration(max(done, 1)))
		}
	}
	return c.rows(b, t), nil
}

func (c streamCase) rows(b *bench, t *contest) []row {
	base := t.base(b)
	var rows []row
	for _, p := range t.peers {
		res := t.results[p]
		rate, cpu := median(res.rate), median(res.cpu)
		r := row{Cells: []string{c.work.what, p.name, fmt.Sprintf("%.0f", rate), fmt.Sprintf("%.2f", rateRatio(res, base)),
			fmt.Sprintf("%.1f", float64(cpu.Nanoseconds())/1000), fmt.Sprintf("%.0f %%", rate*cpu.Seconds()*100), "", ""}}
		ratio := 0.0
		if most := median(base.cpu); most > 0 && cpu > 0 {
			ratio = float64(most) / float64(cpu)
			r.Cells[6] = fmt.Sprintf("%.2f", ratio)
		}
		if p.name == "tandem" {
			r.Cells[7] = fmt.Sprintf("%.2f", c.goal)
			if ratio > 0 && ratio < c.goal {
				r.Missed = append(r.Missed, fmt.Sprintf("%s: %.2f x nginx, not %.2f", c.work.what, ratio, c.goal))
			}
		}
		rows = append(rows, r)
	}
	return rows
}

// relayedConnections is fewer than what clients and back ends have ports for.
const relayedConnections = 5000

// relayedGoal is what a connection that is relayed and idle may cost, in bytes.
const relayedGoal = 8 << 10

// measureRelayed measures the memory of connections that are relayed and idle.
func measureRelayed(b *bench) ([]row, error) {
	t := newContest(benchCase{name: streamGroup + "/idle", path: "/1k", body: fileOf(1 << 10), behind: clientsBackend, conf: relays("", "")}, 1)
	defer t.stop()
	if err := t.start(b); err != nil {
		return nil, err
	}
	var rows []row
	for _, p := range t.peers {
		pids := family(t.servers[p].cmd.Process.Pid)
		before, err := memory(pids)
		if err != nil {
			return nil, err
		}
		l := t.load(b, p)
		l.connections, l.once = relayedConnections, true
		if _, err := l.run(0); err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		time.Sleep(idleSettles)
		after, err := memory(pids)
		l.close()
		if err != nil {
			return nil, err
		}
		cost := (after.pss - before.pss) / relayedConnections
		r := row{Cells: []string{"memory of an idle relayed connection, bytes", p.name, fmt.Sprint(cost), "", "", "", "", ""}}
		if p.name == "tandem" {
			r.Cells[7] = fmt.Sprint(relayedGoal)
			if cost > relayedGoal {
				r.Missed = append(r.Missed, fmt.Sprintf("an idle relayed connection: %d bytes, not %d", cost, relayedGoal))
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}
