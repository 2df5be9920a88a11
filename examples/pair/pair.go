// Package pair holds the example configuration of two nodes that share one
// virtual address: what nginx and keepalived read, and tandem as well.
package pair

import (
	"embed"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
)

//go:embed node1 node2
var files embed.FS

// Interface is the name of the interface that both nodes are joined by.
const Interface = "ens33"

// VIP is the address that the two nodes share.
var VIP = netip.MustParseAddr("192.168.200.254")

// Node is one of the two.
type Node struct {
	Dir     string       // name of its folder
	Title   string       // what its page calls it
	Address netip.Prefix // its own address on Interface
}

// Nodes are the two nodes; the first has the higher priority.
var Nodes = [2]Node{
	{Dir: "node1", Title: "host 01", Address: netip.MustParsePrefix("192.168.200.7/24")},
	{Dir: "node2", Title: "host 02", Address: netip.MustParsePrefix("192.168.200.10/24")},
}

// Write writes the node's files below dir, which becomes its prefix (-p):
// conf/nginx.conf, keepalived.conf, html/, and an empty logs/. Everybody may
// read them.
func (n Node) Write(dir string) error {
	tree, err := fs.Sub(files, n.Dir)
	if err == nil {
		err = os.CopyFS(dir, tree)
	}
	if err == nil {
		err = os.MkdirAll(filepath.Join(dir, "logs"), 0o755)
	}
	if err != nil {
		return fmt.Errorf("example files of %s: %w", n.Dir, err)
	}
	return nil
}
