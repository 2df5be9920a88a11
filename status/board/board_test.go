package board

import (
	"regexp"
	"strings"
	"testing"

	"tandem/status"
)

// Nothing in the page makes markup of what it is told, asks another host, or runs
// what its policy does not name.
func TestPageShowsOnlyText(t *testing.T) {
	text := string(Page())
	for _, bad := range []string{`innerHTML\s*[+]?=[^=]`, `outerHTML`, `insertAdjacentHTML`, `document\.write`, `\beval\b`, `Function\(`, `DOMParser`, `srcdoc`,
		`createContextualFragment`, `setHTML`, `\son\w+="`, `https?://[a-z0-9./]*`, `/\*style\*/`, `/\*script\*/`} {
		for _, found := range regexp.MustCompile(bad).FindAllString(text, -1) {
			if !strings.HasPrefix(found, "http://www.w3.org/2000/svg") {
				t.Errorf("the page has %q", found)
			}
		}
	}
	policy := Headers[0].Value
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, hash(script)) || !strings.Contains(policy, hash(style)) {
		t.Errorf("policy %s", policy)
	}
	if !strings.Contains(text, "<style>"+string(style)+"</style>") || !strings.Contains(text, "<script>"+string(script)+"</script>") {
		t.Error("what the policy names is not what the page has")
	}
}

func TestOrders(t *testing.T) {
	for command, want := range map[string]bool{
		"demote": true, "promote": true, "reload": true, "upstream http app set 127.0.0.1:80 drain": true,
		"": false, "upstream": false, "demote now": false, "memory-log": false, "status": false, "cache purge *": false, "renew a": false,
		"demote\nreload": false, "upstream http app set a drain\nreload": false, "Demote": false, "upstreamx y": false,
	} {
		if got := IsOrder(command); got != want {
			t.Errorf("%q: %t", command, got)
		}
	}
}

// An event is one, whatever names have in them.
func TestEvent(t *testing.T) {
	event := string(Event(&status.Report{Node: "a\n\ndata: {}\r</script>"}, true))
	if strings.Count(event, "\n") != 2 || !strings.HasPrefix(event, `data: {"report":`) || !strings.HasSuffix(event, ",\"may\":true}\n\n") || strings.ContainsAny(event, "\r<") {
		t.Errorf("%q", event)
	}
}
