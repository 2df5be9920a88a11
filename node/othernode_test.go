package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/node/configuration"
	"tandem/session/resolver"
	"tandem/vrrp/vrrptest"
	"tandem/web"
	"tandem/web/acme"
	"tandem/web/rewrite"
)

// Before there is a configuration in force, and without VRRP, a node is alone: it waits
// for nobody, and what is told to it is nobody's.
func TestOtherNodeBeforeTheStart(t *testing.T) {
	w := newWhole(t)
	o := otherNode{w.node}
	o.Keep("acme/account/a", []byte("{}"))
	if err := o.Kept(t.Context(), "acme/account/a"); o.Leads() || err != nil {
		t.Errorf("leads %t, %v", o.Leads(), err)
	}
	for _, name := range []string{"acme/answer/a", "tls/ticket/a", purgeItem + "1", "somebody's"} {
		w.keep(name, []byte("nonsense"))
		w.keep(name, nil)
	}
	w.roleChanged()
	if w.keeper() != nil {
		t.Error("somebody gets certificates")
	}
	if err := w.purgeOther("key"); err == nil || err.Error() != "there is no VRRP instance" {
		t.Error(err)
	}
}

// A node whose keepalived.conf has no peer_key says that certificates stay with it, and
// that no other node purges its caches; an answer that it is told is given.
func TestOtherNodeWithoutKey(t *testing.T) {
	w := newWhole(t)
	w.source.Modules = configuration.Modules{HTTP: []*web.Module{web.Shared(resolver.Module), rewrite.Module, acme.Module}}
	t.Chdir(w.dir)
	one := `server_name a.test; acme_certificate ca; }
	resolver 127.0.0.1:1;
	acme_issuer ca { uri http://127.0.0.1:1/dir; state_path ` + w.dir + `/state; }
	server { listen unix:` + w.dir + `/socket;`
	w.configure(settings{top: "error_log " + w.dir + "/error.log warn;", pid: "nginx.pid", folder: ".", body: "body", listen: "listen " + freeAddress(t) + "; " + one,
		keepalived: anyInterface + fmt.Sprintf(wholeInstance, "VI_1", vrrptest.Interface, 1, "192.0.2.101")})
	if err := w.begin(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		w.stop(false)
		w.contact.close()
	}()
	const warning = "there is no peer_key in keepalived.conf"
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) { // logs are written beside
		text, err := os.ReadFile(filepath.Join(w.dir, "error.log"))
		if strings.Contains(string(text), warning) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%q is not logged: %v, %s", warning, err, text)
		}
	}
	if err := w.purgeOther("key"); err == nil || err.Error() != "no other node with the same peer_key is connected" {
		t.Error(err)
	}
	k := w.keeper()
	w.keep("acme/answer/token", []byte(`{"challenge":"http-01","name":"a.test","token":"token","key_auth":"told","until":"2100-01-01T00:00:00Z"}`))
	if got, ok := k.HTTP01("token"); !ok || got != "told" {
		t.Errorf("%q, %t", got, ok)
	}
	w.keep("acme/answer/token", nil)
	if got, ok := k.HTTP01("token"); ok {
		t.Errorf("%q stays", got)
	}
}
