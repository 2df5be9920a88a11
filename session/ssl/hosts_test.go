package ssl_test

import (
	"bufio"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tandem/session/ssl"
	"tandem/web"
	"tandem/web/headers"
	"tandem/web/http2"
	"tandem/web/rewrite"
	"tandem/web/webtest"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

// hostServers are servers that differ in what they ask of clients, by the
// address that they share: 8080 with a default server that asks nothing, 8081
// with one that wants certificates of authority a, 8082 with one server alone,
// 8083 with a default that refuses every handshake.
const hostServers = `
	ssl_certificate s.pem; ssl_certificate_key s.key; ssl_protocols TLSv1.2 TLSv1.3;
	add_header X-Seen "$server_name $host $ssl_client_verify" always;
	server { listen 127.0.0.1:8080 ssl; server_name d; return 200 ""; }
	server { listen 127.0.0.1:8080 ssl; server_name plain; return 200 ""; }
	server { listen 127.0.0.1:8080 ssl; server_name a a2; ssl_verify_client on; ssl_client_certificate a.pem; return 200 ""; }
	server { listen 127.0.0.1:8080 ssl; server_name b; ssl_verify_client on; ssl_client_certificate b.pem; return 200 ""; }
	server { listen 127.0.0.1:8080 ssl; server_name ob; ssl_verify_client optional; ssl_client_certificate b.pem; return 200 ""; }
	server { listen 127.0.0.1:8080 ssl; server_name nb; ssl_verify_client optional_no_ca; ssl_client_certificate b.pem; return 200 ""; }
	server { listen 127.0.0.1:8080 ssl; server_name *.w; ssl_verify_client on; ssl_client_certificate b.pem; return 200 ""; }
	server { listen 127.0.0.1:8080 ssl; server_name ~^re(?<n>\d)$; add_header X-Seen "re $n $ssl_client_verify" always; return 200 ""; }
	server { listen 127.0.0.1:8080 ssl; server_name no; ssl_reject_handshake on; return 200 ""; }

	server { listen 127.0.0.1:8081 ssl; server_name d; ssl_verify_client on; ssl_client_certificate a.pem; return 200 ""; }
	server { listen 127.0.0.1:8081 ssl; server_name plain; return 200 ""; }
	server { listen 127.0.0.1:8081 ssl; server_name b; ssl_verify_client on; ssl_client_certificate b.pem; return 200 ""; }
	server { listen 127.0.0.1:8081 ssl; server_name ob; ssl_verify_client optional; ssl_client_certificate b.pem; return 200 ""; }
	server { listen 127.0.0.1:8081 ssl; server_name nb; ssl_verify_client optional_no_ca; ssl_client_certificate b.pem; return 200 ""; }
	server { listen 127.0.0.1:8081 ssl; server_name ""; return 200 ""; }

	server { listen 127.0.0.1:8082 ssl; server_name d; ssl_verify_client on; ssl_client_certificate a.pem; return 200 ""; }

	server { listen 127.0.0.1:8083 ssl; server_name d; ssl_reject_handshake on; return 200 ""; }
	server { listen 127.0.0.1:8083 ssl; server_name a; ssl_verify_client on; ssl_client_certificate a.pem; return 200 ""; }
	server { listen 127.0.0.1:8083 ssl; server_name plain; return 200 ""; }
`

var hostPorts = []string{"8080", "8081", "8082", "8083"}

// hostRequests are the heads that name hosts in every way, by what they are
// called in the table.
var hostRequests = map[string]string{
	"none (1.0)": "GET / HTTP/1.0\r\n\r\n",
	"none (1.1)": "GET / HTTP/1.1\r\n\r\n",
	"A.":         "GET / HTTP/1.0\r\nHost: A.\r\n\r\n",
	"b:443":      "GET / HTTP/1.0\r\nHost: b:443\r\n\r\n",
	"http://b":   "GET http://b/ HTTP/1.1\r\nHost: plain\r\nConnection: close\r\n\r\n",
	"http://d":   "GET http://d/ HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n",
	"b, TRACE":   "TRACE / HTTP/1.1\r\nHost: b\r\n\r\n",
	"b, faulty":  "GET / HTTP/1.1\r\nHost: b\r\nContent-Length: x\r\n\r\n",
	"b, POST":    "POST / HTTP/1.0\r\nHost: b\r\nContent-Length: 1\r\n\r\nx",
	"then a":     "GET / HTTP/1.1\r\nHost: plain\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	"then plain": "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: plain\r\nConnection: close\r\n\r\n",
	"then b":     "GET / HTTP/1.1\r\nHost: ob\r\n\r\nGET / HTTP/1.1\r\nHost: ob\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n",
}

// sniNames are asked for in handshakes, and all of hostNames in requests.
var (
	sniNames  = []string{"", "unknown", "plain", "a", "ob", "nb", "x.w", "re1", "no"}
	hostNames = []string{"unknown", "d", "plain", "a", "a2", "b", "ob", "nb", "x.w", "y.w", "re1", "re2", "no"}
)

func startHosts(t *testing.T) (s *webtest.Server, certs map[string]*tls.Certificate) {
	t.Helper()
	return startServers(t, hostServers)
}

// startServers runs servers; certs are those of clients, by authority.
func startServers(t *testing.T, servers string) (s *webtest.Server, certs map[string]*tls.Certificate) {
	t.Helper()
	files := map[string]string{}
	certs = map[string]*tls.Certificate{"-": {}}
	for _, name := range []string{"a", "b"} {
		_, _, ca := issue(t, "ca-"+name, nil)
		files[name+".pem"] = ca.pem
		certPEM, keyPEM, _ := issue(t, "client-"+name, ca)
		pair, err := tls.X509KeyPair([]byte(certPEM), []byte(keyPEM))
		if err != nil {
			t.Fatal(err)
		}
		certs[name] = &pair
	}
	files["s.pem"], files["s.key"], _ = issue(t, "s", nil)
	return webtest.Start(t, "events {}\nhttp {\n"+servers+"}\n", []*web.Module{http2.Module, rewrite.Module, headers.Module, web.Shared(ssl.Module)}, files), certs
}

var seen = regexp.MustCompile(`(?m)^HTTP/1\.1 (\d+) .*\r$|^X-Seen: (.*)\r$|<center>(?:<h1>400 Bad Request</h1>|(.* certificate .*))</center>`)

// summary is what an answer comes to: status, server, host and verdict of each
// response.
func summary(answer string) string {
	var words []string
	for _, m := range seen.FindAllStringSubmatch(answer, -1) {
		if w := m[1] + m[2] + m[3]; w != "" {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

// askTLS makes a connection, sends bytes, and returns what came back.
func askTLS(addr, send string, c *tls.Config) (answer string, state tls.ConnectionState) {
	conn, err := tls.Dial("tcp", addr, c)
	if err != nil {
		return refusalText(err), state
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, send); err != nil {
		return refusalText(err), state
	}
	b, err := io.ReadAll(conn)
	if err != nil && len(b) == 0 {
		return refusalText(err), state
	}
	return string(b), conn.ConnectionState()
}

// refusalText is the alert in an error.
func refusalText(err error) string {
	return "HTTP/1.1 0 \r\nX-Seen: " + err.Error()[strings.LastIndex(err.Error(), ": ")+2:] + "\r\n"
}

// presenting is a client that has a certificate and takes any server's.
func presenting(cert *tls.Certificate, sni string) *tls.Config {
	return &tls.Config{
		ServerName: sni, InsecureSkipVerify: true,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil },
	}
}

// exchange is one line of a table: who asked whom for what.
type exchange struct{ port, sni, cert, host string }

// askForHosts asks for everything with everything. addr gives the address for a
// port.
func askForHosts(addr func(port string) string, certs map[string]*tls.Certificate) map[exchange]string {
	requests := maps.Clone(hostRequests)
	for _, h := range hostNames {
		requests[h] = "GET / HTTP/1.1\r\nHost: " + h + "\r\nConnection: close\r\n\r\n"
	}
	answers := make(map[exchange]string)
	for _, port := range hostPorts {
		for _, sni := range sniNames {
			for cert, pair := range certs {
				for host, head := range requests {
					answer, _ := askTLS(addr(port), head, presenting(pair, sni))
					answers[exchange{port, sni, cert, host}] = summary(answer)
				}
			}
		}
	}
	return answers
}

// hostTable writes down what was answered; what is alike stands together.
func hostTable(answers map[exchange]string) string {
	var out strings.Builder
	for _, port := range hostPorts {
		clients := map[string][]string{} // by what they are answered
		for _, sni := range sniNames {
			for _, cert := range []string{"-", "a", "b"} {
				hosts := map[string][]string{}
				for e, text := range answers {
					if e.port == port && e.sni == sni && e.cert == cert {
						hosts[text] = append(hosts[text], e.host)
					}
				}
				var lines strings.Builder
				for _, text := range slices.Sorted(maps.Keys(hosts)) {
					slices.Sort(hosts[text])
					fmt.Fprintf(&lines, "\t%s: %s\n", text, strings.Join(hosts[text], " | "))
				}
				clients[lines.String()] = append(clients[lines.String()], fmt.Sprintf("%q+%s", sni, cert))
			}
		}
		for _, lines := range slices.SortedFunc(maps.Keys(clients), func(a, b string) int { return strings.Compare(clients[a][0], clients[b][0]) }) {
			fmt.Fprintf(&out, "%s, SNI and certificate %s\n%s", port, strings.Join(clients[lines], " "), lines)
		}
	}
	return out.String()
}

// resumption is a session begun with the server of one name and offered to that
// of another.
type resumption struct {
	version             uint16
	cert, first, second string
}

var sessionNames = []string{"", "d", "plain", "a", "b", "ob", "nb", "x.w"}

func resumeSessions(addr func(port string) string, certs map[string]*tls.Certificate) map[resumption]string {
	answers := make(map[resumption]string)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for cert, pair := range certs {
			for _, first := range sessionNames {
				for _, second := range sessionNames {
					c := presenting(pair, first)
					c.MinVersion, c.MaxVersion, c.ClientSessionCache = version, version, new(oneSession)
					_, _ = askTLS(addr("8080"), "GET / HTTP/1.0\r\nHost: "+first+"\r\n\r\n", c)
					c.ServerName = second
					answer, state := askTLS(addr("8080"), "GET / HTTP/1.0\r\nHost: "+second+"\r\n\r\n", c)
					how := "anew "
					if state.DidResume {
						how = "resumed "
					}
					answers[resumption{version, cert, first, second}] = how + summary(answer)
				}
			}
		}
	}
	return answers
}

func sessionTable(answers map[resumption]string) string {
	var out strings.Builder
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, cert := range []string{"-", "a", "b"} {
			for _, first := range sessionNames {
				fmt.Fprintf(&out, "%s, certificate %s, session of %q\n", tls.VersionName(version), cert, first)
				for _, second := range sessionNames {
					fmt.Fprintf(&out, "\t%q: %s\n", second, answers[resumption{version, cert, first, second}])
				}
			}
		}
	}
	return out.String()
}

// oneSession offers the session it has to any server.
type oneSession struct{ state *tls.ClientSessionState }

func (s *oneSession) Get(string) (*tls.ClientSessionState, bool)  { return s.state, s.state != nil }
func (s *oneSession) Put(_ string, state *tls.ClientSessionState) { s.state = state }

// golden holds a table against the file that has it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	compareLines(t, got, string(want))
}

// compareLines reports the lines in which two tables differ.
func compareLines(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	head := ""
	for i := range max(len(g), len(w)) {
		a, b := "", ""
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if !strings.HasPrefix(a, "\t") {
			head = a
		}
		if a != b {
			t.Errorf("%s\ngot  %s\nwant %s", head, a, b)
		}
	}
}

// No host is answered on a connection whose client has not shown what the
// host's server asks for.
func TestHostsOfOtherServers(t *testing.T) {
	s, certs := startHosts(t)
	golden(t, "hosts.txt", hostTable(askForHosts(func(port string) string { return s.Addr(t, port) }, certs)))
}

// No session of one server is resumed by another that asks for other client
// certificates.
func TestSessionsOfOtherServers(t *testing.T) {
	s, certs := startHosts(t)
	golden(t, "sessions.txt", sessionTable(resumeSessions(func(port string) string { return s.Addr(t, port) }, certs)))
}

// resumesByName matches the versions of nginx that know the server's name when
// they decide about a session; those before let the default server decide.
var resumesByName = regexp.MustCompile(`nginx/1\.(3[1-9]|[4-9]\d)\.`)

// TestHostsLikeNginx holds both against the installed nginx.
func TestHostsLikeNginx(t *testing.T) {
	binary, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("nginx is not installed")
	}
	s, certs := startHosts(t)
	own := func(port string) string { return s.Addr(t, port) }
	nginx := startNginx(t, binary, s.Dir, hostServers)
	want := askForHosts(nginx, certs)
	for e, got := range askForHosts(own, certs) {
		// A client that asked for no server by name has shown its certificate to
		// the default one. nginx lets that stand for all others.
		if e.port == "8081" && e.cert == "a" && strings.Contains(got, "FAILED") && strings.Contains(want[e], "SUCCESS") {
			continue
		}
		if got != want[e] {
			t.Errorf("%+v\ngot   %s\nnginx %s", e, got, want[e])
		}
	}
	if version, _ := exec.Command(binary, "-v").CombinedOutput(); !resumesByName.Match(version) {
		t.Logf("sessions are not compared: %s", version)
		return
	}
	resumed := resumeSessions(nginx, certs)
	for r, got := range resumeSessions(own, certs) {
		if got != resumed[r] {
			t.Errorf("%+v\ngot   %s\nnginx %s", r, got, resumed[r])
		}
	}
}

// A connection of a client that had not been asked for a certificate ends when a
// reload has its server ask.
func TestReloadThatAsks(t *testing.T) {
	_, _, ca := issue(t, "ca", nil)
	files := map[string]string{"a.pem": ca.pem}
	files["s.pem"], files["s.key"], _ = issue(t, "s", nil)
	conf := func(more string) string {
		return "events {}\nhttp { ssl_certificate s.pem; ssl_certificate_key s.key; server { listen 127.0.0.1:8080 ssl; return 200 ok; " + more + " } }"
	}
	modules := []*web.Module{rewrite.Module, web.Shared(ssl.Module)}
	for more, stays := range map[string]bool{"": true, "ssl_verify_client optional; ssl_client_certificate a.pem;": false} {
		s := webtest.Start(t, conf(""), modules, files)
		c := tls.Client(s.Dial(t), &tls.Config{InsecureSkipVerify: true})
		r := bufio.NewReader(c)
		// ask reports whether the connection goes on after another request. One
		// that has come before the reload may still be answered.
		ask := func() bool {
			if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				return false
			}
			answer, err := http.ReadResponse(r, nil)
			if err == nil {
				_, err = io.Copy(io.Discard, answer.Body)
			}
			return err == nil && !answer.Close
		}
		if !ask() {
			t.Fatal("the connection is not kept")
		}
		old := s.Gen
		s.Reload(t, conf(more), modules)
		old.Retire(s.Gen)
		if ask() != stays {
			t.Errorf("after a reload with %q the connection stays: %t, want %t", more, !stays, stays)
		}
	}
}

// A server without a certificate is served with what the default one has, which
// also asks for the client's certificate and judges it.
func TestServersWithoutCertificate(t *testing.T) {
	const servers = `
	add_header X-Seen "$server_name $ssl_server_name $ssl_client_verify" always;
	server { listen 127.0.0.1:8080 ssl; server_name d; ssl_certificate s.pem; ssl_certificate_key s.key;
		ssl_verify_client optional; ssl_client_certificate a.pem; return 200 ""; }
	server { listen 127.0.0.1:8080; server_name bare; return 200 ""; }
	server { listen 127.0.0.1:8080; server_name on; ssl_verify_client on; return 200 ""; }
	`
	s, certs := startServers(t, servers)
	table := func(addr string) (out string) {
		for _, name := range []string{"d", "bare", "on"} {
			for _, cert := range []string{"-", "a", "b"} {
				answer, _ := askTLS(addr, "GET / HTTP/1.0\r\nHost: "+name+"\r\n\r\n", presenting(certs[cert], name))
				out += name + "+" + cert + ": " + summary(answer) + "\n"
			}
		}
		return out
	}
	const want = `d+-: 200 d d NONE
d+a: 200 d d SUCCESS
d+b: 400 d d FAILED:unable to verify the first certificate The SSL certificate error
bare+-: 200 bare bare NONE
bare+a: 200 bare bare SUCCESS
bare+b: 200 bare bare FAILED:unable to verify the first certificate
on+-: 400 on on NONE No required SSL certificate was sent
on+a: 200 on on SUCCESS
on+b: 400 on on FAILED:unable to verify the first certificate The SSL certificate error
`
	compareLines(t, table(s.Addr(t, "8080")), want)
	if binary, err := exec.LookPath("nginx"); err == nil {
		compareLines(t, table(startNginx(t, binary, s.Dir, servers)("8080")), want)
	}
}
