package main

import (
	"testing"

	"tandem/web/webtest"
)

// Health checks evaluate variables for requests that no client has sent: all of
// them have to bear that.
func TestVariablesWithoutClient(t *testing.T) {
	h, _, errs := webtest.Load(t.TempDir(), "events {}\nhttp { server { listen 127.0.0.1:8080; } }", modules.HTTP)
	if errs.Failed() {
		t.Fatal(errs)
	}
	r, err := h.Servers[0].Location.OwnRequest("/", "test")
	if err != nil {
		t.Fatal(err)
	}
	defer r.End()
	tested := 0
	try := func(name string, family bool) {
		if family {
			name += "x"
		}
		_, _ = r.NamedVariable(name, nil)
		tested++
	}
	for _, m := range modules.HTTP {
		for _, v := range m.Variables {
			try(v.Name, v.Family != nil)
		}
		for _, v := range m.Shared {
			try(v.Name, v.Family != nil)
		}
	}
	if tested < 50 {
		t.Errorf("only %d variables were found", tested)
	}
}
