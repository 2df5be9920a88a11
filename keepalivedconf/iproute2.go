package keepalivedconf

import (
	"path"
	"strings"

	"tandem/keepalivedconf/text"
)

// nameTable is one of iproute2's tables of names for numbers: the file it is read from, the names that hold without one,
// and the largest number.
type nameTable struct {
	file  string
	named map[string]uint32
	most  uint64
}

// The name tables that routes, rules and addresses use.
var (
	tableNames = nameTable{"rt_tables", map[string]uint32{"default": 253, "main": 254, "local": 255}, maxUint32}
	scopeNames = nameTable{"rt_scopes", map[string]uint32{"global": 0, "nowhere": 255, "host": 254, "link": 253, "site": 200}, 255}
	protoNames = nameTable{"rt_protos", map[string]uint32{
		"none": 0, "redirect": 1, "kernel": 2, "boot": 3, "static": 4, "gated": 8, "ra": 9, "mrt": 10, "zebra": 11,
		"bird": 12, "dnrouted": 13, "xorp": 14, "ntk": 15, "dhcp": 16, "babel": 42,
	}, 255}
	dsfieldNames = nameTable{"rt_dsfield", nil, 255}
	realmNames   = nameTable{"rt_realms", nil, 255}
	groupNames   = nameTable{"group", nil, maxInt32}
)

// iproute2Dirs is where distributions keep the files; a file in the first hides its namesake in the second.
var iproute2Dirs = []string{"/etc/iproute2", "/usr/share/iproute2"}

// find returns the number of a name, or the number itself if one is written.
func (b *builder) find(t nameTable, word string) (uint32, bool) {
	if v, ok := text.Number(word, maxUint32); ok {
		return uint32(v), v <= t.most
	}
	for _, dir := range iproute2Dirs {
		data, err := b.opt.Text.ReadFile(path.Join(dir, t.file))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			line, _, _ = strings.Cut(line, "#")
			fields := strings.Fields(line)
			if len(fields) != 2 || fields[1] != word {
				continue
			}
			if v, ok := text.Number(fields[0], t.most); ok {
				return uint32(v), true
			}
		}
		break
	}
	v, ok := t.named[word]
	return v, ok
}

// realms reads "TO" or "FROM/TO".
func (b *builder) realms(word string) (uint32, bool) {
	first, second, both := strings.Cut(word, "/")
	v, ok := b.find(realmNames, first)
	if !both || !ok {
		return v, ok
	}
	to, ok := b.find(realmNames, second)
	return v<<16 | to, ok
}
