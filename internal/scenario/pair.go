// Package scenario runs pairs of nodes, each with tandem or with nginx and
// keepalived, in a lab, under the eyes of a client.
package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tandem/internal/lab"
	"tandem/internal/lab/probe"
)

// Settings say what a pair shares.
type Settings struct {
	VIP       netip.Addr
	Interface string        // name of the interface that joins the nodes
	Client    netip.Prefix  // the client's address there
	Every     time.Duration // between two of its requests; 0: 10 ms
	Nodes     [2]Config     // the first is to be the master
	Dir       string        // an existing folder for the nodes' files

	// Held, if set, is told when a node gets or loses the VIP, and Answered
	// each of the client's requests; both must not wait.
	Held     func(n *Node, held bool, at time.Time)
	Answered func(probe.Result)
}

// Pair is two nodes and a client on a switch. The client asks for the page
// under the VIP from the beginning.
type Pair struct {
	Settings
	Lab    *lab.Lab
	Switch *lab.Switch
	Nodes  [2]*Node
	Client *lab.Host
	Probe  *probe.Probe
}

// NewPair makes hosts, files and the client; no program runs yet.
func NewPair(l *lab.Lab, s Settings) (p *Pair, err error) {
	p = &Pair{Settings: s, Lab: l}
	if p.Switch, err = l.Switch(); err != nil {
		return nil, err
	}
	for i, c := range s.Nodes {
		if p.Nodes[i], err = p.newNode(c); err != nil {
			return nil, err
		}
	}
	if p.Client, err = l.Host("client"); err != nil {
		return nil, err
	}
	if _, err = p.Switch.Connect(p.Client, "eth0", s.Client); err != nil {
		return nil, err
	}
	p.Probe = probe.Start(probe.Config{
		Dial:    p.Client.DialContext,
		Address: netip.AddrPortFrom(s.VIP, 80).String(), Interval: s.Every,
		Server:  p.server,
		Changed: s.Answered,
	})
	return p, nil
}

func (p *Pair) newNode(c Config) (n *Node, err error) {
	n = &Node{Config: c, Prefix: filepath.Join(p.Dir, c.Name)}
	if n.Host, err = p.Lab.Host(c.Name); err != nil {
		return nil, err
	}
	if n.Port, err = p.Switch.Connect(n.Host, p.Interface, c.Address); err != nil {
		return nil, err
	}
	if err = os.MkdirAll(filepath.Join(n.Prefix, "logs"), 0o755); err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	if err = c.Write(n.Prefix); err != nil {
		return nil, err
	}
	n.Holding, err = n.Host.Holding(p.VIP, func(held bool, at time.Time) {
		if p.Held != nil {
			p.Held(n, held, at)
		}
	})
	return n, err
}

// Close ends the client's asking. The rest ends with the lab.
func (p *Pair) Close() { p.Probe.Stop() }

// server names the node whose page the body is.
func (p *Pair) server(body string) string {
	for _, c := range p.Settings.Nodes {
		if strings.Contains(body, c.Title) {
			return c.Title
		}
	}
	return "somebody else"
}

// settled is how long the client goes on asking after a change, so that what
// happens late is seen as well.
const settled = 700 * time.Millisecond

// Await waits until the master, and no other node, holds the VIP and serves
// the client, and then a little longer. The error tells what the nodes said.
func (p *Pair) Await(ctx context.Context, master *Node) error {
	err := p.await(ctx, master)
	if err != nil {
		return fmt.Errorf("%w\n%s\n%s", err, p.Nodes[0].LastWords(), p.Nodes[1].LastWords())
	}
	return nil
}

func (p *Pair) await(ctx context.Context, master *Node) error {
	for _, n := range p.Nodes {
		if err := n.Holding.Wait(ctx, n == master); err != nil {
			return fmt.Errorf("scenario: %s: %w", n.Name, err)
		}
	}
	first, err := p.Probe.Wait(ctx, time.Now(), func(r probe.Result) bool { return r.OK() && r.Server == master.Title })
	if err != nil {
		return fmt.Errorf("scenario: the client is not served by %s: %w", master.Title, err)
	}
	_, err = p.Probe.Wait(ctx, first.Ended.Add(settled), probe.Result.OK)
	return err
}

// Seen is what came of a change.
type Seen struct {
	probe.Summary

	// Both is the longest time during which both nodes held the VIP.
	Both time.Duration
	// Stalled is for how long the machine kept everybody waiting meanwhile: it
	// was busy with other things.
	Stalled time.Duration
}

// Observe makes a change, waits until the master that it leads to is in place,
// and returns what was seen.
func (p *Pair) Observe(ctx context.Context, change func(context.Context) error, master *Node) (Seen, error) {
	begun := time.Now()
	stalls := lab.WatchStalls()
	defer stalls.Close()
	if err := change(ctx); err != nil {
		return Seen{}, err
	}
	if err := p.Await(ctx, master); err != nil {
		return Seen{}, err
	}
	_, stalled := stalls.Since(begun)
	return Seen{
		Summary: p.Probe.Summary(begun, time.Time{}),
		Both:    lab.Together(p.Nodes[0].Holding.Spans(), p.Nodes[1].Holding.Spans(), begun),
		Stalled: stalled,
	}, nil
}

// Get asks for a page from the client's host.
func (p *Pair) Get(ctx context.Context, url string) (body string, err error) {
	client := http.Client{
		Transport: &http.Transport{DialContext: p.Client.DialContext, DisableKeepAlives: true},
		Timeout:   5 * time.Second,
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	data, err := io.ReadAll(response.Body)
	return string(data), err
}

// OwnPage checks that the node shows its own page under its own address.
func (p *Pair) OwnPage(ctx context.Context, n *Node) error {
	url := "http://" + n.Address.Addr().String() + "/"
	body, err := p.Get(ctx, url)
	if err != nil {
		return fmt.Errorf("scenario: %w", err)
	}
	if got := p.server(body); got != n.Title {
		return fmt.Errorf("scenario: %s shows the page of %s, not of %s", url, got, n.Title)
	}
	return nil
}
