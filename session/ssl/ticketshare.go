package ssl

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
)

// The nodes of a pair tell each other the secrets of their tickets, so that clients
// resume their sessions on whichever node they come to.

const ticketItem = "tls/ticket/"

// OwnsTicket reports whether an item that nodes share is a secret of tickets.
func OwnsTicket(name string) bool { return strings.HasPrefix(name, ticketItem) }

// ShareTickets has the secrets of this process shared: keep gives one to the other
// nodes, or takes it from them (nil), and does not wait.
func ShareTickets(keep func(name string, secret []byte)) { ring.shareWith(keep) }

// HeardTicket takes up the secret of another node; nil: it is over.
func HeardTicket(name string, secret []byte) { ring.heard(name, secret, time.Now()) }

func (r *ticketRing) shareWith(keep func(name string, secret []byte)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.share = keep
	for _, s := range r.secrets {
		r.tell(s, true)
	}
}

// tell shares a secret, or ends that. Called with r.mu held.
func (r *ticketRing) tell(s ticketSecret, valid bool) {
	if r.share == nil {
		return
	}
	var text []byte
	if valid {
		text = binary.BigEndian.AppendUint64(s.bytes[:], uint64(s.made.Unix()))
	}
	sum := sha256.Sum256(s.bytes[:])
	r.share(ticketItem+hex.EncodeToString(sum[:8]), text)
}

func (r *ticketRing) heard(name string, text []byte, now time.Time) {
	var s ticketSecret
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.changes.Add(1)
	for name, old := range r.others {
		if now.Sub(old.made) >= 2*secretLife {
			delete(r.others, name)
		}
	}
	if len(text) != len(s.bytes)+8 {
		delete(r.others, name)
		return
	}
	copy(s.bytes[:], text)
	s.made = time.Unix(int64(binary.BigEndian.Uint64(text[len(s.bytes):])), 0)
	if r.others == nil {
		r.others = make(map[string]ticketSecret)
	}
	if len(r.others) < maxOthers {
		r.others[name] = s
	}
}

// maxOthers is how many secrets of other nodes are known: two of each.
const maxOthers = 16

// ofOthers returns the secrets of other nodes that may still open a ticket.
func (r *ticketRing) ofOthers(now time.Time) (list []ticketSecret) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.others {
		if now.Sub(s.made) < 2*secretLife {
			list = append(list, s)
		}
	}
	return list
}
