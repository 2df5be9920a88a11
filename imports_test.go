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

// rule is a direction in which packages must not import each other. A package is
// named with everything below it, but for those in beneath.
type rule struct{ from, to, why string }

const (
	twoSides  = "serving and failing over meet in node, through health and a socket, and nowhere else"
	fromBelow = "what is below knows nothing of what is above"
)

// forbidden are the directions that no other rule forbids: see serving and below.
var forbidden = []rule{
	{"session", "web", "what http and stream stand on knows neither"},
	{"session", "web/message", "what http and stream stand on knows neither"},
	{"session", "stream", "what http and stream stand on knows neither"},
	{"web", "stream", "the servers of http and stream do not know each other"},
	{"stream", "web", "the servers of http and stream do not know each other"},
	{"stream", "web/message", "the servers of http and stream do not know each other"},
	{"session", "static", "what http and stream stand on knows neither"},
	{"session", "proxy", "what http and stream stand on does not know what stands beside it"},
	{"web", "static", "the server is given its modules by modules.go and knows none"},
	{"web", "proxy", "the server is given its modules by modules.go and knows none"},
	{"stream", "static", "the two servers meet in session and in node"},
	{"stream", "proxy/exchange", "the two servers meet in session and in node"},
	{"proxy/block", "stream", "the upstream language serves any protocol"},
	{"vrrp", "health", "the state machines are told the verdict; they do not ask for it"},
	{"vrrp", "notify", "the router tells what happens and does not know whom"},
	{"health/check", "keepalivedconf", "whoever asks for a check says what is to be checked"},
	{"health/check", "net/http", "what is asked for is keepalived's, to the byte"},
	{"vserver/relay", "keepalivedconf", "an engine is told what to serve by a table"},
	{"vserver/relay", "health", "an engine is told what to serve by a table"},
	{"node/balance", "vrrp", "virtual servers are told which instances are master"},
	{"node/balance", "nginxconf", "virtual servers do not depend on the web side"},
	{"node/balance", "web", "virtual servers do not depend on the web side"},
	{"vserver", "vrrp", "virtual servers are told which addresses the host has"},
	{"health", "vrrp", "health has a verdict; what follows from it is decided elsewhere"},
	{"proxy/upstream", "web", "peers, balancers and pools serve every protocol"},
	{"proxy/answer", "proxy/exchange", "an answer need not have come over the wire"},
	{"proxy/answer", "proxy/upstream", "an answer need not have come from a peer"},
	{"proxy/block", "proxy/exchange", "the upstream language says who may be asked, not how"},
	{"proxy/block", "web", "the upstream language serves any protocol"},
	{"proxy/checker", "web", "peers are asked in any protocol"},
	{"proxy/checker", "proxy/exchange", "peers are asked in any protocol"},
	{"proxy/secure", "web", "connections are made for any protocol"},
	{"proxy/cache", "proxy/exchange", "what is kept need not have come over the wire"},
	{"proxy/cache/index", "os", "what is removed when is pure"},
	{"proxy/cache/entry", "os", "the format is pure"},
	{"proxy/cache/rfc9111", "web", "what the RFC says is pure"},
	{"proxy/cache/rfc9111", "os", "what the RFC says is pure"},
	{"proxy/secure", "proxy/exchange", "connections are made for any protocol"},
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
	{"nginxconf", "session", "a language knows none of its users"},
	{"keepalivedconf", "vrrp", "a language knows none of its users"},
	{"vrrp/netif", "keepalivedconf", "the kernel has no configuration file"},
	{"vserver/ipvs", "keepalivedconf", "the kernel has no configuration file"},
	{"vserver/ipvs", "vrrp", "what is forwarded where knows no VRRP"},
	{"bfd", "vrrp", "who is told of a session is decided above"},
	{"bfd", "keepalivedconf", "who speaks is told with whom"},
	{"bfd/session", "os", "the rules of a session are pure"},
	{"bfd/session", "net", "the rules of a session are pure"},
	{"bfd/packet", "net", "the codec is pure"},
	{"vserver/table", "os", "what is wanted is pure"},
	{"vserver/table", "net", "what is wanted is pure: net/netip is all of the network that it knows"},
	{"keepalivedconf/text", "keepalivedconf", "the language knows no keywords"},
	{"internal/relay", "net/http", "bytes are carried whatever they mean"},
	{"internal/datagram", "net", "datagrams are the kernel's: net/netip is all of the network that is needed"},
	{"internal/flow", "net/http", "the bytes of a connection know no protocol"},
	{"node/configuration", "node/failover", "a configuration is read; what is done with it is decided above"},
	{"node/failover", "node/configuration", "failing over is told what it needs of a configuration"},
	{"node/failover", "nginxconf", "failing over is told what it needs of a configuration"},
	{"node/datafiles", "node/configuration", "the files tell of VRRP alone"},
	{"node/datafiles", "node/failover", "the files are told what they tell"},
	{"node/failover", "web", "failing over sees the web side through health and handover.Web"},
	{"web", "node", fromBelow},
	{"vrrp", "node", fromBelow},
	{"proxy", "node", fromBelow},
	{"session", "node", fromBelow},
	{"stream", "node", fromBelow},
	{"acme", "node", fromBelow},
	{"acme", "web", "certificates are got for whoever wants them"},
	{"acme", "session", "certificates are got for whoever wants them"},
	{"acme", "nginxconf", "what is wanted is configured above"},
}

// serving and failingOver are the two sides of a node, each with its language.
// They meet in node, and nowhere else.
var (
	serving     = []string{"acme", "web", "static", "proxy", "session", "nginxconf"}
	failingOver = []string{"vrrp", "health", "notify", "vserver", "bfd", "keepalivedconf"}
)

// below is what lies under both sides.
var below = []string{"internal", "status"}

// beneath are packages that lie lower than their folder says: what a rule says
// of the folder it does not say of them.
var beneath = []string{"web/message"}

// core are the packages of its own folder that the server itself may import: the
// others bring it their protocols and modules.
var core = []string{"web/message", "web/openfile"}

func TestImportDirections(t *testing.T) {
	forbidden := slices.Clone(forbidden)
	for _, one := range serving {
		for _, other := range failingOver {
			forbidden = append(forbidden, rule{one, other, twoSides}, rule{other, one, twoSides})
		}
	}
	for _, from := range below {
		for _, to := range slices.Concat(serving, failingOver, []string{"web/message", "node", "demo"}) {
			forbidden = append(forbidden, rule{from, to, fromBelow})
		}
	}
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
			for _, r := range forbidden {
				// Our own packages include what is below them; the standard
				// library's are meant as they are.
				hit := own && within(to, r.to) || !own && to == r.to
				if slices.Contains(beneath, to) && to != r.to {
					continue
				}
				if within(from, r.from) && hit && !within(r.to, from) && !within(to, r.from) {
					t.Errorf("%s imports %s: %s", name, full, r.why)
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
