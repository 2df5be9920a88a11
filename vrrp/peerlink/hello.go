package peerlink

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// version is that of the conversation. It stands in its first line, which every
// version must be able to read.
const version = 2

// maxHello is the longest first line in bytes.
const maxHello = 256

// linkID is what nodes know an instance by.
type linkID struct {
	vrid uint8
	ipv6 bool
}

// hello is the first line of a conversation, said by the side that dials:
// "tandem-link 2 51 inet tls". The other side answers "tandem-link 2 ok", or why
// not. Neither says anything that a stranger might want to know.
type hello struct {
	version int
	id      linkID
	secure  bool
}

func (h hello) String() string {
	family, how := "inet", "plain"
	if h.id.ipv6 {
		family = "inet6"
	}
	if h.secure {
		how = "tls"
	}
	return fmt.Sprintf("tandem-link %d %d %s %s\n", h.version, h.id.vrid, family, how)
}

var errNotHello = errors.New("what answers is not a peer link")

// parseHello reads a first line. Of another version only the number is read.
func parseHello(line string) (h hello, err error) {
	if n, err := fmt.Sscanf(line, "tandem-link %d ", &h.version); n != 1 || err != nil {
		return hello{}, errNotHello
	}
	if h.version != version {
		return h, nil
	}
	var family, how string
	if _, err := fmt.Sscanf(line, "tandem-link %d %d %s %s\n", &h.version, &h.id.vrid, &family, &how); err != nil {
		return hello{}, errNotHello
	}
	h.id.ipv6, h.secure = family == "inet6", how == "tls"
	if h.String() != line {
		return hello{}, errNotHello
	}
	return h, nil
}

// verdict is the answer to a hello.
type verdict string

// The verdicts.
const (
	accepted     verdict = "ok"
	otherVersion verdict = "version"
	noInstance   verdict = "instance"
	keyMissing   verdict = "key"   // there is a key here, and the hello was without
	keyUnknown   verdict = "nokey" // the other way around
)

func (v verdict) String() string { return fmt.Sprintf("tandem-link %d %s\n", version, string(v)) }

// errVerdicts says what the verdicts mean to the side that has dialled.
var errVerdicts = map[verdict]error{
	otherVersion: errors.New("it speaks another version of the peer link"),
	noInstance:   errors.New("it has no such instance"),
	keyMissing:   errors.New("it has a peer_key, and this node has none"),
	keyUnknown:   errors.New("it has no peer_key, and this node has one"),
}

func parseVerdict(line string) error {
	var v int
	var word string
	if n, err := fmt.Sscanf(line, "tandem-link %d %s\n", &v, &word); n != 2 || err != nil {
		return errNotHello
	}
	if verdict(word) == accepted && v == version {
		return nil
	}
	if err := errVerdicts[verdict(word)]; err != nil {
		return err
	}
	return errVerdicts[otherVersion]
}

// helloOfVersion1 is what the first version answers to, and says.
const (
	beginOfVersion1 = `{"hello"`
	answerVersion1  = `{"hello":{"protocol":2}}` + "\n"
)

// opening is the first message on each side, behind a hello that was accepted
// and inside of TLS if there is a key: what was said before TLS, and between
// which addresses, is said again where nobody can change it.
type opening struct {
	Process string     `json:"process"` // random, new for each process
	VRID    uint8      `json:"vrid"`
	IPv6    bool       `json:"ipv6,omitempty"`
	From    netip.Addr `json:"from"` // of who says it
	To      netip.Addr `json:"to"`
}

var (
	errRelayed = errors.New("the other side has another address or another instance: somebody is in between")
	errSelf    = errors.New("it is this process itself")
)

// check compares what the other side has said with what it must be.
func (o *opening) check(own opening) error {
	switch {
	case o == nil || o.Process == "" || len(o.Process) > 64 || strings.ContainsFunc(o.Process, notHex):
		return errNotHello
	case o.VRID != own.VRID || o.IPv6 != own.IPv6 || o.From != own.To || o.To != own.From:
		return errRelayed
	case o.Process == own.Process:
		return errSelf
	}
	return nil
}

func notHex(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) }
