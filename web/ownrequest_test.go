package web

import (
	"slices"
	"testing"

	nc "tandem/nginxconf"
	"tandem/session"
)

// A request that no client has sent has all variables, some of them empty.
func TestOwnRequest(t *testing.T) {
	h := new(HTTP)
	tree, errs := nc.Read("nginx.conf", nc.Options{ReadFile: func(string) ([]byte, error) {
		return []byte("http { server { server_name a.example; location /x { } } }"), nil
	}})
	if errs == nil {
		errs = nc.NewTable(h.Commands(nil)...).Bind(tree, nil, nc.BindOptions{})
	}
	if errs != nil {
		t.Fatal(errs)
	}
	l := h.Servers[0].Location.inner[0]
	r, err := l.OwnRequest("/a%20b//c?d=e", "test")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"uri": "/a b/c", "args": "d=e", "arg_d": "e", "request_uri": "/a%20b//c?d=e", "request_method": "GET", "scheme": "http",
		"host": "a.example", "http_host": "", "http_user_agent": "test", "remote_addr": "", "remote_port": "", "server_port": "",
		"server_addr": "", "connection": "0", "status": "000", "request_body": "", "tcpinfo_rtt": "", "server_protocol": "HTTP/1.0",
	}
	offered := session.Common
	for i := range coreVariables {
		offered = append(slices.Clip(offered), coreVariables[i].forSession())
	}
	for _, v := range offered {
		if v.Family != nil {
			v.Name += "x"
		}
		if _, tested := want[v.Name]; !tested {
			_, _ = r.NamedVariable(v.Name, nil)
		}
	}
	for name, value := range want {
		if got, _ := r.NamedVariable(name, nil); string(got) != value {
			t.Errorf("$%s is %q, want %q", name, got, value)
		}
	}
	ended := false
	r.OnEnd(func() { ended = true })
	r.End()
	if !ended {
		t.Error("End did not end the request")
	}
	if _, err := l.OwnRequest("no path", "test"); err == nil {
		t.Error("a request was made for no path")
	}
}
