package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"tandem/internal/lab/probe"
	"tandem/internal/scenario"
)

// narrator tells what happens, in words or as JSON. Its methods may be called
// by several goroutines.
type narrator struct {
	mu     sync.Mutex
	out    io.Writer
	json   bool
	colour bool
	begun  time.Time

	// What the client saw last.
	server  string    // "" before the first answer
	ended   time.Time // of the last answer
	silence bool      // that there is no answer has been told

	table []row
	over  bool // the story is: what happens now is clearing up
}

// row is a step in the table at the end.
type row struct {
	step
	result
}

// noticed is how long an answer must be overdue to be told about while it is.
const noticed = 150 * time.Millisecond

func newNarrator(out io.Writer, asJSON bool) *narrator {
	return &narrator{out: out, json: asJSON, colour: !asJSON && isTerminal(out), begun: time.Now()}
}

// isTerminal reports whether a person watches.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}

// Colours of a terminal.
const (
	plain = ""
	bold  = "1"
	green = "32"
	red   = "31"
	faint = "2"
)

func (n *narrator) paint(colour, text string) string {
	if !n.colour || colour == plain {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// line prints what happened at a time. The lock is held.
func (n *narrator) line(at time.Time, colour, format string, args ...any) {
	fmt.Fprintf(n.out, "%6.2f s  %s\n", at.Sub(n.begun).Seconds(), n.paint(colour, fmt.Sprintf(format, args...)))
}

// event prints an object for machines. The lock is held.
func (n *narrator) event(at time.Time, name string, fields map[string]any) {
	fields["event"] = name
	fields["elapsed_ms"] = at.Sub(n.begun).Milliseconds()
	// Nothing here is of a kind that cannot be encoded.
	data, _ := json.Marshal(fields)
	fmt.Fprintf(n.out, "%s\n", data)
}

func (n *narrator) opening(p *scenario.Pair) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.json {
		nodes := []map[string]string{}
		for _, node := range p.Nodes {
			nodes = append(nodes, map[string]string{"node": node.Name, "address": node.Address.Addr().String(), "title": node.Title})
		}
		n.event(time.Now(), "begin", map[string]any{"vip": p.VIP.String(), "client": clientAddress.Addr().String(), "nodes": nodes})
		return
	}
	fmt.Fprintf(n.out, `Two nodes and a client, in network namespaces of their own. Each node runs

    tandem -p PREFIX -c conf/nginx.conf -k keepalived.conf

with the files of examples/pair: plain nginx.conf and keepalived.conf, advert_int 1.

    node 1   %-16s priority 100   serves "%s"
    node 2   %-16s priority 50    serves "%s"
    VIP      %s
    client   opens a new connection to http://%s/ every 10 ms, and gives each 250 ms
`, p.Nodes[0].Address.Addr(), p.Nodes[0].Title, p.Nodes[1].Address.Addr(), p.Nodes[1].Title, p.VIP, p.VIP)
}

// vip is told when a node gets or loses the address.
func (n *narrator) vip(node *scenario.Node, held bool, at time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over {
		return
	}
	if n.json {
		n.event(at, "vip", map[string]any{"node": node.Name, "held": held})
		return
	}
	if held {
		n.line(at, plain, "%s holds the VIP", strings.Replace(node.Name, "node", "node ", 1))
	} else {
		n.line(at, plain, "%s gives up the VIP", strings.Replace(node.Name, "node", "node ", 1))
	}
}

// answer is told what became of each of the client's requests.
func (n *narrator) answer(r probe.Result) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over {
		return
	}
	if !r.OK() {
		if n.server == "" || n.silence || r.Ended.Sub(n.ended) < noticed {
			return
		}
		n.silence = true
		if n.json {
			n.event(r.Ended, "silence", map[string]any{"error": r.Err.Error()})
		} else {
			n.line(r.Ended, red, "the client gets no answer")
		}
		return
	}
	if r.Server != n.server || n.silence {
		if n.json {
			n.event(r.Ended, "served", map[string]any{"by": r.Server})
		} else {
			n.line(r.Ended, plain, "the client is served by %s", r.Server)
		}
	}
	n.server, n.ended, n.silence = r.Server, r.Ended, false
}

func (n *narrator) begin(st step) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.json {
		n.event(time.Now(), "step", map[string]any{"step": st.name, "title": st.title})
		return
	}
	fmt.Fprintln(n.out)
	n.line(time.Now(), bold, "%s", st.title)
}

func (n *narrator) end(st step, r result) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.table = append(n.table, row{st, r})
	now := time.Now()
	if n.json {
		fields := map[string]any{"step": st.name, "held": r.held(), "both_ms": r.Both.Milliseconds()}
		if st.outage != 0 {
			fields["outage_ms"], fields["outage_limit_ms"] = r.Outage.Milliseconds(), st.outage.Milliseconds()
			fields["requests"], fields["failed"] = r.Requests, r.Failed
		}
		if !r.held() {
			fields["reason"] = r.broken
		}
		if st.reference != "" {
			fields["nginx_and_keepalived"] = st.reference
		}
		n.event(now, "result", fields)
		return
	}
	if st.outage != 0 {
		colour, verdict := green, ""
		if !r.held() {
			colour, verdict = red, " NOT RIGHT: "+r.broken
		}
		n.line(now, colour, "longest time without an answer: %v; %d of %d requests failed.%s", round(r.Outage), r.Failed, r.Requests, verdict)
	}
	if round(r.Both) > 0 {
		n.line(now, plain, "both nodes held the VIP for %v", round(r.Both))
	}
	if st.reference != "" {
		n.line(now, faint, "nginx + keepalived: %s", st.reference)
	}
}

// theEnd is the end of the story: nothing that happens from now on is told.
func (n *narrator) theEnd() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.over = true
}

// closing sums up a story in which all held.
func (n *narrator) closing() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.json {
		n.event(time.Now(), "end", map[string]any{"held": true})
		return
	}
	fmt.Fprintf(n.out, "\n%-20s %12s %8s   %s\n", "", "no answer", "failed", "nginx + keepalived")
	for _, r := range n.table {
		if r.outage == 0 {
			continue
		}
		reference := r.reference
		if reference == "" {
			reference = "-"
		}
		fmt.Fprintf(n.out, "%-20s %12v %8d   %s\n", strings.ReplaceAll(r.name, "-", " "), round(r.Outage), r.Failed, reference)
	}
	fmt.Fprintf(n.out, "\n%s\n", n.paint(green, "Every step held. All of it is gone again."))
}

// failed tells why the story ended early, or did not hold.
func (n *narrator) failed(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.json {
		n.event(time.Now(), "end", map[string]any{"held": false, "reason": err.Error()})
		return
	}
	fmt.Fprintf(n.out, "\n%s\n  %v\n", n.paint(red, "Not every step held:"), err)
}

func (n *narrator) interrupted() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.json {
		n.event(time.Now(), "end", map[string]any{"held": false, "reason": "interrupted"})
		return
	}
	fmt.Fprintf(n.out, "\nInterrupted. All of it is gone again.\n")
}

// round drops what no clock here is good for.
func round(d time.Duration) time.Duration {
	if d >= 10*time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}
