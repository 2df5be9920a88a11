package keepalivedconf

import "os"

// Name returns what the node calls itself in mails and traps: router_id, else
// the host's name.
func (g *Global) Name() string {
	if g.RouterID != "" {
		return g.RouterID
	}
	return HostName()
}

// HostName returns the name of this host, "localhost" if it has none.
func HostName() string {
	if name, err := os.Hostname(); err == nil {
		return name
	}
	return "localhost"
}
