package probe

import "regexp"

// clientEnd is the client's own end in a network error, which is another each
// time.
var clientEnd = regexp.MustCompile(`(\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]+\]):\d+->`)

// withoutPorts makes the same errors of different connections equal.
func withoutPorts(text string) string { return clientEnd.ReplaceAllString(text, "") }
