package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
)

var attackTable = &table{
	title: "Attacks on HTTP/2",
	text: "Eight connections attack at a time, from the client's core, each with up to 250,000 frames a second (CONTINUATION: 500 of 16 KB), and are made again 10 ms\n" +
		"after the server has ended them. CPU is how much of its core the server used, memory\n" +
		"how much its RSS had grown at the most. Answers are those to another client, who asks for a small file every few milliseconds on a connection of its own.",
	columns: []string{"attack", "server", "CPU", "memory, MB", "sent, MB/s", "connections ended, 1/s", "answer, median", "99 of 100"},
}

var attackPart = part{"attacks", attackTable, true, measureAttacks}

const attackConf = `worker_processes 1;
events { worker_connections 20000; }
http {
	access_log off;
	keepalive_requests 100000000;
	client_body_temp_path DIR/tmp;
	proxy_temp_path DIR/tmp;
	server {
		listen 127.0.0.1:PORT http2;
		location / { root FILES; }
		location /up { proxy_pass http://127.0.0.1:1; }
	}
}
`

// measureAttacks has each server attacked in each way.
func measureAttacks(b *bench) ([]row, error) {
	// A thread of its own for the other client, whom the kernel has run when an
	// answer has come.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	var rows []row
	for _, a := range attacks() {
		for _, p := range b.peers {
			if p.reads != nginxLanguage {
				continue
			}
			s, err := p.start(b, attackConf)
			if err != nil {
				return nil, err
			}
			r, err := b.attackRow(a, p, s)
			s.stop()
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", a.name, p.name, err)
			}
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// attackers is how many connections attack at a time. Each sends what it has ready,
// and rests for attackPause, which leaves the other client time on their core.
const (
	attackers   = 8
	attackPause = 2 * time.Millisecond
)

// attackRow has a server attacked for a while.
func (b *bench) attackRow(a attack, p *peer, s *server) (row, error) {
	other, err := newOther(s)
	if err != nil {
		return row{}, err
	}
	defer func() { _ = other.conn.Close() }()
	pids := family(s.cmd.Process.Pid)
	before, err := memory(pids)
	if err != nil {
		return row{}, err
	}
	var sent, ended atomic.Int64
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range attackers {
		all.Go(func() {
			for running(stop) {
				sent.Add(a.on(s.addr.String(), stop))
				if running(stop) {
					ended.Add(1)
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
	}
	cpu, start := s.cpu(), time.Now()
	end := start.Add(b.duration * time.Duration(b.rounds))
	var most int64
	var took []time.Duration
	for looked := start; time.Now().Before(end) && err == nil; time.Sleep(3 * time.Millisecond) {
		var d time.Duration
		if d, err = other.ask(); err == nil {
			took = append(took, d)
		}
		if now := time.Now(); now.Sub(looked) > 50*time.Millisecond {
			looked = now
			if f, err := memory(pids); err == nil {
				most = max(most, f.rss-before.rss)
			}
		}
	}
	passed, used := time.Since(start), s.cpu()-cpu
	close(stop)
	all.Wait()
	slices.Sort(took)
	return row{Cells: []string{a.name, p.name, fmt.Sprintf("%.0f %%", 100*used.Seconds()/passed.Seconds()), megabytes(most), fmt.Sprintf("%.1f", float64(sent.Load())/1e6/passed.Seconds()),
		fmt.Sprintf("%.0f", float64(ended.Load())/passed.Seconds()), latencyText(took), percentile(took, 0.99).Round(10 * time.Microsecond).String()}}, err
}

func running(stop chan struct{}) bool {
	select {
	case <-stop:
		return false
	default:
		return true
	}
}

// on attacks on one connection until the server ends that, and returns how many
// bytes it has sent.
func (a attack) on(addr string, stop chan struct{}) (sent int64) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		time.Sleep(10 * time.Millisecond)
		return 0
	}
	over := make(chan struct{})
	var closing sync.WaitGroup
	closing.Go(func() {
		select {
		case <-stop:
		case <-over:
		}
		_ = conn.Close()
	})
	defer closing.Wait()
	defer close(over)
	if !a.unread {
		closing.Go(func() { _, _ = io.Copy(io.Discard, conn); _ = conn.Close() })
	}
	f := newAttacker()
	for a.begin(f); ; a.again(f) {
		n, err := conn.Write(f.out.Bytes())
		sent += int64(n)
		f.out.Reset()
		if err != nil {
			return sent
		}
		if a.again == nil {
			<-stop
			return sent
		}
		time.Sleep(attackPause)
	}
}

// other is a client that asks for the small file, a request at a time.
type other struct {
	conn *net.TCPConn
	load *http2Load
	id   uint32
	in   [64 << 10]byte
}

func newOther(s *server) (*other, error) {
	conn, err := net.Dial("tcp", s.addr.String())
	if err != nil {
		return nil, err
	}
	o := &other{conn: conn.(*net.TCPConn), load: newHTTP2Load(benchCase{path: "/"}), id: 1}
	framer := http2.NewFramer(conn, nil)
	_, err = io.WriteString(conn, http2.ClientPreface)
	return o, errors.Join(err, framer.WriteSettings(), framer.WriteSettingsAck(), framer.WriteWindowUpdate(0, 1<<30))
}

// patience of the other client with one answer.
const patience = 10 * time.Second

// ask asks and returns how long the answer took.
func (o *other) ask() (time.Duration, error) {
	block := o.load.others
	if o.id == 1 {
		block = o.load.first
	}
	request := make([]byte, frameHeader, frameHeader+len(block))
	request[2], request[3], request[4] = byte(len(block)), byte(http2.FrameHeaders), byte(http2.FlagHeadersEndHeaders|http2.FlagHeadersEndStream)
	binary.BigEndian.PutUint32(request[5:], o.id)
	_ = o.conn.SetDeadline(time.Now().Add(patience))
	start := time.Now()
	if _, err := o.conn.Write(append(request, block...)); err != nil {
		return 0, err
	}
	for in := o.in[:0]; ; {
		n, err := o.conn.Read(o.in[len(in):])
		if err != nil {
			return 0, err
		}
		in = o.in[:len(in)+n]
		for len(in) >= frameHeader {
			length := int(in[0])<<16 | int(in[1])<<8 | int(in[2])
			if len(in) < frameHeader+length {
				break
			}
			if binary.BigEndian.Uint32(in[5:]) == o.id && http2.FrameType(in[3]) == http2.FrameData && http2.Flags(in[4]).Has(http2.FlagDataEndStream) {
				o.id += 2
				return time.Since(start), nil
			}
			in = in[frameHeader+length:]
		}
		in = o.in[:copy(o.in[:], in)]
	}
}
