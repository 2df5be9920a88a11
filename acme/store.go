package acme

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// What outlives the process, in an issuer's folder:
//
//	account.key account.json
//	ID/fullchain.pem ID/privkey.pem ID/state.json
//	ID.crt ID.key, which lead to the first two
//
// The names in ID are those that certbot has, the last two are those of nginx's
// ACME module, whose folder is taken over.
const (
	accountKeyFile = "account.key"
	accountFile    = "account.json"
	chainFile      = "fullchain.pem"
	keyFile        = "privkey.pem"
	stateFile      = "state.json"
)

// store is a folder of records; "" keeps nothing.
type store string

// writeFile puts a file in place of another: who reads it has either, whole.
func writeFile(name string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-") // with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// save keeps a record. The state is last, and still has the order that the
// certificate is from: whatever happens between two files, the certificate can be
// fetched again.
func (s store) save(id string, r *Record) error {
	if s == "" {
		return nil
	}
	folder := filepath.Join(string(s), id)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	state := *r
	state.Chain, state.Key = "", ""
	b, err := json.MarshalIndent(state, "", "\t")
	if err != nil {
		return err
	}
	if r.Chain != "" {
		for name, content := range map[string]string{keyFile: r.Key, chainFile: r.Chain} {
			if old, err := os.ReadFile(filepath.Join(folder, name)); err == nil && string(old) == content {
				continue
			}
			if err := writeFile(filepath.Join(folder, name), []byte(content)); err != nil {
				return err
			}
		}
		s.link(id+".crt", filepath.Join(id, chainFile))
		s.link(id+".key", filepath.Join(id, keyFile))
	}
	return writeFile(filepath.Join(folder, stateFile), b)
}

// link makes a symbolic link where nothing is. That it cannot be made hinders
// nobody.
func (s store) link(name, to string) { _ = os.Symlink(to, filepath.Join(string(s), name)) }

// load returns what is kept of a certificate, an empty record if that is nothing.
// A certificate whose key does not fit is none.
func (s store) load(c *Certificate) (r Record) {
	if s == "" {
		return r
	}
	folder := filepath.Join(string(s), c.ID())
	if b, err := os.ReadFile(filepath.Join(folder, stateFile)); err == nil {
		_ = json.Unmarshal(b, &r)
	}
	if !r.read(filepath.Join(folder, chainFile), filepath.Join(folder, keyFile), c) {
		s.adopt(c, &r)
	}
	return r
}

// read takes a certificate and its key from files; false if they are not there, or
// do not fit each other or the names.
func (r *Record) read(chain, key string, c *Certificate) bool {
	chainText, err := os.ReadFile(chain)
	keyText, keyErr := os.ReadFile(key)
	found := Record{Chain: string(chainText), Key: string(keyText)}
	if err != nil || keyErr != nil || found.check() != nil || !c.covers(found.leaf()) {
		return false
	}
	r.Chain, r.Key = found.Chain, found.Key
	if r.Renew.IsZero() {
		r.Renew, r.AskAgain = renewal(found.leaf(), 0), time.Now()
	}
	if !r.AskAgain.IsZero() {
		r.AskAgain = time.Now() // it may have been revoked meanwhile
	}
	return true
}

// adopt takes over a certificate that nginx's ACME module has left.
func (s store) adopt(c *Certificate, r *Record) {
	chains, _ := filepath.Glob(filepath.Join(string(s), strings.NewReplacer("*", "\\*", "[", "\\[", "?", "\\?").Replace(c.Title())+"-*.crt"))
	for _, chain := range chains {
		if r.read(chain, strings.TrimSuffix(chain, ".crt")+".key", c) {
			return
		}
	}
}

// account is what orders are placed with. It goes to the other node as well.
type account struct {
	Key string `json:"key,omitempty"` // PEM; "": the configured one
	URL string `json:"url,omitempty"` // "": not registered yet
	// Directory is the authority's that the URL is of.
	Directory string `json:"directory,omitempty"`
}

func (s store) loadAccount() (a account, err error) {
	if s == "" {
		return a, nil
	}
	if b, err := os.ReadFile(filepath.Join(string(s), accountFile)); err == nil {
		_ = json.Unmarshal(b, &a)
	}
	key, err := os.ReadFile(filepath.Join(string(s), accountKeyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return account{}, nil
	}
	a.Key = string(key)
	return a, err
}

func (s store) saveAccount(a account) error {
	if s == "" {
		return nil
	}
	if err := os.MkdirAll(string(s), 0o700); err != nil {
		return err
	}
	b, err := json.Marshal(account{URL: a.URL, Directory: a.Directory})
	if err != nil {
		return err
	}
	if a.Key != "" {
		if err := writeFile(filepath.Join(string(s), accountKeyFile), []byte(a.Key)); err != nil {
			return err
		}
	}
	return writeFile(filepath.Join(string(s), accountFile), b)
}
