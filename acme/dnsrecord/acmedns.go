package dnsrecord

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"tandem/internal/privilege"
)

// Delegated puts records through an acme-dns server, to which the names below
// _acme-challenge are delegated by CNAME records.
type Delegated struct {
	URL    string // of the server
	File   string // of its accounts, by domain
	Client *http.Client
	Settle time.Duration // how long the server may take to answer with what it was told
}

// account is one of an acme-dns server, as its clients keep it in files.
type account struct {
	Username  string `json:"username"`
	Password  string `json:"password"`
	Subdomain string `json:"subdomain"`
}

// Check reads the file of accounts.
func (d *Delegated) Check() error {
	_, err := d.accounts()
	return err
}

func (d *Delegated) accounts() (map[string]account, error) {
	var text []byte
	var err error
	privilege.Raise(func() { text, err = os.ReadFile(d.File) })
	if err != nil {
		return nil, err
	}
	var list map[string]account
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("\"%s\": %w", d.File, err)
	}
	return list, nil
}

// maxReply is how much of an answer is looked at.
const maxReply = 512

// Add implements acme.Records.
func (d *Delegated) Add(ctx context.Context, name, value string) error {
	list, err := d.accounts()
	if err != nil {
		return err
	}
	domain := strings.TrimPrefix(name, "_acme-challenge.")
	a, ok := list[domain]
	if !ok {
		return fmt.Errorf("\"%s\" has no account for %s", d.File, domain)
	}
	body, err := json.Marshal(map[string]string{"subdomain": a.Subdomain, "txt": value})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(d.URL, "/")+"/update", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Api-User", a.Username)
	req.Header.Set("X-Api-Key", a.Password)
	reply, err := d.Client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = reply.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(reply.Body, maxReply))
	if reply.StatusCode != http.StatusOK {
		return errors.Join(fmt.Errorf("acme-dns: %s: %s", reply.Status, strings.ToValidUTF8(string(text), "?")), err)
	}
	return settle(ctx, d.Settle)
}

// Remove implements acme.Records: the server keeps the last two values of a name, and
// removes none.
func (d *Delegated) Remove(context.Context, string, string) error { return nil }
