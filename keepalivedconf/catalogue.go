package keepalivedconf

import "tandem/keepalivedconf/text"

// Keyword is a keyword as documentation has it.
type Keyword struct {
	Block []string // the blocks that it stands in, the outermost first; none at the top of the file
	Name  string
	Min   int        // parameters that must be there
	Opens text.Block // what follows it
	// Idle says why it has no effect, "" if it has one.
	Idle string
	// Help is the syntax, what it does and the default, of tandem's own keywords,
	// which are written @tandem KEYWORD; "" for those of keepalived.
	Help string
}

// Keywords returns every keyword that is read, block by block.
func Keywords() []Keyword {
	var all []Keyword
	var walk func(t keywords, block []string)
	walk = func(t keywords, block []string) {
		type inner struct {
			name string
			sub  keywords
		}
		var later []inner
		t.each(func(name string, min int, opens text.Block, sub keywords, help string) {
			all = append(all, Keyword{Block: block, Name: name, Min: min, Opens: opens, Idle: idle[name], Help: help})
			if sub != nil {
				later = append(later, inner{name, sub})
			}
		})
		for _, i := range later {
			walk(i.sub, append(block[:len(block):len(block)], i.name))
		}
	}
	walk(rootRows, nil)
	return all
}
