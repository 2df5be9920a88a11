package acme

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/acme/acmetest"
)

// zone is the records that are there.
type zone struct {
	mu      sync.Mutex
	records []string
	refuses bool
}

func (z *zone) Add(_ context.Context, name, value string) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.refuses {
		return errors.New("the zone is closed")
	}
	z.records = append(z.records, name+" "+value)
	return nil
}

func (z *zone) Remove(_ context.Context, name, value string) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.records = slices.DeleteFunc(z.records, func(s string) bool { return s == name+" "+value })
	return nil
}

// A wildcard's certificate comes by DNS-01: the authority finds a record, which is gone
// afterwards. A zone that cannot be changed is a failure that is told.
func TestDNS01(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := acmetest.New()
		z := &zone{refuses: true}
		b := newBox(t, ca, "a.test *.a.test")
		b.records = z
		ca.Check = func(challenge, name, _, keyAuth string) error {
			z.mu.Lock()
			defer z.mu.Unlock()
			if challenge != "dns-01" || name != "a.test" || len(z.records) == 0 || !strings.HasPrefix(z.records[len(z.records)-1], "_acme-challenge.a.test ") || strings.Contains(z.records[0], keyAuth) {
				return fmt.Errorf("%s %s: %s", challenge, name, z.records)
			}
			return nil
		}
		b.start(nil)
		time.Sleep(time.Minute)
		if r := b.record(); b.leaf() != nil || !strings.Contains(r.Error, "a.test: the zone is closed") {
			t.Errorf("%v, %q", b.leaf(), r.Error)
		}
		z.mu.Lock()
		z.refuses = false
		z.mu.Unlock()
		time.Sleep(time.Hour)
		if leaf := b.leaf(); leaf == nil || strings.Join(leaf.DNSNames, " ") != "a.test *.a.test" || len(z.records) > 0 || ca.Orders() != 1 {
			t.Errorf("%v, %v, %d orders", leaf, z.records, ca.Orders())
		}
		b.stop()
	})
}
