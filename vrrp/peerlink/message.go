package peerlink

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"sort"
)

// protocol is the version of the conversation.
const protocol = 1

// maxMessage is the longest line of a conversation in bytes.
const maxMessage = 64 << 10

// message is one line of the conversation: one of its parts.
type message struct {
	Hello *hello `json:"hello,omitempty"`
	Proof string `json:"proof,omitempty"`
	Info  *Info  `json:"info,omitempty"`

	Handover *Handover `json:"handover,omitempty"`
}

// hello opens the conversation, on both sides.
type hello struct {
	Protocol int    `json:"protocol"`
	VRID     uint8  `json:"vrid"`
	IPv6     bool   `json:"ipv6,omitempty"`
	Process  string `json:"process"` // random, new for each process
	Nonce    string `json:"nonce"`
	Proof    string `json:"proof,omitempty"` // the server's, which knows both nonces already
}

// Info is what a node tells of itself.
type Info struct {
	Node     string `json:"node"`    // host name
	Version  string `json:"version"` // of tandem
	Priority uint8  `json:"priority"`
	// Health says what is wrong with the web side, "" when nothing is.
	Health string `json:"health,omitempty"`
	// Handover: the node knows the conversation about a handover.
	Handover bool `json:"handover,omitempty"`
	// Digest names the parts of the configuration that should be alike on all
	// nodes, with a checksum of each.
	Digest map[string]string `json:"digest,omitempty"`
	// Backups are the nodes that follow this one, as it sees them; sent by a
	// master.
	Backups []Backup `json:"backups,omitempty"`
}

// Backup is a node that follows a master.
type Backup struct {
	Addr     netip.Addr `json:"addr"`
	Priority uint8      `json:"priority"`
}

// Differences returns the names of the parts in which two digests differ,
// sorted.
func Differences(a, b map[string]string) []string {
	var names []string
	for name, sum := range a {
		if b[name] != sum {
			names = append(names, name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return slices.Compact(names)
}

// prove returns the proof that a side knows the key of the instance.
func prove(key []byte, side, clientNonce, serverNonce string, vrid uint8) string {
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "tandem peer link %d %s %s %s %d", protocol, side, clientNonce, serverNonce, vrid)
	return hex.EncodeToString(mac.Sum(nil))
}

var errProof = errors.New("the other side does not know the password")

func checkProof(want, got string) error {
	if !hmac.Equal([]byte(want), []byte(got)) {
		return errProof
	}
	return nil
}

// lines reads and writes messages.
type lines struct {
	r *bufio.Reader
	w io.Writer
}

func newLines(rw io.ReadWriter) *lines { return &lines{bufio.NewReaderSize(rw, 4096), rw} }

func (l *lines) send(m message) error {
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("peer link: %w", err)
	}
	_, err = l.w.Write(append(b, '\n'))
	return err
}

func (l *lines) receive() (message, error) {
	var text []byte
	for {
		part, err := l.r.ReadSlice('\n')
		text = append(text, part...)
		if len(text) > maxMessage {
			return message{}, errors.New("a message is too long")
		}
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return message{}, err
		}
	}
	return parseMessage(text)
}

func parseMessage(text []byte) (message, error) {
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		return message{}, fmt.Errorf("a message cannot be read: %w", err)
	}
	return m, nil
}
