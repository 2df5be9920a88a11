package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// forbidden are the directions in which packages must not import each other.
// A package is named with everything below it, but for those in beneath.
var forbidden = []struct{ from, to, why string }{
	{"web", "static", "the server is given its modules by modules.go and knows none"},
	{"web", "proxy", "the server is given its modules by modules.go and knows none"},
	{"web", "vrrp", "serving and failing over meet in node, through health, and nowhere else"},
	{"web", "health", "the server is asked for its health as by any client"},
	{"vrrp", "web", "serving and failing over meet in node, through health, and nowhere else"},
	{"vrrp", "health", "the state machines are told the verdict; they do not ask for it"},
	{"vrrp", "notify", "the router tells what happens and does not know whom"},
	{"health", "web", "health asks through a socket"},
	{"health", "vrrp", "health has a verdict; what follows from it is decided elsewhere"},
	{"proxy/upstream", "web", "peers, balancers and pools serve every protocol"},
	{"vrrp/fsm", "vrrp/netif", "decisions are pure"},
	{"vrrp/fsm", "os", "decisions are pure"},
	{"vrrp/fsm", "net", "decisions are pure: net/netip is all of the network that they know"},
	{"vrrp/packet", "net", "the codec is pure: net/netip is all of the network that it knows"},
	{"vrrp/packet", "os", "the codec is pure"},
	{"web/http1/wire", "web", "the wire knows no server"},
	{"web/message", "web", "what the versions of HTTP share knows none of them, nor the server"},
	{"web/message", "nginxconf", "what the versions of HTTP share knows no configuration"},
	{"web/http1", "net/http", "the HTTP/1 path is our own"},
	{"web/http1", "nginxconf", "the wire knows no configuration, and its directives are the core's"},
	{"web/http2", "web/http1", "protocols do not know each other"},
	{"web/http1", "web/http2", "protocols do not know each other"},
	{"internal/h2", "net/http", "the HTTP/2 path is our own"},
	{"web/http2", "net/http", "the HTTP/2 path is our own"},
	{"nginxconf", "web", "a language knows none of its users"},
	{"nginxconf", "keepalivedconf", "the languages have nothing in common but their reader's patience"},
	{"keepalivedconf", "vrrp", "a language knows none of its users"},
	{"keepalivedconf", "nginxconf", "the languages have nothing in common but their reader's patience"},
	{"internal/flow", "net/http", "the bytes of a connection know no protocol"},
	{"internal", "proxy", "what is below knows nothing of what is above"},
	{"internal", "web", "what is below knows nothing of what is above"},
	{"internal", "vrrp", "what is below knows nothing of what is above"},
	{"internal", "nginxconf", "what is below knows nothing of what is above"},
	{"internal/process", "keepalivedconf", "a process is entered, limited and kept in memory whatever configuration says so"},
	{"node/configuration", "node/failover", "a configuration is read; what is done with it is decided above"},
	{"node/failover", "node/configuration", "failing over is told what it needs of a configuration"},
	{"node/failover", "nginxconf", "failing over is told what it needs of a configuration"},
	{"node/failover", "web", "failing over sees the web side through health and handover.Web"},
	{"web", "node", "what is below knows nothing of what is above"},
	{"vrrp", "node", "what is below knows nothing of what is above"},
	{"proxy", "node", "what is below knows nothing of what is above"},
	{"internal", "node", "what is below knows nothing of what is above"},
}

// beneath are packages that lie lower than their folder says: what a rule says
// of the folder it does not say of them.
var beneath = []string{"web/message"}

// core are the packages of its own folder that the server itself may import: the
// others bring it their protocols and modules.
var core = []string{"web/message", "web/openfile"}

func TestImportDirections(t *testing.T) {
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (strings.HasPrefix(d.Name(), ".") && name != "." || d.Name() == "testdata") {
			return errOrSkip(err)
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		from := path.Dir(filepath.ToSlash(name))
		for _, imp := range f.Imports {
			full, _ := strconv.Unquote(imp.Path.Value)
			to, own := strings.CutPrefix(full, "tandem/")
			if from == "web" && within(to, "web") && !slices.Contains(core, to) {
				t.Errorf("%s imports %s: the server is given its protocols and modules by modules.go and knows none", name, full)
			}
			for _, rule := range forbidden {
				// Our own packages include what is below them; the standard
				// library's are meant as they are.
				hit := own && within(to, rule.to) || !own && to == rule.to
				if slices.Contains(beneath, to) && to != rule.to {
					continue
				}
				if within(from, rule.from) && hit && !within(rule.to, from) && !within(to, rule.from) {
					t.Errorf("%s imports %s: %s", name, full, rule.why)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func errOrSkip(err error) error {
	if err != nil {
		return err
	}
	return filepath.SkipDir
}

func within(pkg, root string) bool { return pkg == root || strings.HasPrefix(pkg, root+"/") }
