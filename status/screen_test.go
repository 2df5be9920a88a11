package status

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// shown is what a terminal of that size shows after what was written to it.
func shown(t *testing.T, s Screen, text string) []string {
	t.Helper()
	rest, ok := strings.CutPrefix(text, toHome)
	rest, end := strings.CutSuffix(rest, eraseDn)
	if !ok || !end || strings.Contains(rest, "\x1b[2J") {
		t.Fatalf("not repainted in place: %q", text)
	}
	lines := strings.Split(rest, "\r\n")
	for n, line := range lines {
		line, ok := strings.CutSuffix(line, eraseLn)
		if !ok {
			t.Errorf("what stood in line %d stays: %q", n+1, line)
		}
		lines[n] = visible(line)
		if width := len([]rune(lines[n])); s.Columns > 0 && width > s.Columns {
			t.Errorf("line %d is %d wide: %q", n+1, width, lines[n])
		}
	}
	if s.Rows > 0 && len(lines) > s.Rows {
		t.Errorf("%d lines", len(lines))
	}
	return lines
}

// On a small terminal the verdict and who is master are to be seen whatever else
// there is.
func TestSmallScreen(t *testing.T) {
	r := troubled()
	r.Stopping = false
	for range 40 {
		r.Certificates = append(r.Certificates, Certificate{Name: "x.test", Source: "/x.pem", Ends: in(day)})
	}
	r.Judge()
	for _, c := range []struct {
		r    *Report
		word string
	}{{r, "NOT SERVING: VI_1 has resigned"}, {master(), "SERVING: 192.0.2.254 for 3 h 12 min (VI_1 is MASTER"}} {
		c.r.Judge()
		for _, s := range []Screen{{24, 80}, {5, 40}, {2, 20}, {24, 0}, {0, 80}, {0, 0}} {
			var page bytes.Buffer
			if err := c.r.WriteText(&page, Style{Colour: true}); err != nil {
				t.Fatal(err)
			}
			lines := shown(t, s, s.repaint(page.String()))
			word := c.word
			if s.Columns > 0 && len(word) >= s.Columns {
				word = word[:s.Columns-1]
			}
			if !strings.HasPrefix(lines[0], word) {
				t.Errorf("%v: %q", s, lines[0])
			}
			if s.Rows == 24 && s.Columns == 80 && c.r == r && !strings.Contains(lines[23], "more lines: tandem status shows all") {
				t.Errorf("%q", lines[23])
			}
		}
	}
}

func TestCut(t *testing.T) {
	s := Screen{Rows: 10, Columns: 5}
	for line, want := range map[string]string{
		"": "", "abcd": "abcd", "abcde": "abcde", "abcdef": "abcd…", "ab   ": "ab   ", "äöüßéè": "äöüß…",
		red + "abc" + plain + "de":  red + "abc" + plain + "de",
		red + "abc" + plain + "def": red + "abc" + plain + "d…" + plain,
	} {
		if got := s.cut(line); got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

// Names of others give no orders to the terminal.
func TestControlCharactersAreTakenOut(t *testing.T) {
	if got := string(harmless([]byte(`{"a":"x\u001b[2J\u0007"}`))); got != "{\"a\":\"x\uFFFD[2J\uFFFD\"}" {
		t.Errorf("%s", got)
	}
}

func TestTop(t *testing.T) {
	before, now := master(), master()
	before.At = at.Add(-2 * time.Second)
	before.Web.Servers = []Zone{{Name: "a", Requests: 100, Sent: 1000, Responses: map[int]uint64{200: 99, 404: 1}, Durations: durations(100)}}
	now.Web.Servers = []Zone{
		{Name: "", Requests: 1, Responses: map[int]uint64{200: 1}, Durations: durations(1)},
		{Name: "a", Requests: 300, Sent: 3001000, Responses: map[int]uint64{200: 270, 404: 1, 502: 29}, Durations: durations(290, 0, 0, 0, 0, 10)},
	}
	before.Upstreams = []Upstream{{Name: "app", Peers: []UpstreamPeer{{Addr: "192.0.2.9:80", State: "up", Requests: 10, Durations: durations(10)}}}}
	now.Upstreams = []Upstream{{Name: "app", Peers: []UpstreamPeer{
		{Addr: "192.0.2.8:80", State: "down", Durations: durations()},
		{Addr: "192.0.2.9:80", State: "up", Requests: 16, Fails: 3, Active: 2, Durations: durations(13, 3)},
	}}}
	before.Web.Accepted = 88
	before.Judge()
	now.Judge()
	const want = `SERVING: 192.0.2.254 for 3 h 12 min (VI_1 is MASTER: preempting 192.0.2.2, priority 50, ours 100)
requests 100/s, 4xx 0/s, 5xx 14/s, in 0 B/s, out 1.5 MB/s; 3 connections, 1.0/s new, 1 requests under way; last 2.0 s

ZONE                     REQUESTS/S  4XX/S  5XX/S  HALF  99 %   OUT
server a                 100         0      14     <1ms  <50ms  1.5 MB/s
server (no status_zone)  0.5         0      0      <1ms  <1ms   0 B/s

PEER              STATE  REQUESTS/S  FAILED/S  NOW  HALF  99 %
app 192.0.2.9:80  up     3.0         1.5       2    <1ms  <2.5ms
app 192.0.2.8:80  down   0           0         0    -     -

STATUS  RESPONSES/S  SINCE THE START
502     14           29
`
	var got bytes.Buffer
	if err := now.WriteTop(&got, before, Style{}); err != nil {
		t.Fatal(err)
	}
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
	// The first page is of the time since the start, and so is one after a restart.
	before.PID++
	for _, before := range []*Report{nil, before} {
		got.Reset()
		if err := now.WriteTop(&got, before, Style{}); err != nil || !strings.Contains(got.String(), "; last 1 d 2 h\n") {
			t.Errorf("%v\n%s", err, got.String())
		}
	}
}

func TestSummaries(t *testing.T) {
	backup := master()
	i := &backup.Instances[0]
	i.State, i.Held, i.Owner = "BACKUP", nil, &Owner{Addr: other, Node: "edge2", Since: ago(time.Hour)}
	ill := master()
	ill.Instances[0].SelfProbe = &SelfProbe{Reason: "no answer"}
	ports := plainWeb()
	ports.Web.Listeners = []string{"a", "b", "c", "d"}
	none := plainWeb()
	none.Web.Listeners = nil
	for want, r := range map[string]*Report{
		"{SERVING 192.0.2.254 for 3 h 12 min (VI_1 is MASTER: preempting 192.0.2.2, priority 50, ours 100)}": ill,
		"{STANDING BY edge2 (192.0.2.2) has 192.0.2.254 for 1 h (VI_1 is BACKUP)}":                           backup,
		"{SERVING on 4 ports; no virtual addresses are configured}":                                          ports,
		"{NOT SERVING no port is open}":                                                                      none,
	} {
		if r.Judge(); fmt.Sprint(r.Summary) != want {
			t.Errorf("got  %v\nwant %s", r.Summary, want)
		}
	}
}
