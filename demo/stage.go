package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"tandem/examples/pair"
	"tandem/internal/lab"
	"tandem/internal/lab/probe"
)

// clientAddress is where the client is, on the nodes' network.
var clientAddress = netip.MustParsePrefix("192.168.200.100/24")

// httpPort is the port that the example configuration listens on.
const httpPort = 80

// stage is the two nodes, the client, and the watchers.
type stage struct {
	lab    *lab.Lab
	nodes  [2]*node
	client *lab.Host
	probe  *probe.Probe
}

// node is one of the two hosts with this very program on it.
type node struct {
	pair.Node
	host    *lab.Host
	prefix  string // folder of its files
	holding *lab.Holding
	process *lab.Process // nil while it does not run
}

// name is the node in the story.
func (n *node) name() string { return strings.Replace(n.Dir, "node", "node ", 1) }

// newStage makes hosts, files and the client; nothing runs on the nodes yet.
func newStage(n *narrator) (s *stage, err error) {
	l, err := lab.Open()
	if err != nil {
		return nil, err
	}
	s = &stage{lab: l}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	sw, err := l.Switch()
	if err != nil {
		return nil, err
	}
	for i, example := range pair.Nodes {
		one := &node{Node: example}
		s.nodes[i] = one
		if one.host, err = l.Host(example.Dir); err != nil {
			return nil, err
		}
		if _, err = sw.Connect(one.host, pair.Interface, example.Address); err != nil {
			return nil, err
		}
		// /run is the lab's own, and goes with it.
		if one.prefix, err = os.MkdirTemp("/run", example.Dir+"-"); err != nil {
			return nil, err
		}
		if err = example.Write(one.prefix); err != nil {
			return nil, err
		}
		one.holding, err = one.host.Holding(pair.VIP, func(held bool, at time.Time) { n.vip(one, held, at) })
		if err != nil {
			return nil, err
		}
	}
	if s.client, err = l.Host("client"); err != nil {
		return nil, err
	}
	if _, err = sw.Connect(s.client, "eth0", clientAddress); err != nil {
		return nil, err
	}
	s.probe = probe.Start(probe.Config{
		Dial:    s.client.DialContext,
		Address: netip.AddrPortFrom(pair.VIP, httpPort).String(),
		Server:  server,
		Changed: n.answer,
	})
	return s, nil
}

// server names the node whose page the body is.
func server(body string) string {
	for _, n := range pair.Nodes {
		if strings.Contains(body, n.Title) {
			return n.Title
		}
	}
	return "somebody else"
}

// close ends everything on the stage.
func (s *stage) close() error {
	if s.probe != nil {
		s.probe.Stop()
	}
	return s.lab.Close()
}

// command is this program with the node's files, as its operator types it.
func (n *node) command(args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", append([]string{"-p", n.prefix, "-c", "conf/nginx.conf", "-k", "keepalived.conf"}, args...)...)
	cmd.Args[0] = "tandem"
	return cmd
}

// console is the file that gets what the node's process prints.
func (n *node) console() string { return filepath.Join(n.prefix, "logs", "console.log") }

// start starts the program on the node.
func (n *node) start() error {
	out, err := os.OpenFile(n.console(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := n.command()
	cmd.Stdout, cmd.Stderr = out, out
	n.process, err = n.host.Start(cmd)
	return err
}

// stop stops the program as an operator does, and waits for its end.
func (n *node) stop(ctx context.Context) error {
	if _, err := n.host.OutputOf(n.command("-s", "quit")); err != nil {
		return err
	}
	if err := n.ended(ctx); err != nil {
		return err
	}
	if code := n.process.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with exit code %d: %s", n.name(), code, n.lastWords())
	}
	return nil
}

// kill kills the program with SIGKILL and waits for its end.
func (n *node) kill(ctx context.Context) error {
	if err := n.process.Kill(); err != nil {
		return err
	}
	return n.ended(ctx)
}

func (n *node) ended(ctx context.Context) error {
	select {
	case <-n.process.Ended():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s does not end: %w", n.name(), ctx.Err())
	}
}

// lastWords is the end of what the node's process printed and logged.
func (n *node) lastWords() string {
	var words []string
	for _, name := range []string{n.console(), filepath.Join(n.prefix, "logs", "error.log")} {
		data, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(data)), "\n")
		words = append(words, lines[max(0, len(lines)-10):]...)
	}
	return strings.Join(words, "\n  ")
}

// page is what the node serves under its own address.
func (s *stage) page(ctx context.Context, n *node) (string, error) {
	client := http.Client{
		Transport: &http.Transport{DialContext: s.client.DialContext, DisableKeepAlives: true},
		Timeout:   2 * time.Second,
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.Address.Addr().String()+"/", nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return server(string(body)), err
}
