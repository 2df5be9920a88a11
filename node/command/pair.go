package command

import (
	"crypto/rand"
	"fmt"
	"io"

	"tandem/keepalivedconf"
)

const pairUsage = `Usage: tandem pair

Prints a new secret for the connection between the nodes of a pair, as a line
for global_defs in the keepalived.conf of both nodes. keepalived does not read
lines that begin with @tandem. Everybody who can read the line can take part:
let nobody but root read the files (chmod 600), and copy the line over ssh.
`

// pair is the pair command: it makes a key for the peer link.
func pair(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		switch args[0] {
		case "--help", "-h", "-?":
			fmt.Fprint(stdout, pairUsage)
			return 0
		}
		fmt.Fprintf(stderr, "tandem: pair takes no %q\n", args[0])
		return 1
	}
	var key keepalivedconf.PeerKey
	_, _ = rand.Read(key[:]) // it never fails, see crypto/rand
	fmt.Fprintf(stdout, "    @tandem peer_key %v\n", &key)
	return 0
}
