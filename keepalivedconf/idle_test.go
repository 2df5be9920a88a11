package keepalivedconf

import (
	"strings"
	"testing"

	"tandem/keepalivedconf/text"
)

// Every keyword that does nothing says so: those that are told are keywords, and none is passed over without one.
func TestIdle(t *testing.T) {
	known := map[string]bool{}
	collect := func(name string, used bool) {
		known[name] = true
		// These take effect while the lines are read.
		if _, told := idle[name]; !used && !told && name != "include_check" {
			t.Errorf("%s does nothing, and nobody is told", name)
		}
	}
	for _, r := range rootRows.list {
		collect(r.name, r.set != nil)
	}
	for _, r := range globalRows.list {
		collect(r.name, r.set != nil)
	}
	for _, r := range instanceRows.list {
		collect(r.name, r.set != nil)
	}
	for name := range idle {
		if !known[name] {
			t.Errorf("%s is no keyword", name)
		}
	}
	_, reports := Read("a.conf", Options{Host: testHost, Text: text.Options{ReadFile: func(string) ([]byte, error) {
		return []byte("global_defs {\n    vrrp_iptables\n    vrrp_ipsets\n}\nuse_pid_dir\nuse_pid_dir\n"), nil
	}}})
	if got, want := reports.String(), "(a.conf: Line 2) vrrp_iptables has no effect: "; !strings.HasPrefix(got, want) || strings.Count(got, "has no effect") != 3 {
		t.Errorf("reports:\n%s", got)
	}
}

// no_accept beside a web server is most likely not meant.
func TestNoAcceptIsTold(t *testing.T) {
	_, reports := Read("a.conf", Options{Host: testHost, Text: text.Options{ReadFile: func(string) ([]byte, error) {
		return []byte("vrrp_instance A {\n    interface eth0\n    virtual_router_id 51\n    no_accept\n    virtual_ipaddress {\n        10.0.0.9\n    }\n}\n"), nil
	}}})
	const want = "(a.conf: Line 4) (A) with no_accept packets to 10.0.0.9 are dropped: the VIP answers neither HTTP nor ping\n"
	if got := reports.Of(text.KindAdvice).String(); got != want {
		t.Errorf("reports %q, want %q", got, want)
	}
}
