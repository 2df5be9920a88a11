package peerlink

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"sort"
	"strings"
	"unicode"
)

// Bounds of what is read.
const (
	maxOpening = 512      // bytes of a message before the other side is known
	maxMessage = 64 << 10 // bytes of any other
	maxWord    = 256      // bytes of a text in it
	maxParts   = 1024     // of a digest
)

// message is one line of the conversation: one of its parts. One without any is
// a sign of life.
type message struct {
	Opening  *opening  `json:"opening,omitempty"`
	Info     *Info     `json:"info,omitempty"`
	Handover *Handover `json:"handover,omitempty"`
	// Keep are items that the other side is to keep, and Kept is the number up to
	// which it does; between nodes with a key.
	Keep []item `json:"keep,omitempty"`
	Kept uint64 `json:"kept,omitempty"`
	// Bye: the connection ends because of a new configuration, and the process
	// lives on. What happens to connections afterwards proves nothing.
	Bye bool `json:"bye,omitempty"`
}

// Info is what a node tells of itself. Nobody's role follows from it.
type Info struct {
	Node    string `json:"node"`    // host name
	Version string `json:"version"` // of tandem
	// Health says what is wrong with the web side, "" when nothing is.
	Health string `json:"health,omitempty"`
	// Handover: the node knows the conversation about a handover.
	Handover bool `json:"handover,omitempty"`
	// Digest names the parts of the configuration that should be alike on all
	// nodes, with a checksum of each.
	Digest map[string]string `json:"digest,omitempty"`
	// Backups are the nodes that follow this one; sent by a master.
	Backups []netip.Addr `json:"backups,omitempty"`
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

// lines reads and writes messages.
type lines struct {
	r   *bufio.Reader
	w   io.Writer
	max int // bytes of a message that is read
}

func newLines(rw io.ReadWriter) *lines { return &lines{bufio.NewReaderSize(rw, 4096), rw, maxOpening} }

func (l *lines) send(m message) error {
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("peer link: %w", err)
	}
	_, err = l.w.Write(append(b, '\n'))
	return err
}

func (l *lines) receive() (message, error) {
	text, err := readLine(l.r, l.max)
	if err != nil {
		return message{}, err
	}
	return parseMessage(text)
}

var errTooLong = errors.New("a message is too long")

// readLine returns a line with its end.
func readLine(r *bufio.Reader, limit int) (text []byte, err error) {
	for {
		part, err := r.ReadSlice('\n')
		text = append(text, part...)
		if len(text) > limit {
			return nil, errTooLong
		}
		if err == nil {
			return text, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
}

func parseMessage(text []byte) (message, error) {
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		return message{}, errors.New("a message cannot be read")
	}
	if m.Info != nil {
		if len(m.Info.Digest) > maxParts {
			return message{}, errTooLong
		}
		m.Info.clean()
	}
	if h := m.Handover; h != nil {
		h.Text = clean(h.Text)
		if !h.Step.known() {
			m.Handover = nil // of a later version
		}
	}
	return m, nil
}

// clean makes everything printable and short: it comes into logs and terminals.
func (i *Info) clean() {
	i.Node, i.Version, i.Health = clean(i.Node), clean(i.Version), clean(i.Health)
	if i.Digest == nil {
		return
	}
	digest := make(map[string]string, len(i.Digest))
	for name, sum := range i.Digest {
		digest[clean(name)] = clean(sum)
	}
	i.Digest = digest
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unprintable(r) {
			return '?'
		}
		return r
	}, s)
	if len(s) > maxWord {
		s = strings.ToValidUTF8(s[:maxWord], "")
	}
	return s
}
