package ssl

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tandem/internal/errorlog"
	"tandem/internal/pki"
	"tandem/internal/privilege"
	nc "tandem/nginxconf"
	"tandem/session"
)

// live is a certificate of two files as it is in force. What is put in the files'
// place is taken up without a reload, by all servers that name them.
type live struct {
	pos       nc.Pos    // where it is named first
	files     [2]string // certificate, key
	passwords [][]byte
	now       atomic.Pointer[tls.Certificate] // with Leaf

	// The watcher's:
	seen   [2]pki.Stamp // of what has been read, or refused
	warned time.Time    // when it was last said that it ends soon
}

// store is the certificates of a configuration.
type store struct {
	certificates []*live
	staplers     []*stapler
}

var stores = session.NewRealmSlot[store]()

// open returns the certificate of two files, the same one for all who ask.
func (s *store) open(files *pki.Files, pos nc.Pos, cert, key string, passwords [][]byte) (*live, error) {
	for _, l := range s.certificates {
		if l.files == [2]string{cert, key} {
			return l, nil
		}
	}
	l := &live{pos: pos, files: [2]string{cert, key}, passwords: passwords, seen: [2]pki.Stamp{files.Stamp(cert), files.Stamp(key)}}
	pair, err := files.Pair(cert, key, passwords)
	if err != nil {
		return nil, err
	}
	l.now.Store(&pair)
	s.certificates = append(s.certificates, l)
	return l, nil
}

// How often it is looked whether files have changed, and for how long they must not
// have to be read: a file that is copied is not there as a whole at once.
const (
	lookEvery = 4 * time.Second
	settled   = 2 // seconds
)

// watch looks after the certificates until the configuration is not in force any
// more.
func (s *store) watch(ctx context.Context, log *errorlog.Log) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var asking sync.WaitGroup
	defer asking.Wait()
	free := make(chan struct{}, askAtOnce)
	for now := time.Now(); ; {
		for _, l := range s.certificates {
			l.look(now, log)
		}
		for _, st := range s.staplers {
			if st.isDue(now) {
				asking.Go(func() { st.renew(ctx, free, log) })
			}
		}
		select {
		case <-ctx.Done():
			return
		case now = <-tick.C:
		}
	}
}

// look takes up what is new in the files, if it is any good, and says when the
// certificate ends soon.
func (l *live) look(now time.Time, log *errorlog.Log) {
	if pki.IsFile(l.files[0]) && pki.IsFile(l.files[1]) {
		privilege.Raise(func() { l.takeUp(now, log) })
	}
	leaf := l.now.Load().Leaf
	if left := leaf.NotAfter.Sub(now); left < endsSoon && now.Sub(l.warned) >= warnEvery {
		l.warned = now
		log.Printf(errorlog.Warn, "certificate \"%s\" ends %s", l.files[0], leaf.NotAfter.UTC().Format(time.RFC1123))
	}
}

// endsSoon is how long before its end a certificate is worth a line, and warnEvery
// how often.
const (
	endsSoon  = 21 * 24 * time.Hour
	warnEvery = 24 * time.Hour
)

var errOlder = errors.New("it is older than the one in force")

func (l *live) takeUp(now time.Time, log *errorlog.Log) {
	found := [2]pki.Stamp{pki.StampOf(l.files[0]), pki.StampOf(l.files[1])}
	if found == l.seen {
		return
	}
	for _, s := range found {
		if !s.Regular() || s.Age(now.Unix()) < settled {
			return // a file is on its way, or is one that can be read once only
		}
	}
	l.seen = found
	pair, err := pki.LoadPair(l.files[0], l.files[1], l.passwords)
	if err == nil && pair.Leaf.NotBefore.Before(l.now.Load().Leaf.NotBefore) {
		err = errOlder
	}
	if err != nil {
		log.Printf(errorlog.Error, "certificate \"%s\" has changed and is not taken up, the old one stays: %v", l.files[0], err)
		return
	}
	l.now.Store(&pair)
	log.Printf(errorlog.Notice, "certificate \"%s\" has changed and is taken up: %s, until %s", l.files[0], strings.Join(pki.Names(pair.Leaf), " "), pair.Leaf.NotAfter.UTC().Format(time.RFC1123))
}
