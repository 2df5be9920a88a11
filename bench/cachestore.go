package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"tandem/proxy/cache/entry"
)

var entriesTable = &table{
	title: "A response cache of 100,000 entries",
	text: "Small answers in files that are there when the server starts. Start is the time from exec to the first of them; reload, that from the signal to the first answer of the\n" +
		"new configuration. All are asked for once, by 8 connections, which fills the index and takes each from the disk. PSS is that after the start, that with all of them known, and that a while after a reload.",
	columns: []string{"server", "start", "reload", "PSS, MB", "with all known", "after a reload", "entries/s", "CPU for one, us"},
}

var entriesPart = part{"cache-entries", entriesTable, true, measureEntries}

// cachedEntries is how many entries the cache has.
const cachedEntries = 100_000

func entriesConf(word string) string {
	return proxyConf("proxy_cache_path DIR/cache levels=1:2 keys_zone=z:32m inactive=10h;",
		"add_header X-Word "+word+" always; proxy_pass http://127.0.0.1:9; proxy_cache z; proxy_cache_key $uri; proxy_cache_valid 10h;")
}

// fillCache writes the files of the entries.
func fillCache(folder string) error {
	levels := entry.Levels{1, 2}
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: text/html\r\n\r\n", len(smallPage))
	until := time.Now().Add(10 * time.Hour).Unix()
	var b, name []byte
	for i := range cachedEntries {
		key := []byte("/e/" + strconv.Itoa(i))
		h := entry.Header{ValidUntil: until, Date: time.Now().Unix(), LastModified: -1, BodyStart: entry.HeadStart(len(key)) + len(head)}
		b = append(append(h.Append(b[:0], key), head...), smallPage...)
		name = levels.AppendPath(name[:0], folder, entry.KeyOf(key))
		if err := os.MkdirAll(filepath.Dir(string(name)), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(string(name), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func measureEntries(b *bench) ([]row, error) {
	var rows []row
	for _, p := range b.peers {
		if p.reads != nginxLanguage {
			continue
		}
		r, err := b.entriesRow(p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func (b *bench) entriesRow(p *peer) (row, error) {
	s, err := p.prepare(b, entriesConf("first"))
	if err != nil {
		return row{}, err
	}
	if err := fillCache(filepath.Join(s.dir, "cache")); err != nil {
		return row{}, err
	}
	began := time.Now()
	if err := s.launch(cores(1)...); err != nil {
		return row{}, err
	}
	defer s.stop()
	answers := func(word string) (time.Duration, error) {
		for time.Since(began) < 60*time.Second {
			if a, err := http.Get("http://" + s.addr.String() + "/e/0"); err == nil {
				_, _ = io.Copy(io.Discard, a.Body)
				_ = a.Body.Close()
				if a.StatusCode == 200 && a.Header.Get("X-Word") == word {
					return time.Since(began), nil
				}
			}
			time.Sleep(200 * time.Microsecond)
		}
		return 0, fmt.Errorf("no answer with %q", word)
	}
	start, err := answers("first")
	if err != nil {
		return row{}, err
	}
	first, err := memory(family(s.cmd.Process.Pid))
	if err != nil {
		return row{}, err
	}
	before := s.cpu()
	asked := time.Now()
	n, _, err := walkCache(s.addr.String(), 8, func(_, i int) string { return "/e/" + strconv.Itoa(i) }, cachedEntries)
	if err != nil {
		return row{}, err
	}
	took, cost := time.Since(asked), s.cpu()-before
	all, err := memory(family(s.cmd.Process.Pid))
	if err != nil {
		return row{}, err
	}
	if err := s.configure(entriesConf("second")); err != nil {
		return row{}, err
	}
	began = time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		return row{}, err
	}
	reload, err := answers("second")
	if err != nil {
		return row{}, err
	}
	time.Sleep(idleSettles)
	after, err := memory(family(s.cmd.Process.Pid))
	if err != nil {
		return row{}, err
	}
	return row{Cells: []string{p.name, milliseconds(start), milliseconds(reload), megabytes(first.pss), megabytes(all.pss), megabytes(after.pss),
		fmt.Sprintf("%.0f", float64(n)/took.Seconds()), fmt.Sprintf("%.1f", float64(cost.Microseconds())/float64(n))}}, nil
}

// walkCache asks for so many paths over some connections. It returns how many were
// answered with 200, and how many of them say X-Cache: HIT.
func walkCache(addr string, connections int, path func(connection, i int) string, n int) (answered, hits int64, err error) {
	var next, ok, hit atomic.Int64
	var mu sync.Mutex
	var clients sync.WaitGroup
	for c := range connections {
		clients.Go(func() {
			if e := walkOn(addr, c, path, &next, int64(n), &ok, &hit); e != nil {
				mu.Lock()
				err = e
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	return ok.Load(), hit.Load(), err
}

func walkOn(addr string, connection int, path func(connection, i int) string, next *atomic.Int64, n int64, ok, hit *atomic.Int64) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Minute))
	r := bufio.NewReaderSize(c, 64<<10)
	for {
		i := next.Add(1) - 1
		if i >= n {
			return nil
		}
		if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path(connection, int(i))); err != nil {
			return err
		}
		status, length, isHit, err := readAnswerHead(r)
		if err != nil {
			return err
		}
		if _, err := r.Discard(length); err != nil {
			return err
		}
		if status != "200" {
			return fmt.Errorf("%s: status %s", path(connection, int(i)), status)
		}
		if ok.Add(1); isHit {
			hit.Add(1)
		}
	}
}

// readAnswerHead reads a head with a Content-Length.
func readAnswerHead(r *bufio.Reader) (status string, length int, hit bool, err error) {
	line, err := r.ReadString('\n')
	if err != nil || len(line) < 12 {
		return "", 0, false, fmt.Errorf("status line %q: %w", line, err)
	}
	status = line[9:12]
	for {
		b, err := r.ReadSlice('\n')
		if err != nil {
			return "", 0, false, err
		}
		name, value, _ := strings.Cut(strings.TrimRight(string(b), "\r\n"), ": ")
		switch name {
		case "":
			return status, length, hit, nil
		case "Content-Length":
			if length, err = strconv.Atoi(value); err != nil {
				return "", 0, false, err
			}
		case "X-Cache":
			hit = value == "HIT"
		}
	}
}

var zipfTable = &table{
	title: "A response cache smaller than what is asked for",
	text: "200,000 requests for 50,000 answers of 1 to 32 KB, the n-th most wanted one being asked for 1/n as often (Zipf, 1.1), with room for about a tenth of them; 8 connections. The same requests\n" +
		"for each server. The back end is a part of the program that measures.",
	columns: []string{"server", "hits", "answers/s", "CPU for one, us", "files, MB"},
}

var zipfPart = part{"cache-zipf", zipfTable, true, measureZipf}

const (
	zipfRequests = 200_000
	zipfAnswers  = 50_000
	zipfRoom     = 80 // MB
)

// measureZipf asks for what a few want often and many seldom.
func measureZipf(b *bench) ([]row, error) {
	r := rand.New(rand.NewSource(1))
	z := rand.NewZipf(r, 1.1, 1, zipfAnswers-1)
	wanted := make([]int, zipfRequests)
	for i := range wanted {
		wanted[i] = int(z.Uint64())
	}
	back, err := startZeros()
	if err != nil {
		return nil, err
	}
	defer back.close()
	var rows []row
	for _, p := range b.peers {
		if p.reads != nginxLanguage {
			continue
		}
		s, err := p.start(b, proxyConf(fmt.Sprintf("upstream back { server %s; keepalive 32; keepalive_requests 100000000; }\n\tadd_header X-Cache $upstream_cache_status;\n"+
			"\tproxy_cache_path DIR/cache levels=1:2 keys_zone=z:32m inactive=10h max_size=%dm;", back.addr, zipfRoom),
			`proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_cache z; proxy_cache_key $uri; proxy_cache_valid 10h;`))
		if err != nil {
			return nil, err
		}
		before, began := s.cpu(), time.Now()
		n, hits, err := walkCache(s.addr.String(), 8, func(_, i int) string { return "/z/" + strconv.Itoa(wanted[i]) }, zipfRequests)
		took, cost := time.Since(began), s.cpu()-before
		size := folderSize(filepath.Join(s.dir, "cache"))
		s.stop()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		rows = append(rows, row{Cells: []string{p.name, fmt.Sprintf("%.1f %%", 100*float64(hits)/float64(n)), fmt.Sprintf("%.0f", float64(n)/took.Seconds()),
			fmt.Sprintf("%.1f", float64(cost.Microseconds())/float64(n)), megabytes(size)}})
	}
	return rows, nil
}

// folderSize returns how many bytes the files below a folder take on the disk.
func folderSize(folder string) (n int64) {
	_ = filepath.WalkDir(folder, func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if i, err := d.Info(); err == nil {
				if st, ok := i.Sys().(*syscall.Stat_t); ok {
					n += st.Blocks * 512
				}
			}
		}
		return nil
	})
	return n
}

// zeros is a back end whose answers are as long as their path says.
type zeros struct {
	addr string
	l    net.Listener
}

func startZeros() (*zeros, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	body := make([]byte, 32<<10)
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, _ := strconv.Atoi(r.URL.Path[len("/z/"):])
			w.Header().Set("Content-Length", strconv.Itoa(1024+n*7919%(31<<10)))
			_, _ = w.Write(body[:1024+n*7919%(31<<10)])
		}))
	}()
	return &zeros{l.Addr().String(), l}, nil
}

func (z *zeros) close() { _ = z.l.Close() }
