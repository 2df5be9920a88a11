// Package reference writes docs/reference: every directive of nginx.conf and every
// keyword of keepalived.conf, from the tables that the files are read with.
package reference

import (
	_ "embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"tandem/keepalivedconf"
	"tandem/keepalivedconf/text"
	nc "tandem/nginxconf"
	"tandem/node/configuration"
)

// nginxText lists nginx's own directives, a line each: core, http or stream, the
// name, and nginx's default if it is a plain value.
//
//go:embed nginx.txt
var nginxText string

// made stands at the top of each page.
const made = "<!-- Made by `go test . -run TestReference -update` from the tables that the program reads with. -->\n\n"

// Differences are the parts of docs/compat.md, by the names in them.
type Differences map[string][]string

var quoted = regexp.MustCompile("`([^`]+)`")

// ofKeepalived are the parts of docs/compat.md that are about keepalived.conf.
var ofKeepalived = []string{"Reading keepalived.conf", "VRRP", "Virtual servers", "Scripts, files, processes"}

// tooMany is how many names a line may have: one that lists half of the keywords
// tells nothing of each.
const tooMany = 12

// ReadDifferences says which parts of docs/compat.md tell of what: of nginx.conf,
// and of keepalived.conf.
func ReadDifferences(page string) (nginx, keepalived Differences) {
	nginx, keepalived = Differences{}, Differences{}
	d, section := nginx, ""
	var item strings.Builder
	end := func() {
		if names := quoted.FindAllStringSubmatch(item.String(), -1); len(names) <= tooMany {
			for _, m := range names {
				name, _, _ := strings.Cut(m[1], " ")
				if name = strings.TrimRight(name, ";"); !slices.Contains(d[name], section) {
					d[name] = append(d[name], section)
				}
			}
		}
		item.Reset()
	}
	for line := range strings.Lines(page) {
		title, begins := strings.CutPrefix(strings.TrimRight(line, "\n"), "## ")
		if begins || strings.HasPrefix(line, "- ") {
			end()
		}
		if begins {
			section = title
			if d = nginx; slices.Contains(ofKeepalived, title) {
				d = keepalived
			}
		}
		item.WriteString(line)
	}
	end()
	return nginx, keepalived
}

// links are the links to the parts.
func (d Differences) links(name string) string {
	var list []string
	for _, section := range d[name] {
		list = append(list, "[differs](../compat.md#"+strings.ReplaceAll(strings.ToLower(notInAnchors.ReplaceAllString(section, "")), " ", "-")+")")
	}
	return strings.Join(list, " ")
}

// notInAnchors is what is left out of a title where it is linked to.
var notInAnchors = regexp.MustCompile(`[^A-Za-z0-9 _-]`)

// directive is what is known of a directive in one module.
type directive struct {
	name, args, contexts, dflt string
	idle                       bool // accepted without any effect
}

// nginxDefaults returns nginx's directives with their defaults, by kind and name.
func nginxDefaults() map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(nginxText) {
		words := strings.SplitN(strings.TrimSpace(line), " ", 3)
		if len(words) < 2 {
			continue
		}
		value := ""
		if len(words) == 3 {
			value = words[2]
		}
		all[words[0]+" "+words[1]] = value
	}
	return all
}

// Directives is docs/reference/nginx.md.
func Directives(groups []configuration.Group, differ Differences) string {
	defaults := nginxDefaults()
	known := map[string]bool{}
	var page strings.Builder
	page.WriteString(made + "# Directives of nginx.conf\n\n" +
		"What tandem reads, module by module. *Arguments* is how many there may be, `{}` that a block follows. *Default* is nginx's, where it is\n" +
		"a plain value; an empty field means that there is none, or that it depends. A directive marked *no effect* is read and checked, and there is\n" +
		"nothing that it could change; *differs* leads to the part of [compat.md](../compat.md) that says how. nginx's directives that tandem does not have are [at the end](#not-there): they are refused by name.\n")
	for _, g := range groups {
		kind := "http"
		switch {
		case g.Stream:
			kind = "stream"
		case g.Module == "core":
			kind = "core"
		}
		var rows []directive
		for _, c := range g.Commands {
			known[kind+" "+c.Name] = true
			if c.In&^(nc.Main|nc.Events) == 0 {
				known["core "+c.Name] = true
			}
			rows = append(rows, directive{c.Name, c.Arity.String(), contexts(c.In), defaults[kind+" "+c.Name], c.Set == nil})
		}
		if len(rows) == 0 {
			continue
		}
		slices.SortStableFunc(rows, func(a, b directive) int { return strings.Compare(a.name, b.name) })
		title := g.Module
		if g.Stream && g.Module != "stream core" {
			title += " (stream)"
		}
		fmt.Fprintf(&page, "\n## %s\n\n| directive | arguments | contexts | default | |\n|---|---|---|---|---|\n", title)
		for _, r := range rows {
			note := ""
			if r.idle {
				note = "no effect"
			}
			if _, ofNginx := defaults[kind+" "+r.name]; !ofNginx && kind != "core" {
				note = strings.TrimSpace("not in nginx " + note)
			}
			note = strings.TrimSpace(note + " " + differ.links(r.name))
			dflt := r.dflt
			if dflt != "" {
				dflt = "`" + strings.ReplaceAll(dflt, "|", "\\|") + "`"
			}
			fmt.Fprintf(&page, "| `%s` | %s | %s | %s | %s |\n", r.name, strings.ReplaceAll(r.args, "|", "\\|"), r.contexts, dflt, note)
		}
	}
	page.WriteString("\n<a name=\"not-there\"></a>\n## Not there\n\nDirectives that nginx has and tandem refuses, by their kind.\n")
	for _, kind := range []string{"core", "http", "stream"} {
		var names []string
		for _, key := range slices.Sorted(maps.Keys(defaults)) {
			if name, ok := strings.CutPrefix(key, kind+" "); ok && !known[key] && !known["core "+name] && name != "include" {
				names = append(names, "`"+name+"`")
			}
		}
		if len(names) == 0 {
			names = []string{"none"}
		}
		fmt.Fprintf(&page, "\n%s: %s.\n", kind, strings.Join(names, ", "))
	}
	return page.String()
}

func contexts(in nc.Context) string {
	const everywhere = ^nc.Context(0)
	if in == everywhere {
		return "any"
	}
	return in.String()
}

// Keywords is docs/reference/keepalived.md.
func Keywords(list []keepalivedconf.Keyword, differ Differences) string {
	var page strings.Builder
	page.WriteString(made + "# Keywords of keepalived.conf\n\n" +
		"What is read, block by block. *Parameters* is how many have to be there; *block* that lines follow in braces. A keyword with\n" +
		"*no effect* is read and checked, and tandem says at the start why nothing follows from it. tandem's own keywords are [on a page of their own](tandem.md).\n")
	last := "-"
	for _, k := range list {
		if k.Help != "" {
			continue
		}
		if block := strings.Join(k.Block, " / "); block != last {
			last = block
			if block == "" {
				block = "at the top of the file"
			}
			fmt.Fprintf(&page, "\n## %s\n\n| keyword | parameters | block | |\n|---|---|---|---|\n", block)
		}
		note := ""
		if k.Idle != "" {
			note = "no effect: " + k.Idle
		}
		note = strings.TrimSpace(note + " " + differ.links(k.Name))
		block := map[text.Block]string{text.Values: "values", text.Keywords: "keywords", text.Optional: "keywords, or none"}[k.Opens]
		fmt.Fprintf(&page, "| `%s` | %d | %s | %s |\n", k.Name, k.Min, block, strings.ReplaceAll(note, "|", "\\|"))
	}
	return page.String()
}

// Own returns tandem's own keywords, each once, with the blocks that it may stand in.
func Own(list []keepalivedconf.Keyword) (own []keepalivedconf.Keyword, in map[string][]string) {
	in = map[string][]string{}
	for _, k := range list {
		if k.Help == "" {
			continue
		}
		if in[k.Name] == nil {
			own = append(own, k)
		}
		if block := strings.Join(k.Block, " / "); !slices.Contains(in[k.Name], block) {
			in[k.Name] = append(in[k.Name], block)
		}
	}
	return own, in
}

// OwnKeywords is docs/reference/tandem.md.
func OwnKeywords(list []keepalivedconf.Keyword) string {
	var page strings.Builder
	page.WriteString(made + "# tandem's own keywords\n\n" +
		"They stand in keepalived.conf as lines that begin with `@tandem`: keepalived skips a line that begins with `@` and a name that is not its own, so that the\n" +
		"file can be used by both. In global_defs they are the default of all instances.\n\n    @tandem vip_lease 2\n\n| keyword | what it does | stands in |\n|---|---|---|\n")
	own, in := Own(list)
	for _, k := range own {
		syntax, rest, _ := strings.Cut(k.Help, ": ")
		fmt.Fprintf(&page, "| `%s` | %s | %s |\n", strings.ReplaceAll(syntax, "|", "\\|"), strings.ReplaceAll(rest, "|", "\\|"), strings.Join(in[k.Name], ", "))
	}
	return page.String()
}
