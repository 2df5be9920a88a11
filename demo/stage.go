package demo

import (
	"net/netip"
	"os"

	"tandem/examples/pair"
	"tandem/internal/lab"
	"tandem/internal/scenario"
)

// clientAddress is where the client is, on the nodes' network.
var clientAddress = netip.MustParsePrefix("192.168.200.100/24")

// httpPort is the port that the example configuration listens on.
const httpPort = 80

// newStage makes the two nodes of the example, with this very program on
// them, and the client.
func newStage(l *lab.Lab, n *narrator) (*scenario.Pair, error) {
	// /run is the lab's own, and goes with it.
	dir, err := os.MkdirTemp("/run", "demo-")
	if err != nil {
		return nil, err
	}
	s := scenario.Settings{
		VIP: pair.VIP, Interface: pair.Interface, Client: clientAddress, Dir: dir,
		Held: n.vip, Answered: n.answer,
	}
	for i, example := range pair.Nodes {
		s.Nodes[i] = scenario.Config{
			Name: example.Dir, Title: example.Title, Address: example.Address, Write: example.Write,
			Program: scenario.Tandem("/proc/self/exe"),
		}
	}
	return scenario.NewPair(l, s)
}
