package interop

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// keepalived's own samples tell the kernel the same, before anything has failed. As many as have no virtual server in
// common are one configuration.
func TestKernelSamples(t *testing.T) {
	samples, _ := filepath.Glob("/usr/share/doc/keepalived/samples/keepalived.conf.*")
	if len(samples) == 0 {
		t.Skip("keepalived's samples are not installed")
	}
	var batches []*batch
	compared := 0
	for _, sample := range samples {
		data, err := os.ReadFile(sample)
		must(t, err)
		servers, heads := onlyServers(string(data))
		if len(heads) == 0 {
			continue
		}
		compared++
		at := slices.IndexFunc(batches, func(b *batch) bool {
			return !slices.ContainsFunc(heads, func(h string) bool { return slices.Contains(b.heads, h) })
		})
		if at < 0 {
			at, batches = len(batches), append(batches, &batch{})
		}
		b := batches[at]
		b.names = append(b.names, strings.TrimPrefix(filepath.Base(sample), "keepalived.conf."))
		b.heads, b.conf = append(b.heads, heads...), b.conf+servers
	}
	if compared < 10 {
		t.Errorf("only %d samples have virtual servers", compared)
	}
	for _, b := range batches {
		t.Run(strings.Join(b.names, ","), func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			p.configure(b.conf)
			p.start()
			p.stage("started", "-A ", "-a ")
		})
	}
}

// batch is samples that are one configuration.
type batch struct {
	names, heads []string
	conf         string
}

// onlyServers takes vrrp_instance blocks and the like away: addresses that no host has are of no concern here. Warm-up
// is made long, so that nothing is checked meanwhile. heads are what stands before the blocks.
func onlyServers(conf string) (servers string, heads []string) {
	var out strings.Builder
	depth, keep := 0, false
	for line := range strings.Lines(conf) {
		code, _, _ := strings.Cut(line, "#")
		words := strings.Fields(code)
		begins := depth == 0 && len(words) > 0
		if begins {
			keep = strings.HasPrefix(words[0], "virtual_server")
		}
		if depth += strings.Count(code, "{") - strings.Count(code, "}"); !keep {
			continue
		}
		out.WriteString(line)
		if begins && words[len(words)-1] == "{" {
			heads = append(heads, strings.Join(words[:len(words)-1], " "))
			if words[0] == "virtual_server" {
				out.WriteString("    warmup 600\n")
			}
		}
	}
	return out.String(), heads
}
