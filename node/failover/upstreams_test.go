package failover

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/internal/logfile"
	"tandem/node/configuration"
	"tandem/proxy"
	"tandem/proxy/block"
	"tandem/proxy/check"
	"tandem/proxy/exchange"
	"tandem/proxy/upstream"
	"tandem/web"
)

// What keepalived.conf says of upstreams is held against nginx.conf, and
// becomes what the self-probe depends on.
func TestUpstreamsOfSelfProbe(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		full := filepath.Join(dir, name)
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return full
	}
	o := &configuration.Source{Prefix: dir + "/", ConfigID: configuration.DefaultID,
		Modules: configuration.Modules{HTTP: []*web.Module{exchange.Module, proxy.Module, check.Module}}}
	o.Nginx = write("nginx.conf", `error_log `+dir+`/error.log; events {}
http {
	upstream app { server 127.0.0.1:81; server 127.0.0.1:82; server 127.0.0.1:83 down; }
	upstream plain { server 127.0.0.1:81; }
	server { listen 127.0.0.1:8080; location / { proxy_pass http://app; health_check; } }
}`)
	o.Keepalived = write("keepalived.conf", `global_defs {
	@tandem self_probe_upstream plain
}
vrrp_instance VI_1 {
	interface lo
	virtual_router_id 1
	virtual_ipaddress { 192.0.2.1 }
	self_probe {
		upstream app none
	}
}
vrrp_instance VI_2 {
	interface lo
	virtual_router_id 2
	virtual_ipaddress { 192.0.2.2 }
}
`)
	c, errs := configuration.Load(o, new(logfile.Set), nil)
	defer c.Release()
	if errs.Failed() {
		t.Fatal(errs)
	}
	reports := c.Reports.String()
	for _, want := range []string{
		"Line 2) self_probe: upstream 'plain' has no health_check", "Line 9) self_probe: there is no upstream 'none' in nginx.conf, ignored",
	} {
		if strings.Count(reports, want) != 1 {
			t.Errorf("not once: %s\nin\n%s", want, reports)
		}
	}
	if strings.Contains(reports, "'app'") {
		t.Errorf("app is as it should be:\n%s", reports)
	}

	f := &Config{Keepalived: c.Keepalived, Upstream: func(name string) Upstream {
		if group := block.Find(&c.HTTP.Realm, name); group != nil {
			return group
		}
		return nil
	}}
	probe := f.selfProbe(f.Keepalived.Instances[0], nil, nil)
	if len(probe.Conditions) != 2 {
		t.Fatalf("%d conditions, want those of plain and app", len(probe.Conditions))
	}
	well := func() string {
		for _, holds := range probe.Conditions {
			if err := holds(); err != nil {
				return err.Error()
			}
		}
		return ""
	}
	app := block.Find(&c.HTTP.Realm, "app")
	check := &upstream.Check{Fails: 1, Passes: 1}
	app.AddCheck(check, nil)
	for i, p := range app.Peers()[:2] {
		if got := well(); got != "" {
			t.Errorf("with %d unhealthy peers: %s", i, got)
		}
		app.Found(check, p, "refused", time.Now())
	}
	if got := well(); got != "upstream app has no healthy peer" {
		t.Errorf("without healthy peers: %q", got)
	}
	app.Found(check, app.Peers()[1], "", time.Now())
	if got := well(); got != "" {
		t.Errorf("when a peer is back: %s", got)
	}
}
