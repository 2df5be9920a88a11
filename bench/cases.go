package main

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// benchCase is one kind of work and who does it how.
type benchCase struct {
	name, what string
	byName     bool    // measured only when -part names it
	goal       float64 // of tandem's rate, as a multiple of nginx's; 0: none
	goalHA     float64 // the same of HAProxy's
	goalCPU    bool    // processor time is to be at most nginx's, or with streams as much less as the rate is more
	path       string  // of the file that is asked for
	header     string  // more lines of the request's head
	post       []byte  // what is sent; nil: nothing, the method is GET
	status     int     // of the answer; 0: 200
	body       []byte  // of the answer; nil: what the server answers first
	reconnect  bool    // a new connection for each request
	streams    int     // HTTP/2 with TLS, so many at once on each of connections; 0: HTTP/1
	call       bool    // a unary call of gRPC: post and body are its messages
	behind     backKind
	conf       map[language]string
}

// backKind says what a server passes the requests on to: BACKEND in its
// configuration.
type backKind int

const (
	noBackend        backKind = iota
	clientsBackend            // the client itself, which costs the least
	nginxBackend              // nginx with the same files, on the client's core
	datagramsBackend          // the client itself, over UDP
)

// smallPage is the page that most cases ask for.
var smallPage = []byte(strings.Repeat("A page as small as most. ", 7)[:165])

// fileOf returns what a file with a size in its name has in it: no two lines are
// the same.
func fileOf(size int) []byte {
	var b bytes.Buffer
	for b.Len() < size {
		fmt.Fprintf(&b, "%015x\n", b.Len())
	}
	return b.Bytes()[:size]
}

// parseSize reads a size as nginx writes it: 512, 4k, 10m.
func parseSize(s string) (int, error) {
	unit := 1
	switch {
	case strings.HasSuffix(s, "k"):
		unit = 1 << 10
	case strings.HasSuffix(s, "m"):
		unit = 1 << 20
	}
	n, err := strconv.Atoi(strings.TrimRight(s, "km"))
	if err != nil || n <= 0 || n > 1<<30/unit {
		return 0, fmt.Errorf("%q is no size", s)
	}
	return n * unit, nil
}

// inWords writes a size for people.
func inWords(size int) string {
	switch {
	case size%(1<<20) == 0:
		return fmt.Sprintf("%d MB", size>>20)
	case size%(1<<10) == 0:
		return fmt.Sprintf("%d KB", size>>10)
	}
	return fmt.Sprintf("%d bytes", size)
}

// ofSize returns a file of this size, and the same through the reverse proxy.
func ofSize(name string, size int) []benchCase {
	body := fileOf(size)
	return []benchCase{
		{name: name, what: inWords(size) + " file", path: "/" + name, body: body, conf: both(fileConf(logOff))},
		{name: "proxy-" + name, what: "reverse proxy, " + inWords(size), path: "/" + name, body: body, behind: clientsBackend, conf: proxies},
	}
}

// lastChange is when all files were changed.
var lastChange = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

// writeFiles writes the files that the cases ask for.
func writeFiles(dir string, cases []benchCase) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for _, c := range cases {
		if c.body == nil {
			continue
		}
		name := filepath.Join(dir, path.Base(c.path))
		if c.path == "/" {
			name = filepath.Join(dir, "index.html")
		}
		if err := os.WriteFile(name, c.body, 0o644); err != nil {
			return err
		}
		if err := os.Chtimes(name, lastChange, lastChange); err != nil {
			return err
		}
	}
	return nil
}

// browser is what a browser says besides Host when one clicks on a link.
const browser = `Connection: keep-alive
sec-ch-ua: "Chromium";v="130", "Not?A_Brand";v="99"
sec-ch-ua-mobile: ?0
sec-ch-ua-platform: "Linux"
Upgrade-Insecure-Requests: 1
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8
Sec-Fetch-Site: same-origin
Sec-Fetch-Mode: navigate
Sec-Fetch-User: ?1
Sec-Fetch-Dest: document
Referer: http://localhost/news/2024/
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language: de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7
Cookie: session=8c1f3e0b5a7d4926b1e8f0a2c4d6e8f0; theme=dark; consent=necessary
`

// program is the header of a client that says little.
const program = "User-Agent: bench\nAccept: */*\n"

// request returns the request of a case, with more lines in its head.
func (c benchCase) request(more []string) []byte {
	method := "GET"
	if c.post != nil {
		method = "POST"
	}
	header := c.header
	if !strings.Contains(header, "User-Agent:") {
		header = program + header
	}
	for _, line := range more {
		header += line + "\n"
	}
	if c.post != nil {
		header += fmt.Sprintf("Content-Type: application/x-www-form-urlencoded\nContent-Length: %d\n", len(c.post))
	}
	head := method + " " + c.path + " HTTP/1.1\nHost: localhost\n" + header + "\n"
	return append([]byte(strings.ReplaceAll(head, "\n", "\r\n")), c.post...)
}

// caseNamed returns a case.
func (b *bench) caseNamed(name string) benchCase {
	return b.cases[slices.IndexFunc(b.cases, func(c benchCase) bool { return c.name == name })]
}

// standardCases are those that are there without -size.
func standardCases() []benchCase {
	file := func(name, what string, goal float64, more string) benchCase {
		return benchCase{name: name, what: what, goal: goal, path: "/", body: smallPage, conf: both(fileConf(more))}
	}
	small := file("small", "small file, access log off", 1.7, logOff)
	small.conf[caddyLanguage] = caddyConf
	connect := file("connect", "a new connection for each request", 1, logOff)
	connect.reconnect = true
	browsers := file("browser", "small file, a browser's header", 0, logOn)
	browsers.header = browser
	unchanged := file("not-modified", "304: the client has the file", 0, logOff)
	unchanged.status, unchanged.header = 304, "If-Modified-Since: "+lastChange.Format("Mon, 02 Jan 2006 15:04:05 GMT")+"\n"
	missing := file("404", "404: there is no such file", 0, logOff)
	missing.path, missing.status, missing.body = "/missing", 404, nil

	proxy := benchCase{name: "proxy", what: "reverse proxy, keep-alive both sides", goal: 1.05, goalHA: 1.05, path: "/", body: smallPage,
		behind: clientsBackend, conf: proxies}
	once := proxy
	once.name, once.what, once.conf = "proxy-new", "reverse proxy, a new connection to the back end each time", onceProxies
	real := proxy
	real.name, real.what, real.behind = "proxy-nginx", "reverse proxy, keep-alive, nginx as the back end", nginxBackend
	post := proxy
	post.name, post.what, post.post = "proxy-post", "reverse proxy, a form of 1 KB is sent", fileOf(1<<10)

	list := []benchCase{file("small-log", "small file, access log on", 2, logOn), small,
		file("small-cache", "small file, log off, open_file_cache", 1.25, logOff+" open_file_cache max=1000;")}
	tenK, hundredK, oneM := ofSize("10k", 10<<10), ofSize("100k", 100<<10), ofSize("1m", 1<<20)
	tenK[0].goal, oneM[0].goal, oneM[0].goalCPU = 1.25, 1, true
	list = append(list, tenK[0], oneM[0], connect, proxy)
	list = append(list, http2Cases()...)
	for _, c := range []benchCase{browsers, unchanged, missing, once, tenK[1], hundredK[1], oneM[1], post, real} {
		c.goal, c.goalHA, c.byName = 0, 0, true
		list = append(list, c)
	}
	return append(list, cacheCases()...)
}
