package scenario

import (
	"os/exec"
	"path/filepath"
	"syscall"
)

// Program is what can run on a node.
type Program struct {
	Name string

	// Commands are the commands to start, in order.
	Commands func(*Node) []*exec.Cmd

	// Stop is the signal that an operator's stop sends to each of them.
	Stop syscall.Signal

	// Stale are files below the node's prefix that keep the program from
	// starting again after it was killed: the numbers in them may be those of
	// other processes by then.
	Stale []string
}

// Tandem is the program itself, given as the path of its binary.
func Tandem(binary string) Program {
	return Program{
		Name: "tandem",
		Commands: func(n *Node) []*exec.Cmd {
			cmd := exec.Command(binary, "-p", n.Prefix, "-c", "conf/nginx.conf", "-k", "keepalived.conf")
			cmd.Args[0] = "tandem"
			return []*exec.Cmd{cmd}
		},
		Stop: syscall.SIGQUIT,
	}
}

// Classic is nginx and keepalived, as the machine has them installed.
func Classic() Program {
	return Program{
		Name: "nginx + keepalived",
		Commands: func(n *Node) []*exec.Cmd {
			file := func(name string) string { return filepath.Join(n.Prefix, name) }
			return []*exec.Cmd{
				exec.Command("nginx", "-p", n.Prefix, "-c", "conf/nginx.conf", "-e", file("logs/error.log"),
					"-g", "daemon off; pid "+file("logs/nginx.pid")+";"),
				exec.Command("keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp", "-f", file("keepalived.conf"),
					"-p", file("logs/keepalived.pid"), "-r", file("logs/vrrp.pid")),
			}
		},
		Stop:  syscall.SIGTERM,
		Stale: []string{"logs/keepalived.pid", "logs/vrrp.pid", "logs/nginx.pid"},
	}
}
