package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tandem/internal/lab"
)

// Config says what a node is.
type Config struct {
	// Name is the host's name.
	Name string

	// Title stands in the node's page, and in no other's.
	Title string

	// Address is the node's own address on the interface that joins the pair.
	Address netip.Prefix

	// Write writes the node's files below its prefix, an existing empty
	// folder: conf/nginx.conf, keepalived.conf, and what they name.
	Write func(prefix string) error

	// Program is what runs on the node.
	Program Program
}

// Node is a host of a pair, with a program on it.
type Node struct {
	Config
	Host    *lab.Host
	Port    *lab.Port
	Prefix  string // folder of its files
	Holding *lab.Holding

	processes []*lab.Process // of the program, while it runs
}

// Console is the file that gets what the node's processes print.
func (n *Node) Console() string { return filepath.Join(n.Prefix, "logs", "console.log") }

// Start starts the program.
func (n *Node) Start() error {
	out, err := os.OpenFile(n.Console(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("scenario: %w", err)
	}
	defer out.Close()
	n.processes = nil
	for _, cmd := range n.Program.Commands(n) {
		cmd.Stdout, cmd.Stderr = out, out
		p, err := n.Host.Start(cmd)
		if err != nil {
			return fmt.Errorf("scenario: %s: %w", n.Name, err)
		}
		n.processes = append(n.processes, p)
	}
	return nil
}

// Processes are the processes that Start started.
func (n *Node) Processes() []*lab.Process { return n.processes }

// Stop stops the program as its operator does, and waits for the end.
func (n *Node) Stop(ctx context.Context) error {
	for _, p := range n.processes {
		if err := p.Signal(n.Program.Stop); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("scenario: stop %s: %w", n.Name, err)
		}
	}
	if err := n.awaitEnd(ctx); err != nil {
		return err
	}
	for _, p := range n.processes {
		if code := p.ExitCode(); code != 0 {
			return fmt.Errorf("scenario: %s ended with exit code %d", n.Name, code)
		}
	}
	return nil
}

// Kill kills every process of the program, children included, with SIGKILL.
func (n *Node) Kill(ctx context.Context) error {
	for _, p := range n.processes {
		if err := lab.KillTree(p.Pid); err != nil {
			return fmt.Errorf("scenario: kill %s: %w", n.Name, err)
		}
	}
	if err := n.awaitEnd(ctx); err != nil {
		return err
	}
	for _, name := range n.Program.Stale {
		_ = os.Remove(filepath.Join(n.Prefix, name)) // it need not be there
	}
	return nil
}

func (n *Node) awaitEnd(ctx context.Context) error {
	for _, p := range n.processes {
		select {
		case <-p.Ended():
		case <-ctx.Done():
			return fmt.Errorf("scenario: %s does not end: %w\n%s", n.Name, ctx.Err(), n.LastWords())
		}
	}
	return nil
}

// LastWords is the end of what the node's processes printed and logged.
func (n *Node) LastWords() string {
	var words []string
	for _, name := range []string{n.Console(), filepath.Join(n.Prefix, "logs", "error.log")} {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // nothing was said there
		}
		lines := strings.Split(strings.TrimSpace(string(data)), "\n")
		words = append(words, lines[max(0, len(lines)-15):]...)
	}
	return n.Name + " said last:\n  " + strings.Join(words, "\n  ")
}

// AwaitLog waits until the node has printed or logged the text.
func (n *Node) AwaitLog(ctx context.Context, text string) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, name := range []string{n.Console(), filepath.Join(n.Prefix, "logs", "error.log")} {
			if data, err := os.ReadFile(name); err == nil && strings.Contains(string(data), text) {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("scenario: %s does not say %q: %w\n%s", n.Name, text, ctx.Err(), n.LastWords())
		}
	}
}
