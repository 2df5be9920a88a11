package acme_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/web/webtest"
)

// A wildcard's certificate is got with a program that puts the records.
func TestDNSHook(t *testing.T) {
	ca := authority(t)
	out := filepath.Join(t.TempDir(), "out")
	hook := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\necho \"$@\" >> "+out+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ca.Check = func(challenge, name, _, _ string) error {
		said, err := os.ReadFile(out)
		if challenge != "dns-01" || !strings.HasPrefix(string(said), "add _acme-challenge."+name+" ") {
			return fmt.Errorf("%s %s: %q, %w", challenge, name, said, err)
		}
		return nil
	}
	text := strings.Replace(fmt.Sprintf(conf, ca.Site, "dns-01; dns_hook "+hook), "server_name .a.test", "server_name *.a.test", 1)
	s := webtest.Start(t, text, modules, nil)
	if got := served(t, s, ca, "x.a.test"); !strings.Contains(got, "served") {
		t.Error(got)
	}
}

func TestDNSErrors(t *testing.T) {
	const ways = "\"dns_update\", \"dns_acme_dns\", \"dns_hook\""
	for entries, want := range map[string]string{
		"challenge dns-01;": "the challenge dns-01 needs one of " + ways,
		"dns_hook a;":       ways + " are for the challenge dns-01",
		"challenge dns; dns_hook a; dns_update 192.0.2.53;":                          "only one is possible of " + ways,
		"challenge dns; dns_update 192.0.2.53 key=a:b;":                              "invalid parameter \"key=a:b\"",
		"challenge dns; dns_update 192.0.2.53 key=a:b:c;":                            "unknown algorithm \"b\" of a key",
		"challenge dns; dns_update 192.0.2.53 ttl=1;":                                "invalid parameter \"ttl=1\"",
		"challenge dns; dns_update 192.0.2.53 key_file=no;":                          "no such file",
		"challenge dns; dns_acme_dns http://a.test no;":                              "no such file",
		"challenge dns; dns_acme_dns a.test no;":                                     "invalid value \"a.test\"",
		"challenge dns; dns_hook a; dns_wait long;":                                  "invalid value \"long\"",
		"challenge dns; dns_hook a b c; dns_wait 10s;":                               "",
		"challenge dns; dns_update ns.a.test:54 zone=a.test key=a:hmac-sha256:eA==;": "",
	} {
		text := "http { resolver 127.0.0.1; acme_issuer ca { uri https://ca.test/dir; " + entries + " } }"
		_, _, errs := webtest.Load(t.TempDir(), text, modules)
		if (len(errs) == 0) != (want == "") || len(errs) > 0 && !strings.Contains(errs.Error(), want) {
			t.Errorf("%s: %v, want %q", entries, errs, want)
		}
	}
}
